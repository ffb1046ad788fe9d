"""Debian's Chromium without a window, told what to do through a pipe (the DevTools protocol, JSON texts ended by a zero byte)."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

import pytest

from .waiting import LIMIT_S, wait_until

PROGRAM = shutil.which("chromium")
OPTIONS = (
    "--headless=new --remote-debugging-pipe --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --no-default-browser-check "
    "--disable-background-networking --disable-component-update --disable-sync --disable-extensions --hide-scrollbars --mute-audio"
).split()


def reason_without():
    """Why there is no browser; None where there is one."""
    return None if PROGRAM else "chromium is not installed: scripts/install-deps.sh browser"


def pipe():
    """Both ends above the descriptors that have a meaning for the browser."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high


class Browser:
    """One window with one page. An exception of the page's program, or a refusal of its policy, is kept in .errors."""

    def __init__(self, folder):
        self.number = 0
        self.errors = []
        theirs_in, self.out = pipe()
        self.incoming, theirs_out = pipe()
        self.rest = b""
        self.log = open(folder / "chromium.log", "wb")
        # The browser reads from descriptor 3 and writes to 4.
        places = ["bash", "-c", 'exec "${@:3}" 3<&"$1" 4>&"$2"', "bash", str(theirs_in), str(theirs_out)]
        self.child = subprocess.Popen(
            [*places, PROGRAM, *OPTIONS, f"--user-data-dir={folder / 'chromium'}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
            env={**os.environ, "HOME": str(folder)},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.session = None
        self.wait_until_it_answers()
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.tell(f"{domain}.enable")

    def wait_until_it_answers(self):
        """Some sandboxes let it not start: the test is skipped then, with its reason."""
        try:
            self.tell("Browser.getVersion")
        except (AssertionError, OSError):
            self.kill()
            with open(self.log.name, errors="replace") as log:
                pytest.skip(f"chromium does not start: {log.read()[-300:]}")

    def tell(self, method, **parameters):
        """One command; its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + LIMIT_S
        while True:
            answer = self.next(end)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.note(answer)

    def next(self, end):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.incoming], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self.incoming, 1 << 20)
            assert piece, "the browser has ended"
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def note(self, event):
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(event["params"]["exceptionDetails"])
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["source"] == "security":
            self.errors.append(event["params"]["entry"])

    def open(self, url):
        self.tell("Page.navigate", url=url)

    def evaluate(self, expression):
        result = self.tell("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression, what=None):
        """Waits until it is true in the page; its value."""
        try:
            return wait_until(lambda: self.evaluate(expression), what or expression)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.evaluate('document.body.innerText')[:3000]}\n{self.errors}") from None

    def press(self, key, code=None, text=None):
        common = {"key": key, "code": code or key, **({"text": text} if text else {})}
        number = {"Enter": 13, "Tab": 9, "Escape": 27}.get(key)
        if number:
            common["windowsVirtualKeyCode"] = number
        self.tell("Input.dispatchKeyEvent", type="keyDown", **common)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.tell("Input.insertText", text=text)

    def resize(self, width, height, is_dark=False):
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])

    def picture(self, path, is_whole=True):
        data = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def stop(self):
        self.kill()

    def kill(self):
        """Its processes are a session of their own."""
        if self.child.poll() is None:
            try:
                os.killpg(self.child.pid, 9)
            except ProcessLookupError:
                pass
            self.child.wait()
        if not self.log.closed:
            self.log.close()
            os.close(self.out)
            os.close(self.incoming)

