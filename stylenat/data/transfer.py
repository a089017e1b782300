"""Asking a host for a file: it may send it, refuse, break off, or send a page instead."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses
from itertools import chain

import requests

from stylenat.data.drive_pages import Fault, is_page, one_line, read_page, way_past

_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_HEADERS = {
    "Accept-Encoding": "identity",  # sizes and md5s are those of the file
    "Accept-Language": "en",  # pages in place of a file are known by their words
}
_CHUNK_BYTES = 1 << 17
_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class Again(Exception):
    """An attempt failed and another may not; what arrived is kept only when nothing speaks against it."""

    def __init__(self, what: str, *, keep: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.keep = keep
        self.wait_s = wait_s


class Halt(Exception):
    """The client is halted."""


@dataclass(frozen=True)
class Answer:
    """An answer that holds the bytes of a file, from the first asked for or from its beginning."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterable[bytes]


class Client:
    """Asks for files, from any number of threads with a session each."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._own = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._open: set[requests.Response] = set()
        self.halted = threading.Event()

    @contextmanager
    def ask(self, url: str, path: str, start: int) -> Iterator[Answer]:
        """An answer to a request for the bytes from `start` on; a connection that breaks in the block raises Again.

        Raises:
            Fault: the host doesn't give out the file.
            Again: it may do so later.
            Halt: the client was halted.
        """
        try:
            with self._past_warning(url, path, start) as answer:
                yield answer
        except _BROKEN as error:
            raise Again(self._describe(error), keep=True) from None
        except requests.RequestException as error:  # no web address, or redirects without end
            raise Fault(f"{one_line(url)} can't be asked ({type(error).__name__})") from None

    def go_on(self) -> None:
        """Raise Halt once the client is halted."""
        if self.halted.is_set():
            raise Halt

    def halt(self) -> None:
        """Break off all transfers."""
        self.halted.set()
        with self._lock:
            for response in self._open:
                with suppress(OSError, ValueError, RuntimeError):  # it may be ending by itself
                    response.raw.shutdown()

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    @contextmanager
    def _past_warning(self, url: str, path: str, start: int) -> Iterator[Answer]:
        for is_confirmed in (False, True):
            with self._get(url, start) as response:
                chunks = response.iter_content(_CHUNK_BYTES)
                head = next(chunks, b"")
                chunks = chain([head], chunks)
                content_type = response.headers.get("Content-Type", "")
                page = read_page(chunks, response.url) if is_page(content_type, head, path) else None
                if page is None or page.kind != "quota":  # that page comes with more than one status
                    check_status(response.status_code, response.headers)
                if page is None:
                    yield Answer(response.status_code, response.headers, chunks)
                    return
                url = way_past(page, is_confirmed)

    @contextmanager
    def _get(self, url: str, start: int) -> Iterator[requests.Response]:
        headers = {"Range": f"bytes={start}-"} if start else {}
        timeout_s = (self._stall_s, self._stall_s)
        with self._session().get(url, headers=headers, stream=True, timeout=timeout_s) as response:
            with self._lock:
                self._open.add(response)
            try:
                self.go_on()
                yield response
            finally:
                with self._lock:
                    self._open.discard(response)

    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.headers.update(_HEADERS)
            with self._lock:
                self._sessions.append(self._own.session)
        return self._own.session

    def _describe(self, error: BaseException) -> str:
        """What broke a connection, in few words."""
        while error.__context__ is not None:
            error = error.__context__
        if isinstance(error, TimeoutError):
            return f"the host sent nothing for {self._stall_s:g} s"
        return f"the connection broke ({getattr(error, 'strerror', None) or type(error).__name__})"


def check_status(status: int, headers: Mapping[str, str]) -> None:
    """Pass over the answers that hold a file; the others raise Fault, or Again where a host may think better of it."""
    if status in (200, 206):
        return
    what = f"the host answered {status} {responses.get(status, '')}".rstrip()
    if status == 416:  # nothing lies behind what has arrived, so that can't be the file's beginning
        raise Again(what)
    if status in _BUSY:
        raise Again(what, keep=True, wait_s=_retry_after_s(headers.get("Retry-After", "")))
    raise Fault(what)


def _retry_after_s(value: str) -> float:
    """The seconds that a Retry-After header asks to wait: a number of them, or a date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
