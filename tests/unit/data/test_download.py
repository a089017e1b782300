import errno
import fcntl
import hashlib
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.bad_server import BadServer, some_bytes

from stylenat.core.errors import InputError
from stylenat.data import download as module
from stylenat.data.download import FAULTS_NAME, RESUME_BYTES, Item, download

SMALL = 3000
LARGE = 3 << 20  # half of it is long enough to go on with
RETRIED = ["truncated", "altered", "shorter", "longer", "longer, unannounced", "429", "500", "416", "reset", "dropped"]
REFUSED = {
    "404": "the host answered 404 Not Found",
    "page": "the host sent a page instead of the file, titled 'Sign in & go on'",
    "disguised page": "the host sent a page instead of the file, titled 'Sign in & go on'",
    "quota page": "the host's download quota is used up",
    "quota page with 403": "the host's download quota is used up",
    "virus form again": "the host asks to confirm a virus-scan warning that this program can't answer",
    "virus form elsewhere": "the host asks to confirm a virus-scan warning that this program can't answer",
}
BAD = "images/00000/00001.png"  # the file that meets the failures, between two that don't


@pytest.fixture
def server():
    with BadServer({}) as server:
        yield server


def item_of(server, path):
    body = server.files[path]
    return Item(server.url(path), path, len(body), hashlib.md5(body).hexdigest())


def serve(server, sizes):
    server.files = {path: some_bytes(size, path) for path, size in sizes.items()}
    return [item_of(server, path) for path in sizes]


def three(server, size=SMALL):
    return serve(server, {"images/00000/00000.png": SMALL, BAD: size, "readme.txt": 10})


def many(server, count):
    return serve(server, {f"{number // 10}/{number:03d}.png": 50 for number in range(count)})


def fetch(items, folder, **options):
    settings = {"workers": 4, "attempts": 3, "stall_seconds": 5, "first_wait_seconds": 0.01}
    download(items, folder, **(settings | options))


