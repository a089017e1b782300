"""A file server on this machine that fails in the ways of real ones, as told for each path."""

import random
import re
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

PIECE_BYTES = 16 << 10

QUOTA_PAGE = (
    "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>"
    "<p>Sorry, you can&#39;t view or download this file at this time.</p>"
    "<p>Too many users have viewed or downloaded this file recently. Please try again later.</p></body></html>"
)
OTHER_PAGE = "<html><head><title>Sign\tin &amp; go on</title></head><body>Welcome</body></html>"
FORM_PAGE = (
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    "<p>Google Drive can&#39;t scan this file for viruses.</p>"
    '<form id="download-form" action="{root}/download" method="get">'
    '<input type="submit" id="uc-download-link" value="Download anyway"/>'
    '<input type="hidden" name="id" value="{key}"><input type="hidden" name="export" value="download">'
    '<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="5e-0c"></form></body></html>'
)
LINK_PAGE = (
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    "<p>photos.zip (9G) is too large for Google to scan for viruses.</p>"
    '<a id="uc-download-link" href="/uc?export=download&amp;confirm=xYz9&amp;id={key}">Download</a></body></html>'
)


@dataclass(frozen=True)
class Asked:
    """A request that arrived."""

    key: str
    start: int
    headers: Message
    client: tuple
    seconds: float


class BadServer(ThreadingHTTPServer):
    """Serves `files` by key at `url(key)`; `fail` tells how requests go wrong."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.asked = []
        self.pause_seconds = 0.0  # after each piece of a body
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._plans = {}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that goes away is none of the server's faults."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def root(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def url(self, key):
        return f"{self.root}/{quote(key)}"

    def fail(self, key, *failures, forever=False):
        """The next requests for `key` fail one by one as said, or all of them in the one way said."""
        self._plans[key] = (list(failures), forever)

    def heal(self):
        self._plans.clear()

    def starts(self, key):
        """The first byte asked for, of each request for `key`."""
        return [asked.start for asked in self.asked if asked.key == key]

    def note(self, asked):
        """Log a request, and take the failure that it is to meet, None when it is to be served."""
        with self._lock:
            self.asked.append(asked)
            failures, forever = self._plans.get(asked.key, ((), False))
            if not failures:
                return None
            return failures[0] if forever else failures.pop(0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.key = query.get("id") or parts.path.lstrip("/")
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.start = int(found[1]) if found else 0
        failure = self.server.note(Asked(self.key, self.start, self.headers, self.client_address, time.monotonic()))
        is_confirmed = "confirm" in query and (
            parts.path == "/download" or "warned=xYz9" in self.headers.get("Cookie", "")
        )
        if failure in ("virus form", "virus link") and is_confirmed:
            failure = None
        self._answer(failure)

    def _answer(self, failure):
        body = self.server.files.get(self.key)
        if body is None or failure == "404":
            self._send(404, {}, b"nothing here")
        elif failure is None:
            self._serve(body)
        elif failure in ("429", "500"):
            self._send(int(failure), {"Retry-After": "0"}, b"busy")
        elif failure.startswith("busy for "):
            self._send(429, {"Retry-After": failure.removeprefix("busy for ")}, b"busy")
        elif failure == "416":
            self._send(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
        elif failure in _PAGES:
            self._page(failure)
        elif failure == "dropped":
            self.close_connection = True
        else:
            self._serve_badly(failure, body)

    def _page(self, failure):
        text = _PAGES[failure].format(root=self.server.root, key=self.key)
        headers = {"Content-Type": "text/html; charset=utf-8"}
        if failure == "virus link":
            headers["Set-Cookie"] = "warned=xYz9; Path=/"
        if failure == "disguised page":
            headers = {"Content-Type": "application/octet-stream"}
        self._send(403 if failure == "quota page with 403" else 200, headers, text.encode())

    def _serve_badly(self, failure, body):
        if failure == "altered":
            self._serve(body[:-1] + bytes([body[-1] ^ 1]))
        elif failure == "shorter":
            self._serve(body[:-7])
        elif failure == "longer":
            self._serve(body + bytes(7))
        elif failure == "unannounced":
            self._serve(body, announce=False)
        elif failure == "longer, unannounced":
            self._serve(body + bytes(7), announce=False)
        elif failure == "no ranges":
            self.start = 0
            self._serve(body)
        elif failure == "other range":
            self._serve(body, range_start=self.start + 1)
        else:
            self._serve(body, half=failure)

    def _serve(self, body, half=None, announce=True, range_start=None):
        headers = {"Content-Type": "application/octet-stream"}
        if announce:
            headers["Content-Length"] = str(len(body) - self.start)
        else:
            headers["Connection"] = "close"
        if self.start:
            start = self.start if range_start is None else range_start
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[self.start :]
        self._send(206 if self.start else 200, headers, rest[: len(rest) // 2] if half else rest)
        if half == "stalled":
            self.server.closing.wait(20)
        if half == "reset":
            time.sleep(0.1)  # or the client would lose what it hasn't read yet
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if half:
            self.close_connection = True
            self.rfile.close()
            self.connection.close()

    def _send(self, status, headers, body):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            if not (name == "Content-Length" and "Connection" in headers):
                self.send_header(name, value)
        self.end_headers()
        try:
            for start in range(0, len(body), PIECE_BYTES):
                self.wfile.write(body[start : start + PIECE_BYTES])
                if self.server.pause_seconds:
                    time.sleep(self.server.pause_seconds)
        except ConnectionError:  # the client went away
            self.close_connection = True


_PAGES = {
    "quota page": QUOTA_PAGE,
    "quota page with 403": QUOTA_PAGE,
    "page": OTHER_PAGE,
    "disguised page": "\n" + OTHER_PAGE,
    "virus form": FORM_PAGE,
    "virus link": LINK_PAGE,
    "virus form again": FORM_PAGE,
    "virus form elsewhere": FORM_PAGE.replace("{root}", "http://localhost:1"),
}


def some_bytes(size, seed):
    """Bytes that are the same each time and don't compress."""
    return random.Random(seed).randbytes(size)
