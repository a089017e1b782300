"""Headless Chromium over the DevTools protocol's pipe: a page as a reader with a mouse or a keyboard has it."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
DEADLINE_SECONDS = 120
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
OPTIONS = (
    "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--force-color-profile=srgb",
)  # fmt: skip


class Browser:
    """One browser with a profile of its own; use it as a context manager."""

    def __enter__(self):
        self.profile, self.last, self.left, self.events = tempfile.mkdtemp(), 0, b"", []
        self.process, self.into, self.out = _start(self.profile)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, EOFError):  # it has died already
            self.send("Browser.close")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.into)
        os.close(self.out)
        shutil.rmtree(self.profile, ignore_errors=True)

    def send(self, method, session=None, **parameters):
        """Send a command and give its result; what happens meanwhile is kept in `events`."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        os.write(self.into, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while (answer := self._read()).get("id") != self.last:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def wait_for(self, method, session):
        """Wait for an event of a page."""
        while True:
            for index, event in enumerate(self.events):
                if (event.get("method"), event.get("sessionId")) == (method, session):
                    return self.events.pop(index)
            self.events.append(self._read())

    def _read(self):
        until = time.monotonic() + DEADLINE_SECONDS
        while b"\0" not in self.left:
            if not select.select([self.out], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self.out, 1 << 20)
            if not chunk:
                raise EOFError("the browser has ended")
            self.left += chunk
        message, _, self.left = self.left.partition(b"\0")
        return json.loads(message)

    def open(self, path, width=1280, height=900, dark=False, scripts=True):
        """Open a file in a new page and wait until it is loaded."""
        return Page(self, Path(path), width, height, dark, scripts)


class Page:
    """A page that was opened from a file."""

    def __init__(self, browser, path, width, height, dark, scripts):
        self.browser = browser
        target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.send("Emulation.setEmulatedMedia", features=[scheme, still])
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.send("Page.navigate", url=path.resolve().as_uri())
        browser.wait_for("Page.loadEventFired", self.session)

    def send(self, method, **parameters):
        """Send a command to this page."""
        return self.browser.send(method, self.session, **parameters)

    def evaluate(self, expression):
        """The value of a JavaScript expression; a promise is waited for."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description", expression))
        return result["result"].get("value")

    def press(self, key, shift=False):
        """Press and release a key."""
        code = KEYS.get(key, 0)
        text = {"Enter": "\r", " ": " "}.get(key, "" if key in KEYS else key)
        given = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **given)
        self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def type(self, text):
        """Type a text, a key a letter."""
        for letter in text:
            self.press(letter)

    def click(self, expression):
        """Click with the mouse on the middle of the element that a JavaScript expression gives."""
        self.evaluate(f"{expression}.scrollIntoView({{block: 'center', inline: 'center'}})")
        x, y = self.evaluate(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
                             f"({expression}.getBoundingClientRect())")  # fmt: skip
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def tab_to(self, expression, limit=40):
        """Press the tabulator until the element has the focus; whether it got there."""
        for _ in range(limit):
            if self.evaluate(f"document.activeElement === {expression}"):
                return True
            self.press("Tab")
        return False

    def problems(self):
        """Requests that left the file, requests that failed, errors on the console, refusals of the page's policy."""
        found = []
        for event in (event for event in self.browser.events if event.get("sessionId") == self.session):
            method, about = event["method"], event["params"]
            if method == "Network.requestWillBeSent" and not about["request"]["url"].startswith(("file:", "data:")):
                found.append(f"request {about['request']['url']}")
            elif method == "Network.loadingFailed":
                found.append(f"failed {about['errorText']}")
            elif method == "Runtime.exceptionThrown":
                found.append(about["exceptionDetails"]["text"])
            elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
                found.append(f"console {about['args']}")
            elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
                found.append(about["entry"]["text"])
        return found

    def screenshot(self, path, whole=False):
        """Save what is seen, or the whole page, as PNG."""
        made = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(made["data"]))


def _start(profile):
    """Start Chromium with its end of the protocol at descriptors 3 and 4."""
    theirs_in, into = os.pipe()
    out, theirs_out = os.pipe()
    high = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (theirs_in, theirs_out)]  # so that neither is 3 or 4
    os.close(theirs_in)
    os.close(theirs_out)
    redirect = 'exec "$@" 3<&{} 4>&{}'.format(*high)
    own = [f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank"]
    process = subprocess.Popen(
        ["bash", "-c", redirect, "bash", PROGRAM, *OPTIONS, *own],
        pass_fds=high, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for one in high:
        os.close(one)
    return process, into, out
