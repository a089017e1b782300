import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from support.bad_server import FORM_PAGE, LINK_PAGE, OTHER_PAGE, QUOTA_PAGE

from stylenat.data.drive_pages import PAGE_BYTES, Fault, Page, QuotaFault, is_page, read_page, way_past
from stylenat.data.transfer import Again, check_status

DRIVE = "https://drive.google.com/uc?export=download&id=abc"
FORM = FORM_PAGE.format(root="https://drive.usercontent.google.com", key="abc")
LINK = LINK_PAGE.format(key="abc")


def read(text, url=DRIVE):
    return read_page([text.encode()], url)


def link_to(address):
    return read(f'<title>Virus scan warning</title><a id="uc-download-link" href="{address}">go</a>').confirm_url


@pytest.mark.parametrize(
    "text",
    [
        QUOTA_PAGE,
        "<title>Google Drive - Quota exceeded</title>",
        "<title>Sorry</title><p>Too many users have\n   viewed or downloaded this file recently.</p>",
        "<html><body>The download quota for this file has been exceeded.</body></html>",
    ],
)
def test_a_quota_page_is_known_by_its_title_or_its_words(text):
    assert read(text).kind == "quota"


def test_words_in_scripts_and_styles_mean_nothing():
    text = "<title>Sign in</title><script>'quota exceeded'</script><style>/* virus scan warning */</style>"
    assert read(text) == Page("other", "Sign in")


def test_the_form_of_a_virus_warning_gives_its_address_with_the_hidden_fields():
    page = read(FORM)
    assert page.kind == "virus"
    assert page.confirm_url == (
        "https://drive.usercontent.google.com/download?id=abc&export=download&confirm=t&uuid=5e-0c"
    )


def test_a_form_that_has_its_fields_in_its_address_will_do():
    text = '<form id="download-form" action="/uc?id=a%26b&amp;confirm=t#top" method="post"><input type="submit"></form>'
    assert read(text).confirm_url == "https://drive.google.com/uc?id=a%26b&confirm=t"


def test_only_hidden_fields_of_that_form_count():
    other = '<form><input type="hidden" name="confirm" value="other"></form>'
    form = '<form id="download-form" action="/d"><input name="q" value="1">{}</form>'
    assert read(form.format("") + other).confirm_url is None
    confirm = '<input type="hidden" name="confirm" value="t">'
    assert read(other + form.format(confirm)).confirm_url == "https://drive.google.com/d?confirm=t"


def test_the_link_of_an_older_virus_warning_is_followed_on_its_own_host():
    assert read(LINK).confirm_url == "https://drive.google.com/uc?export=download&confirm=xYz9&id=abc"
    assert read(LINK, "http://127.0.0.1:8080/x").confirm_url == (
        "http://127.0.0.1:8080/uc?export=download&confirm=xYz9&id=abc"
    )


def test_a_virus_warning_about_a_file_named_like_a_quota_is_one():
    assert read(FORM.replace("<form", "<b>quota exceeded.zip</b><form")).kind == "virus"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/uc?confirm=t",
        "https://google.com.evil.example/uc?confirm=t",
        "https://notgoogle.com/uc?confirm=t",
        "https://user@drive.google.com/uc?confirm=t",
        "https://evil.example\\@drive.google.com/uc?confirm=t",
        "ftp://drive.google.com/uc?confirm=t",
        "javascript:alert(1)?confirm=t",
        "file:///etc/passwd?confirm=t",
        "https://[drive.google.com/uc?confirm=t",
        "/uc?export=download",
        "",
    ],
)
def test_a_confirmation_that_leads_elsewhere_is_not_followed(address):
    assert link_to(address) is None


@pytest.mark.parametrize("host", ["drive.google.com", "docs.google.com", "doc-0k.drive.googleusercontent.com"])
def test_hosts_of_google_are_followed(host):
    assert link_to(f"https://{host}/uc?confirm=t") == f"https://{host}/uc?confirm=t"


def test_a_warning_without_a_form_or_a_link_is_still_a_warning():
    assert read("<p>Google Drive can’t scan this file for viruses.</p>") == Page("virus", "")


