"""Pages in place of a file, as Google Drive sends them: its quota is used up, or a virus warning wants an answer."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

PAGE_BYTES = 256 << 10  # enough of a page to know it by
_TITLE_CHARACTERS = 120
_OPENINGS = (b"<!doctype html", b"<html")
_GOOGLE = (".google.com", ".googleusercontent.com")
_VIRUS = re.compile(r"virus scan warning|can.t scan this file for viruses|too large for google to scan", re.IGNORECASE)
_QUOTA = re.compile(r"quota exceeded|too many users have viewed or downloaded this file|download quota", re.IGNORECASE)


class Fault(Exception):
    """A file can't be had in this run."""


class QuotaFault(Fault):
    """The host gives out no more for about a day."""


@dataclass(frozen=True)
class Page:
    """A page in place of a file; `confirm_url` leads past a virus warning, None when there is no safe way."""

    kind: Literal["quota", "virus", "other"]
    title: str
    confirm_url: str | None = None


def is_page(content_type: str, head: bytes, path: str) -> bool:
    """Whether an answer, of which `head` is the beginning, is a page although `path` isn't one."""
    if path.lower().endswith((".html", ".htm")):
        return False
    is_html = content_type.partition(";")[0].strip().lower() == "text/html"
    return is_html or head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_OPENINGS)


def read_page(chunks: Iterable[bytes], url: str) -> Page:
    """Tell what the page at `url` says, from its first 256 KiB; any bytes will do."""
    data = b""
    for chunk in chunks:
        data += chunk
        if len(data) >= PAGE_BYTES:
            break
    # Of a tag that never ends, which may hold the parser for minutes, the bracket goes.
    text = re.sub(r"<(?=[^<>]*<)", "", data[:PAGE_BYTES].decode("utf-8", "replace"))
    reader = _Reader()
    with suppress(AssertionError):  # the parser's word for a declaration that is none
        reader.feed(text)
        reader.close()
    title = one_line("".join(reader.title))[:_TITLE_CHARACTERS]
    said = one_line(f"{title} {' '.join(reader.text)}")
    # The warning comes first: it quotes the file's name, which may hold any words.
    if reader.target is not None or _VIRUS.search(said):
        return Page("virus", title, _confirmation(reader, url))
    return Page("quota" if _QUOTA.search(said) else "other", title)


def way_past(page: Page, is_confirmed: bool) -> str:
    """The address that confirms a virus warning not yet confirmed; any other page raises Fault."""
    if page.kind == "quota":
        raise QuotaFault("the host's download quota is used up")
    if page.kind == "other":
        raise Fault(f"the host sent a page instead of the file, titled {page.title!r}")
    if is_confirmed or page.confirm_url is None:
        raise Fault(
            "the host asks to confirm a virus-scan warning that this program can't answer; fetch it with a browser"
        )
    return page.confirm_url


class _Reader(HTMLParser):
    """Gathers the title, the words, and the form or the link that confirms a virus warning."""

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.text: list[str] = []
        self.target: str | None = None  # where the form or the link leads
        self.fields: dict[str, str] = {}
        self._inside = ""  # the title, script or style element that is open
        self._in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's beginning."""
        values = {name: value or "" for name, value in attrs}
        if tag in ("title", "script", "style"):
            self._inside = tag
        elif tag == "form" and values.get("id") == "download-form":
            self.target, self._in_form = values.get("action", ""), True
        elif tag == "input" and self._in_form and values.get("type", "").lower() == "hidden" and values.get("name"):
            self.fields[values["name"]] = values.get("value", "")
        elif tag == "a" and values.get("id") == "uc-download-link" and self.target is None:
            self.target = values.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        """Note an element's end."""
        if tag == self._inside:
            self._inside = ""
        elif tag == "form":
            self._in_form = False

    def handle_data(self, data: str) -> None:
        """Note the words of a page, not those of its scripts."""
        if self._inside == "title":
            self.title.append(data)
        elif not self._inside:
            self.text.append(data)


def _confirmation(reader: _Reader, url: str) -> str | None:
    """Where a virus warning is confirmed, when that is a place of the same host or of Google's."""
    if reader.target is None:
        return None
    try:
        parts = urlsplit(urljoin(url, reader.target))
        host, own_host = parts.hostname or "", urlsplit(url).hostname
    except ValueError:  # not an address
        return None
    # Some years' forms carry the parameters in their address, others in hidden fields.
    query = dict(parse_qsl(parts.query)) | reader.fields
    # An address with a user's name or a backslash in it may mean another host to the client than here.
    is_plain = re.fullmatch(r"[\w.:\[\]-]+", parts.netloc, re.ASCII)
    is_trusted = is_plain and (host == own_host or host.endswith(_GOOGLE))
    if parts.scheme not in ("http", "https") or not is_trusted or "confirm" not in query:
        return None
    return parts._replace(query=urlencode(query), fragment="").geturl()


def one_line(text: str) -> str:
    """Any text as one line of printable characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