def refused(items, folder, **options):
    """The one line that a download ends with."""
    with pytest.raises(InputError) as caught:
        fetch(items, folder, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def present(folder, items):
    """The items under their final names; nothing else may have such a name, and none of them be wrong."""
    md5s = {item.path: item.md5 for item in items}
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    named = {name for name in files if not Path(name).name.startswith(".") and name != FAULTS_NAME}
    wrong = {name for name in named if hashlib.md5(files[name].read_bytes()).hexdigest() != md5s.get(name)}
    assert not wrong
    return named


def assert_complete(folder, items):
    assert present(folder, items) == {item.path for item in items}
    assert not list(folder.rglob("*.part"))
    assert not (folder / FAULTS_NAME).exists()


def part_of(folder, path):
    return folder / Path(path).with_name(f".{Path(path).name}.part")


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("failure", RETRIED)
def test_a_failure_that_passes_is_overcome_in_one_call(server, tmp_path, failure, size):
    items = three(server, size)
    server.fail(BAD, failure, failure)
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert len(server.starts(BAD)) == 3


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("failure", [*RETRIED, *REFUSED])
def test_a_failure_that_stays_names_the_file_and_a_later_call_completes(server, tmp_path, failure, size):
    items = three(server, size)
    server.fail(BAD, failure, forever=True)
    line = refused(items, tmp_path)
    assert line.startswith(f"{tmp_path}: 1 of 3 files are not there (first {BAD}: {REFUSED.get(failure, '')}")
    assert line.endswith(f"; all are listed in {tmp_path / FAULTS_NAME}; run again to go on")
    assert present(tmp_path, items) == {items[0].path, items[2].path}
    asked = len(server.starts(BAD))
    if failure in REFUSED:  # asked once, and once more where a warning can be confirmed
        assert asked == (2 if failure == "virus form again" else 1)
    elif size == SMALL:
        assert asked == 3
    server.heal()
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert len(server.starts(items[0].path)) == 1


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_stall_is_a_failure_too(server, tmp_path, size):
    items = three(server, size)
    server.fail(BAD, "stalled")
    fetch(items, tmp_path, stall_seconds=0.4)
    assert_complete(tmp_path, items)
    (tmp_path / BAD).unlink()
    server.fail(BAD, "stalled", forever=True)
    line = refused(items, tmp_path, stall_seconds=0.4, attempts=2)
    assert f"(first {BAD}: the host sent nothing for 0.4 s" in line
    assert present(tmp_path, items) == {items[0].path, items[2].path}
    server.heal()
    fetch(items, tmp_path, stall_seconds=0.4)
    assert_complete(tmp_path, items)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("failure", ["virus form", "virus link"])
def test_a_virus_warning_is_confirmed(server, tmp_path, failure, size):
    items = three(server, size)
    server.fail(BAD, failure, forever=True)
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert server.starts(BAD) == [0, 0]


def test_a_broken_transfer_behind_a_virus_warning_goes_on(server, tmp_path):
    items = three(server, LARGE)
    write(part_of(tmp_path, BAD), server.files[BAD][: 2 << 20])
    server.fail(BAD, "virus form", forever=True)
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert server.starts(BAD) == [2 << 20, 2 << 20]


def test_an_unreachable_host_is_named(tmp_path):
    with BadServer({}) as server:
        items = three(server)
    assert "Connection refused, attempt 3 of 3" in refused(items, tmp_path).replace(")", "")


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/a", "http://"])
def test_something_that_is_no_web_address_is_a_fault_at_once(tmp_path, url):
    started = time.monotonic()
    line = refused([Item(url, "a.png", 1, "0" * 32)], tmp_path, first_wait_seconds=5)
    assert f"(first a.png: {url} can't be asked" in line
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("failure", ["truncated", "reset"])
def test_a_broken_connection_goes_on_where_it_broke(server, tmp_path, failure):
    items = three(server, LARGE)
    server.fail(BAD, failure)
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    first, second = server.starts(BAD)
    assert first == 0
    assert RESUME_BYTES < second <= LARGE // 2


def test_what_a_killed_run_left_is_not_asked_for_again(server, tmp_path):
    items = three(server, LARGE)
    write(part_of(tmp_path, BAD), server.files[BAD][: RESUME_BYTES + 1])
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert server.starts(BAD) == [RESUME_BYTES + 1]


@pytest.mark.parametrize("length", [0, 1, RESUME_BYTES, LARGE, LARGE + 5])
def test_a_part_that_is_too_short_or_too_long_starts_anew(server, tmp_path, length):
    items = three(server, LARGE)
    write(part_of(tmp_path, BAD), some_bytes(length, "rubbish"))
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert server.starts(BAD) == [0]


def test_a_part_that_is_wrong_is_thrown_away_after_its_md5(server, tmp_path):
    items = three(server, LARGE)
    write(part_of(tmp_path, BAD), some_bytes(2 << 20, "rubbish"))
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert server.starts(BAD) == [2 << 20, 0]


def test_a_host_without_ranges_sends_the_whole_in_the_same_answer(server, tmp_path):
    items = three(server, LARGE)
    write(part_of(tmp_path, BAD), server.files[BAD][: 2 << 20])
    server.fail(BAD, "no ranges", forever=True)
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert server.starts(BAD) == [2 << 20]


@pytest.mark.parametrize("failure", ["416", "other range"])
def test_a_host_that_gives_no_such_range_is_asked_for_the_whole(server, tmp_path, failure):
    items = three(server, LARGE)
    write(part_of(tmp_path, BAD), server.files[BAD][: 2 << 20])
    server.fail(BAD, failure)
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert server.starts(BAD) == [2 << 20, 0]


def test_a_file_that_each_attempt_brings_further_needs_more_of_them(server, tmp_path):
    items = serve(server, {BAD: 20 << 20})
    server.fail(BAD, "truncated", "truncated", "truncated")  # 10, 15 and 17.5 MiB
    fetch(items, tmp_path, attempts=2)
    assert_complete(tmp_path, items)
    starts = server.starts(BAD)
    assert len(starts) == 4
    assert starts == sorted(starts)


@pytest.mark.parametrize("failure", [None, "unannounced"])
def test_the_end_of_a_body_that_is_too_long_is_not_waited_for(server, tmp_path, failure):
    items = three(server)
    server.files[BAD] = bytes(LARGE)
    server.fail(BAD, failure)
    server.pause_seconds = 0.05
    started = time.monotonic()
    assert re.search(rf"found \d+ bytes, expected {SMALL}, attempt 1 of 1", refused(items, tmp_path, attempts=1))
    assert time.monotonic() - started < 4


def test_waits_grow_with_the_attempts(server, tmp_path):
    server.fail(BAD, "500", forever=True)
    refused(three(server), tmp_path, attempts=4, first_wait_seconds=0.1)
    times = [asked.seconds for asked in server.asked if asked.key == BAD]
    waits = [after - before for before, after in itertools.pairwise(times)]
    for wait, low in zip(waits, [0.05, 0.1, 0.2], strict=True):
        assert low <= wait < 3 * low + 0.5


def test_retry_after_is_honoured_but_not_for_long(server, tmp_path, monkeypatch):
    items = three(server)
    server.fail(BAD, "busy for 1")
    fetch(items, tmp_path)
    first, second = (asked.seconds for asked in server.asked if asked.key == BAD)
    assert 1 <= second - first < 3
    (tmp_path / BAD).unlink()
    monkeypatch.setattr(module, "_LONGEST_WAIT_S", 0.05)
    server.fail(BAD, "busy for 86400")
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)


