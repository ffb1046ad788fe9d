"""Endpoints whose health a test decides, and what weir makes of it."""

import re

from . import tables
from .fake import OK
from .waiting import LIMIT_S, wait_until

BAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nsick"
END = object()  # what an answer returns after which the connection is closed
CHECK = {"path": "/healthz", "interval_ms": 100, "timeout_ms": LIMIT_S * 1000, "rise": 2, "fall": 3}


class Patient:
    """What a fake endpoint does: /healthz is answered by what `script` says, one word per check ("g" good, "b" bad), then by the
    last word for good; or by `answer`, bytes or a function of the connection. Anything else gets 200."""

    def __init__(self, script="g", answer=None):
        self.script = script
        self.answer = answer
        self.checks = []

    def __call__(self, c):
        while True:
            request = c.read_request()
            if request is None:
                return
            if not request.target.startswith("/healthz"):
                c.send(OK)
            elif self.check(c, request) is END:
                return

    def check(self, c, request):
        self.checks.append(request)
        if callable(self.answer):
            return self.answer(c)
        if self.answer:
            c.send(self.answer)
        else:
            script = self.script
            if len(script) > 1:  # else the test alone writes it, at any moment
                self.script = script[1:]
            c.send(OK if script[0] == "g" else BAD)
        return None

    def wait_for_checks(self, n):
        """Waits for n more of them."""
        n += len(self.checks)
        wait_until(lambda: len(self.checks) >= n, f"there have been {n} checks")


def patient(world, script="g", answer=None):
    """A fake endpoint with .patient."""
    handler = Patient(script, answer)
    fake = world.fake(handler)
    fake.patient = handler
    return fake


def checked(place, **check):
    return {**tables.endpoints(*(place if isinstance(place, list) else [place])), "health_check": {**CHECK, **check}}


def is_up(weir, version="1", **labels):
    [(_, value)] = weir.metrics(of_all=True).find("weir_endpoint_up", function="hello", version=version, **labels)
    return value == 1


def wait_for_up(weir, version="1", **labels):
    wait_until(lambda: is_up(weir, version, **labels), f"version {version} is up")


def wait_for_down(weir, version="1", **labels):
    wait_until(lambda: not is_up(weir, version, **labels), f"version {version} is down")


def nr_checks(weir, result, **labels):
    return weir.metrics().value("weir_health_checks_total", result=result, **labels)


def changes(weir):
    """The transitions in the log, in order."""
    return re.findall(r"endpoint \S+ of hello version \S+ is (down|up again)", weir.stderr())


def expect_unavailable(answer):
    assert answer.status == 503 and answer.complete, answer
    assert answer.headers["x-amzn-errortype"] == "ServiceException"
    assert "no healthy endpoint" in answer.json()["Message"]
    assert "x-amz-executed-version" not in answer.headers