def test_a_title_is_one_short_line_of_printable_signs():
    title = read(OTHER_PAGE).title
    assert title == "Sign in & go on"
    long = read("<title>a\x00b\n\tc " + "d" * 1000 + "</title>").title
    assert long.startswith("a")
    assert long.isprintable()
    assert len(long) == 120


def test_only_the_first_256_kib_are_read():
    taken = []

    def chunks():
        for number in range(100):
            taken.append(number)
            yield b" " * (PAGE_BYTES // 8) if number else b"<title>t</title>"
        yield b"quota exceeded"

    assert read_page(chunks(), DRIVE) == Page("other", "t")
    assert len(taken) == 9
    assert read(" " * PAGE_BYTES + "quota exceeded").kind == "other"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"<", b"<title", b"<!", b"<![x", b"&#99999999999;", b"<![x a"])
def test_any_bytes_will_do(data):
    assert read_page([data], DRIVE).kind == "other"
    assert read_page([QUOTA_PAGE.encode() + data], DRIVE).kind == "quota"


@pytest.mark.parametrize("piece", ["<a ", "<!--", "<?", "<a b='", "</a ", "<!-- >", "<a b='>", "<![CDATA[>"])
def test_a_page_that_never_ends_its_tags_takes_no_time(piece):
    started = time.monotonic()
    read(piece * (PAGE_BYTES // len(piece)))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("content_type", "head", "path", "expected"),
    [
        ("text/html; charset=utf-8", b"\x89PNG", "a.png", True),
        ("Text/HTML", b"", "a.png", True),
        ("image/png", b"\x89PNG", "a.png", False),
        ("text/htmlish", b"", "a.png", False),
        ("application/octet-stream", b"<!DOCTYPE html><p>", "a.png", True),
        ("", b"\xef\xbb\xbf \r\n<HTML lang=en>", "a.json", True),
        ("", b"see <html>", "a.json", False),
        ("text/html", b"<html>", "docs/index.HTML", False),
        ("text/html", b"<html>", "index.htm", False),
    ],
)
def test_a_page_is_told_from_a_file(content_type, head, path, expected):
    assert is_page(content_type, head, path) is expected


def test_a_warning_is_confirmed_once_and_other_pages_are_faults():
    assert way_past(read(FORM), False).startswith("https://drive.usercontent.google.com/download?")
    for page, is_confirmed in ((read(FORM), True), (Page("virus", ""), False)):
        with pytest.raises(Fault, match=r"asks to confirm a virus-scan warning .*; fetch it with a browser$"):
            way_past(page, is_confirmed)
    with pytest.raises(QuotaFault, match="download quota is used up"):
        way_past(read(QUOTA_PAGE), False)
    with pytest.raises(Fault, match="a page instead of the file, titled 'Sign in & go on'"):
        way_past(read(OTHER_PAGE), False)


def test_statuses_that_hold_a_file_pass():
    check_status(200, {})
    check_status(206, {})


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_host_may_be_asked_again_and_what_arrived_is_kept(status):
    with pytest.raises(Again, match=rf"^the host answered {status} \w") as caught:
        check_status(status, {})
    assert (caught.value.keep, caught.value.wait_s) == (True, 0)


def test_after_416_what_arrived_is_thrown_away():
    with pytest.raises(Again) as caught:
        check_status(416, {})
    assert not caught.value.keep


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410, 451, 501, 799])
def test_other_statuses_are_faults(status):
    with pytest.raises(Fault, match=re.escape(f"the host answered {status}")):
        check_status(status, {})


def soon(seconds, **kind):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), **kind)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        (" 12 ", 12, 12),
        (lambda: soon(100, usegmt=True), 98, 100),
        (lambda: soon(100).replace("+0000", "-0000"), 98, 100),
        (lambda: soon(-100, usegmt=True), -102, -100),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("", 0, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, low, high):
    with pytest.raises(Again) as caught:
        check_status(429, {"Retry-After": value() if callable(value) else value})
    assert low <= caught.value.wait_s <= high