def test_what_is_there_is_not_asked_for_again(server, tmp_path, capsys):
    items = many(server, 40)
    fetch(items[:25], tmp_path)
    assert capsys.readouterr().err == f"{tmp_path}: 0 of 25 files are there\n"
    server.asked.clear()
    fetch(items, tmp_path)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{tmp_path}: 25 of 40 files are there\n")
    assert sorted(asked.key for asked in server.asked) == sorted(item.path for item in items[25:])
    assert_complete(tmp_path, items)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"x" + data[1:]])
def test_an_altered_file_is_replaced_and_gone_when_it_cannot_be(server, tmp_path, damage):
    items = three(server)
    fetch(items, tmp_path)
    write(tmp_path / BAD, damage(server.files[BAD]))
    server.fail(BAD, "404")
    refused(items, tmp_path)
    assert present(tmp_path, items) == {items[0].path, items[2].path}
    write(tmp_path / BAD, damage(server.files[BAD]))
    server.asked.clear()
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)
    assert [asked.key for asked in server.asked] == [BAD]


def test_an_empty_file_and_an_empty_list_are_fine(server, tmp_path):
    items = serve(server, {"empty": 0})
    fetch(items, tmp_path / "a" / "b")
    assert_complete(tmp_path / "a" / "b", items)
    fetch([], tmp_path / "none")


def test_a_file_that_is_a_page_by_name_may_be_one_and_md5s_have_either_case(server, tmp_path):
    server.files = {"notes/index.html": b"<!DOCTYPE html><title>Quota exceeded</title>", "md5": b"0"}
    items = [item_of(server, path) for path in server.files]
    items[1] = Item(items[1].url, items[1].path, items[1].size, items[1].md5.upper())
    for _ in range(2):
        fetch(items, tmp_path)
        assert present(tmp_path, [items[0], item_of(server, "md5")]) == set(server.files)
    assert len(server.asked) == 2


def test_bodies_are_asked_for_unencoded_and_connections_are_kept(server, tmp_path):
    fetch(many(server, 40), tmp_path, workers=3)
    assert {(asked.headers["Accept-Encoding"], asked.headers["Accept-Language"]) for asked in server.asked} == {
        ("identity", "en")
    }
    assert len({asked.client for asked in server.asked}) <= 3


@pytest.mark.parametrize(
    "path",
    ["../a", "a/../../b", "/etc/a", "..", ".", "", "a//b", "a/", "./a", "a\tb", "a\nb", "a/.b", ".b", FAULTS_NAME],
)
def test_a_path_that_does_not_lie_below_the_folder_is_refused(path):
    with pytest.raises(InputError, match=re.escape(f"found the path {path!r}, expected one below")):
        Item("http://127.0.0.1/a", path, 1, "0" * 32)


@pytest.mark.parametrize(("size", "md5"), [(-1, "0" * 32), (1, "0" * 31), (1, "g" * 32), (1, "0" * 32 + "\n")])
def test_a_size_or_an_md5_that_cannot_be_is_refused(size, md5):
    with pytest.raises(InputError, match=r"^a\.png: found size -?1, md5 .*expected bytes and 32 hex digits"):
        Item("http://127.0.0.1/a", "a.png", size, md5)


def test_a_path_listed_twice_is_refused_before_any_request(server, tmp_path):
    items = three(server)
    assert refused([*items, items[1]], tmp_path) == f"list of files: found {BAD} 2 times, expected it once"
    assert not server.asked


