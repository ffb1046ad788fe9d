"""What a case is: bytes to send, and what must come of them.

A table is a Group filled by one call per outcome, each with a dict of name -> payload. A payload is bytes, or a
list of steps: bytes, PAUSE (so that the next bytes come in a packet of their own), CLOSE and RESET. ~TAG~ in it
becomes the case's own mark, of the same length, by which the recording endpoint knows whose bytes it sees.

Outcomes of odd requests:
  reject   an error answer, the connection closed, nothing of the request at the endpoint
  abort    the same for a fault in a body that was already being streamed: the endpoint may have seen a part, never
           a whole request
  refuse   an error answer, nothing at the endpoint; the connection may go on, and is then tested with another request
  forward  the endpoint sees exactly this, its answer comes back, and the connection goes on
  upgrade  the endpoint switches to another protocol, and bytes pass both ways
  silent   the client leaves in the middle: nothing whole at the endpoint
  either   any of several outcomes; used where the RFC leaves the choice and no harm follows from it
Each reject, abort and refuse names the rule in docs/rejections.md that it tests.
"""

import re

TAG = b"~TAG~"
HOST = b"edge.test"


class Step:
    """Something to do between bytes."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


PAUSE, CLOSE, RESET = Step("PAUSE"), Step("CLOSE"), Step("RESET")


class Expect:
    """One allowed outcome. Only the attributes that belong to its kind are used."""

    def __init__(self, kind, statuses=(), rule=None, **more):
        self.kind = kind
        self.statuses = tuple(statuses)
        self.rule = rule
        self.after = more.pop("after", 0)  # whole requests that are answered before it
        self.target = more.pop("target", None)  # where it differs from the one sent
        self.targets = more.pop("targets", None)
        self.body = more.pop("body", None)
        self.has = more.pop("has", {})  # name -> exact values at the endpoint, in order
        self.lacks = more.pop("lacks", ())  # names that must not be there
        self.without = more.pop("without", ())  # names left out of the comparison
        self.closes = more.pop("closes", False)  # the connection ends after the last answer
        self.trailers = more.pop("trailers", None)
        self.answers = more.pop("answers", None)  # own statuses of the endpoint's answers
        assert not more, more

    def __repr__(self):
        return self.kind + "".join(" %d" % s for s in self.statuses)


class Case:
    """One row of a table, with the group it belongs to."""

    def __init__(self, group, name, payload, expects):
        self.group = group
        self.name = name
        self.steps = payload if isinstance(payload, list) else [payload]
        self.expects = expects
        self.tag = None  # given by number()

    def bytes(self):
        """All that is sent, in one."""
        return self.tagged(b"".join(s for s in self.steps if isinstance(s, bytes)))

    def tagged(self, data):
        return data.replace(TAG, self.tag)

    def answers_follow(self, message):
        """Whether the message answers FOLLOW, by the endpoint that names what it answers."""
        return message.status == 200 and message.body.endswith(self.tagged(b"/" + TAG + b"follow"))

    def __repr__(self):
        return "%s: %s" % (self.group.name, self.name)


class Group:
    """A table of odd requests."""

    def __init__(self, name, title, profile="default"):
        self.name = name
        self.title = title
        self.profile = profile
        self.cases = []

    def _add(self, table, expects):
        for name, payload in table.items():
            assert all(c.name != name for c in self.cases), "%s: %s twice" % (self.name, name)
            self.cases.append(Case(self, name, payload, expects))

    def reject(self, rule, status, table, **more):
        self._add(table, [Expect("reject", [status], rule, **more)])

    def abort(self, rule, status, table, **more):
        self._add(table, [Expect("abort", [status], rule, **more)])

    def refuse(self, rule, status, table, **more):
        self._add(table, [Expect("refuse", [status], rule, **more)])

    def forward(self, table, **more):
        self._add(table, [Expect("forward", **more)])

    def upgrade(self, table):
        self._add(table, [Expect("upgrade")])

    def silent(self, table):
        self._add(table, [Expect("silent")])

    def either(self, table, *expects):
        self._add(table, list(expects))


def number(groups):
    """Gives every case of the groups its mark: ~000~ to ~zzz~."""
    digits = b"0123456789abcdefghijklmnopqrstuvwxyz"
    cases = [case for group in groups for case in group.cases]
    for n, case in enumerate(cases):
        case.tag = b"~%c%c%c~" % (digits[n // 1296], digits[n // 36 % 36], digits[n % 36])
    return cases


FIND_TAG = re.compile(rb"~[0-9a-z]{3}~")


# ---- Payloads ------------------------------------------------------------------------------------


def lines(fields):
    """Field lines, each with its CRLF, from one bytes or several."""
    if isinstance(fields, bytes):
        fields = [fields] if fields else []
    return b"".join(line + b"\r\n" for line in fields)


def request(method=b"GET", target=b"/" + TAG, fields=b"", body=b"", host=HOST, version=b"HTTP/1.1"):
    """A request with one Host and the given field lines; body is put behind it as it is."""
    return (
        method
        + b" "
        + target
        + b" "
        + version
        + b"\r\nHost: "
        + host
        + b"\r\n"
        + lines(fields)
        + b"\r\n"
        + body
    )


def get(*fields, target=b"/" + TAG):
    return request(b"GET", target, list(fields))


def post(fields, body, target=b"/" + TAG):
    return request(b"POST", target, fields, body)


def sized(body, *fields, method=b"POST", target=b"/" + TAG):
    """A request with a right Content-Length."""
    return request(method, target, [b"Content-Length: %d" % len(body), *fields], body)


def chunked(body, *fields, method=b"POST", target=b"/" + TAG, version=b"HTTP/1.1"):
    """A request whose body is sent in chunks as the given bytes say."""
    return request(method, target, [b"Transfer-Encoding: chunked", *fields], body, version=version)


def raw(*parts):
    """Lines without their CRLF, for heads that are odd as a whole; an empty line is put behind them."""
    return b"".join(part + b"\r\n" for part in parts) + b"\r\n"


SMUGGLED = request(target=b"/" + TAG + b"smuggled")
FOLLOW = request(target=b"/" + TAG + b"follow")


# ---- Misbehaving endpoints -----------------------------------------------------------------------

STALL = Step("STALL")  # says no more, and waits for the proxy to close


class Answer:
    """One allowed outcome of an endpoint's script, as the client sees it.

    bad     an error of the proxy's own: 502, or 504 where the endpoint said nothing in time
    cut     the endpoint's status, and a body that ends visibly too early
    whole   the endpoint's answer, as the script says it or as overridden here
    """

    def __init__(self, kind, statuses=(502,), rule=None, **more):
        self.kind = kind
        self.statuses = tuple(statuses)
        self.rule = rule
        self.status = more.pop("status", None)
        self.body = more.pop("body", None)
        self.has = more.pop("has", {})
        self.lacks = more.pop("lacks", ())
        self.without = more.pop("without", ())
        self.interim = more.pop("interim", None)  # the statuses of 1xx answers passed on
        self.reused = more.pop("reused", None)  # whether the endpoint's connection serves the next request
        self.trailers = more.pop("trailers", None)
        assert not more, more

    def __repr__(self):
        return self.kind


class Script:
    """A misbehaving endpoint: its steps once a request is there, and the outcomes allowed."""

    def __init__(self, group, name, steps, expects, request):
        self.group = group
        self.name = name
        self.steps = steps if isinstance(steps, list) else [steps]
        self.expects = expects
        request = request or get(target=b"/" + TAG + b"/x")
        self.request = request if isinstance(request, list) else [request]
        self.tag = None

    tagged = Case.tagged
    __repr__ = Case.__repr__

    def bytes(self):
        return self.tagged(b"".join(s for s in self.steps if isinstance(s, bytes)))

    def answers_follow(self, message):
        return message.status == 200 and message.body == self.tagged(b"follow " + TAG)

    def method(self):
        return self.request[0].split(b" ", 1)[0]


class Scripts:
    """A table of misbehaving endpoints."""

    def __init__(self, name, title, profile="default", request=None, early=False):
        self.name = name
        self.title = title
        self.profile = profile
        self.request = request
        self.early = early  # the script starts with the request's head, not at its end
        self.cases = []

    def _add(self, table, expects, request=None):
        for name, steps in table.items():
            assert all(c.name != name for c in self.cases), "%s: %s twice" % (self.name, name)
            self.cases.append(Script(self, name, steps, expects, request or self.request))

    def bad(self, table, rule="response", statuses=(502,), request=None):
        self._add(table, [Answer("bad", statuses, rule)], request)

    def cut(self, table, request=None):
        self._add(table, [Answer("cut")], request)

    def broken(self, table, rule="response", request=None):
        """Bad or cut, depending on how much had come when the fault was seen."""
        self._add(table, [Answer("bad", (502,), rule), Answer("cut")], request)

    def whole(self, table, request=None, **more):
        self._add(table, [Answer("whole", **more)], request)

    def either(self, table, *expects, request=None):
        self._add(table, list(expects), request)


def ok(body=b"hello", *fields, status=b"200 OK", length=True):
    """A response with a right Content-Length, unless told otherwise."""
    size = [b"Content-Length: %d" % len(body)] if length else []
    return b"HTTP/1.1 " + status + b"\r\n" + lines([*size, *fields]) + b"\r\n" + body


def head(*fields, status=b"200 OK", body=b"", version=b"HTTP/1.1"):
    """A response head as said, and what follows."""
    return version + b" " + status + b"\r\n" + lines(list(fields)) + b"\r\n" + body


def pieces(body, *fields):
    """A response whose body comes in chunks as the given bytes say."""
    return head(b"Transfer-Encoding: chunked", *fields, body=body)