def test_a_quota_used_up_for_ten_files_in_a_row_ends_the_asking(server, tmp_path):
    items = many(server, 40)
    fetch(items[:5], tmp_path)
    server.asked.clear()
    for item in items:
        server.fail(item.path, "quota page", forever=True)
    line = refused(items, tmp_path, workers=2)
    assert line.startswith(
        f"{tmp_path}: 35 of 40 files are not there (first {items[5].path}: the host's download quota is used up)"
    )
    assert 10 <= len(server.asked) <= 11
    rows = [row.split("\t") for row in (tmp_path / FAULTS_NAME).read_text().splitlines()]
    assert [path for path, _ in rows] == [item.path for item in items[5:]]
    why = "the host's download quota is used up"
    assert {what for _, what in rows} == {why, f"not asked for after 10 files in a row: {why}"}
    server.heal()
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)


@pytest.mark.parametrize(("other", "count"), [(None, 20), ("404", 40)])
def test_a_quota_used_up_for_some_files_only_does_not(server, tmp_path, other, count):
    items = many(server, 40)
    for used_up, item in zip(items[::2], items[1::2], strict=True):
        server.fail(used_up.path, "quota page", forever=True)
        server.fail(item.path, other)
    assert f": {count} of 40 files are not there (" in refused(items, tmp_path, workers=1)
    assert len(server.asked) == 40


def test_a_hundred_files_in_a_row_that_spend_their_attempts_end_the_asking(server, tmp_path):
    items = many(server, 130)
    for item in items:
        server.fail(item.path, "500", forever=True)
    line = refused(items, tmp_path, attempts=1)
    assert ": 130 of 130 files are not there (first 0/000.png: the host answered 500 Internal" in line
    assert 100 <= len(server.asked) <= 103
    for item in items:
        server.fail(item.path, "404", forever=True)
    server.asked.clear()
    refused(items, tmp_path, attempts=1)
    assert len(server.asked) == 130


def test_the_list_of_faults_is_sorted_one_a_line_and_goes_away(server, tmp_path):
    items = many(server, 12)[::-1]
    for item in items[:3]:
        server.fail(item.path, "page", forever=True)
    server.fail("0/000.png", "404", forever=True)
    refused(items, tmp_path)
    page = "the host sent a page instead of the file, titled 'Sign in & go on'"
    assert (tmp_path / FAULTS_NAME).read_text() == (
        f"0/000.png\tthe host answered 404 Not Found\n0/009.png\t{page}\n1/010.png\t{page}\n1/011.png\t{page}\n"
    )
    server.heal()
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)


def test_a_full_disk_ends_everything(server, tmp_path):
    items = many(server, 60)
    server.pause_seconds = 0.02
    server.fail(items[0].path, "stalled")
    part = part_of(tmp_path, items[9].path)
    part.parent.mkdir()
    part.symlink_to("/dev/full")
    started = time.monotonic()
    line = refused(items, tmp_path)
    assert line == f"{tmp_path / items[9].path}: can't be written ({os.strerror(errno.ENOSPC)})"
    assert len(server.asked) < 30
    assert time.monotonic() - started < 3  # the stall would take five


def test_a_name_that_cannot_be_given_ends_everything(server, tmp_path, monkeypatch):
    items = three(server)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", lambda *paths: (_ for _ in ()).throw(PermissionError(13, "No permission")))
        assert re.search(r"\.(png|txt): can't be written \(No permission\)$", refused(items, tmp_path))
    assert present(tmp_path, items) == set()
    fetch(items, tmp_path)
    assert_complete(tmp_path, items)


@pytest.mark.parametrize("occupied", ["images", BAD])
def test_a_place_that_is_taken_is_named(server, tmp_path, occupied):
    items = three(server)
    if occupied == BAD:
        (tmp_path / BAD).mkdir(parents=True)
    else:
        write(tmp_path / occupied, b"a file")
    line = refused(items, tmp_path)
    assert line.startswith(str(tmp_path / "images"))
    assert "can't be checked (" in line
    assert not server.asked


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    write(tmp_path / "file", b"")
    assert refused([], tmp_path / "file" / "folder") == f"{tmp_path}/file/folder: can't be written (Not a directory)"


def test_two_downloads_into_one_folder_are_refused(server, tmp_path):
    items = three(server)
    fetch(items, tmp_path)
    (lock,) = tmp_path.glob(".*.lock")
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert refused(items, tmp_path) == f"{tmp_path}: found another download into this folder, expected none"
    fetch(items, tmp_path)


class Bar:
    """Stands for tqdm's progress bar."""

    made: list["Bar"]

    def __init__(self, total=0, initial=0, desc="", **options):
        self.count, self.total, self.desc, self.options = initial, total, desc, options
        self.initial = initial
        self.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, count):
        self.count += count


def test_progress_counts_each_byte_of_the_files_once(server, tmp_path, monkeypatch):
    items = three(server, LARGE)
    fetch(items[:1], tmp_path)
    monkeypatch.setattr(Bar, "made", [], raising=False)
    monkeypatch.setattr(module, "tqdm", Bar)
    server.fail(BAD, "truncated", "altered", "longer, unannounced", "500")
    fetch(items, tmp_path, attempts=5)
    check, bring = [bar for bar in Bar.made if bar.desc]
    assert check.count == bring.count == check.total == bring.total == sum(item.size for item in items)
    assert bring.initial == items[0].size
    assert bring.options == {"unit": "B", "unit_scale": True, "file": sys.stderr, "disable": None}


PROGRAM = """
import json, sys
from pathlib import Path
from stylenat.data.download import Item, download
assert not {"torch", "numpy"} & set(sys.modules)
folder, items, stall = json.load(sys.stdin)
download([Item(*item) for item in items], Path(folder), workers=4, attempts=5, stall_seconds=stall)
"""


def start_process(items, folder, stall_seconds=20):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    plain = [[item.url, item.path, item.size, item.md5] for item in items]
    process.stdin.write(json.dumps([str(folder), plain, stall_seconds]).encode())
    process.stdin.close()
    process.stdin = None  # which `communicate` would close again
    return process


def run_process(server, items, folder):
    """One whole run; the seconds until its first request, and from there to its end."""
    started = time.monotonic()
    process = start_process(items, folder)
    assert process.wait(60) == 0, process.stderr.read()
    first = min(asked.seconds for asked in server.asked)
    return first - started, time.monotonic() - first


def kill_after(seconds, items, folder):
    """Kill a run after so many seconds; whether it was still running."""
    process = start_process(items, folder)
    time.sleep(seconds)
    was_running = process.poll() is None
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        stream.close()
    return was_running


def test_nothing_wrong_has_a_name_after_a_kill(server, tmp_path):
    sizes = {f"{number // 10}/{number:02d}.png": 64 << 10 for number in range(40)}
    items = serve(server, {"large.bin": 4 << 20} | sizes)
    server.pause_seconds = 0.002
    startup, duration = run_process(server, items, tmp_path / "whole")
    assert_complete(tmp_path / "whole", items)
    chance = random.Random(2)
    folders = [tmp_path / str(number) for number in range(10)]
    hits = 0
    for folder in folders:
        for _ in range(2):  # each in half the duration, so that both together are spread over all of it
            hits += kill_after(startup + chance.uniform(-0.02, 0.5) * duration, items, folder)
            present(folder, items)
    assert hits >= 15
    server.pause_seconds = 0
    for folder in folders:
        fetch(items, folder)
        assert_complete(folder, items)
    assert any(server.starts("large.bin"))  # some run went on with what a killed one left


def assert_interruptible(process):
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert time.monotonic() - started < 3
    assert b"KeyboardInterrupt" in errors


def test_an_interrupt_ends_a_stalled_run_soon(server, tmp_path):
    items = three(server, LARGE)
    server.fail(BAD, "stalled", forever=True)
    server.fail("readme.txt", "busy for 100")
    process = start_process(items, tmp_path, stall_seconds=30)
    while len(server.asked) < 3:
        time.sleep(0.01)
    time.sleep(0.3)  # into the stall
    assert_interruptible(process)
    assert present(tmp_path, items) == {items[0].path}


def test_an_interrupt_ends_a_long_check_soon(tmp_path):
    with open(tmp_path / "large.bin", "wb") as file:
        file.truncate(100 << 30)  # zeros that take no space and minutes to check
    process = start_process([Item("http://127.0.0.1:1/", "large.bin", 100 << 30, "0" * 32)], tmp_path)
    time.sleep(1)
    assert_interruptible(process)
    assert (tmp_path / "large.bin").stat().st_size == 100 << 30


def test_no_threads_are_left(server, tmp_path):
    items = many(server, 20)
    server.fail(items[3].path, "404")
    refused(items, tmp_path)
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]
