"""Runs tables of odd requests against a proxy with a recording endpoint behind it, and judges what came of each.

The endpoint parses strictly and remembers every request by its mark, so that a smuggled, merged or mangled one is
seen even where the client got the right answer. Each complaint is either unsafe (client, proxy and endpoint disagree
on a message) or merely another choice than weir's.
"""

import asyncio
import json
import re

from . import sockets
from .cases import CLOSE, FIND_TAG, FOLLOW, PAUSE, RESET
from .proxies import EXECUTED
from .wire import Broken, Message, parse_request, parse_response

PARALLEL = 48
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

# Fields that a proxy writes, removes or replaces on its own; the tables name them where they matter.
OWNED = {
    b"host",
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"transfer-encoding",
    b"content-length",
    b"upgrade",
    b"via",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-amzn-requestid",
    b"x-amz-executed-version",
    b"expect",
    b"max-forwards",
    b"trailer",
    b"http2-settings",
}


class Complaint:
    """What is wrong with an outcome."""

    def __init__(self, text, unsafe=False):
        self.text = text
        self.unsafe = unsafe

    def __str__(self):
        return ("UNSAFE: " if self.unsafe else "") + self.text


class Recorder:
    """The endpoint: answers every request with 200 and a body that says which request it answers."""

    def __init__(self):
        self.seen = {}  # mark -> messages
        self.parts = {}  # mark -> bytes of requests that never became whole
        self.faults = {}  # mark or None -> texts
        self.tunnels = {}  # mark -> bytes after an upgrade
        self.sock = sockets.listen()
        self.port = self.sock.getsockname()[1]
        self.connections = 0

    async def run(self):
        await sockets.accept_forever(self.sock, self._connection)

    def _fault(self, raw, text):
        for tag in set(FIND_TAG.findall(raw)) or {None}:
            self.faults.setdefault(tag, []).append("%s in %r" % (text, raw[:300]))

    async def _connection(self, sock):
        reader = sockets.Reader(sock, None)
        self.connections += 1
        try:
            while await self._exchange(sock, reader):
                pass
        finally:
            sock.close()

    async def _exchange(self, sock, reader):
        """One request and its answer; whether the connection goes on."""
        continued = False
        part = Message()
        while True:
            try:
                message = parse_request(reader.buf, partial=part)
            except Broken as fault:
                self._fault(reader.buf, "the endpoint received a broken request: %s" % fault)
                return False
            if message:
                break
            if part.body_at and not continued and b"100-continue" in part.tokens(b"expect"):
                continued = await sockets.send(sock, b"HTTP/1.1 100 Continue\r\n\r\n")
            if not await reader.more():
                for tag in set(FIND_TAG.findall(reader.buf)):
                    self.parts.setdefault(tag, []).append(reader.buf)
                return False
        reader.buf = reader.buf[message.end :]
        return await self._answer(sock, reader, message)

    async def _answer(self, sock, reader, message):
        tags = set(FIND_TAG.findall(message.raw))
        if message.leading or message.extensions:
            message.odd.append("empty lines or chunk extensions")
        if len(tags) > 1:
            self._fault(message.raw, "bytes of several clients in one request")
        if not tags:
            self._fault(message.raw, "a request without a mark")
        for tag in tags:
            self.seen.setdefault(tag, []).append(message)
        if (
            message.all(b"upgrade")
            and b"upgrade" in message.tokens(b"connection")
            and b"switch" in message.target
        ):
            await self._tunnel(sock, reader, message)
            return False
        body = b"answer to %s %s" % (message.method, message.target)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
        sent = await sockets.send(sock, head if message.method == b"HEAD" else head + body)
        return sent and message.keeps_alive()

    async def _tunnel(self, sock, reader, message):
        """Speaks the other protocol: an echo."""
        await sockets.send(
            sock,
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
            % message.all(b"upgrade")[0],
        )
        tags = FIND_TAG.findall(message.raw)
        while reader.buf or await reader.more():
            self.tunnels[tags[0]] = self.tunnels.get(tags[0], b"") + reader.buf
            await sockets.send(sock, reader.buf)
            reader.buf = b""


class Outcome:
    """What the client saw."""

    def __init__(self):
        self.responses = []
        self.interim = []
        self.follow = None
        self.late_follow = (
            False  # the next request was answered, but after another answer that nobody asked for
        )
        self.end = None  # closed, reset, timeout, or None where it was still open
        self.extra = b""
        self.broken = None


class Client:
    """Sends one case and reads what comes."""

    def __init__(self, case, port, timeout):
        self.case = case
        self.port = port
        self.timeout = timeout
        self.outcome = Outcome()
        self.requests = expected_requests(case)
        self.methods = [r.method for r in self.requests] or methods_of(case)

    async def run(self):
        sock = await sockets.connect(self.port)
        self.reader = sockets.Reader(sock, self.timeout)
        try:
            if await self._send(sock):
                await self._read(sock)
        finally:
            sock.close()
        return self.outcome

    async def _send(self, sock):
        """False where the steps end the connection."""
        for step in self.case.steps:
            if isinstance(step, bytes):
                # A proxy may answer and close before all is sent: what it said still counts.
                sending = asyncio.ensure_future(sockets.send(sock, self.case.tagged(step)))
                await asyncio.wait([sending], timeout=self.timeout)
                await sockets.cancel(sending)
            elif step is PAUSE:
                await asyncio.sleep(sockets.PAUSE_SECONDS)
            elif step is CLOSE:
                return False
            elif step is RESET:
                sockets.reset(sock)
                return False
        return True

    async def _response(self, method):
        """The next response, interim or final; None at the end."""
        while True:
            try:
                message = parse_response(self.reader.buf, 0, method, self.reader.end in ("closed", "reset"))
            except Broken as fault:
                self.outcome.broken = "%s in %r" % (fault, self.reader.buf[:200])
                return None
            if message and (self.reader.buf or not self.reader.end):
                message.complete &= not (message.framing == "close" and self.reader.end == "reset")
                self.reader.buf = self.reader.buf[message.end :]
                return message
            if not await self.reader.more() and (self.reader.end == "timeout" or not self.reader.buf):
                return None

    async def _final(self, method):
        while True:
            message = await self._response(method)
            if message is None or message.status >= 200 or message.status == 101:
                return message
            self.outcome.interim.append(message)

    async def _read(self, sock):
        outcome = self.outcome
        want = max([e.after + 1 for e in self.case.expects] + [len(self.requests)])
        for n in range(want):
            message = await self._final(self.methods[min(n, len(self.methods) - 1)])
            if message is None:
                break
            outcome.responses.append(message)
            if not message.keeps_alive():
                break
        last = outcome.responses[-1] if outcome.responses else None
        if last and last.status == 101:
            await self._tunnel(sock)
        elif (
            last
            and last.keeps_alive()
            and last.complete
            and not outcome.broken
            and len(outcome.responses) == want
        ):
            await sockets.send(sock, self.case.tagged(FOLLOW))
            outcome.follow = await self._final(b"GET")
            if outcome.follow and not self.case.answers_follow(outcome.follow):
                late = await self._final(b"GET")
                outcome.late_follow = late is not None and self.case.answers_follow(late)
        else:
            while await self.reader.more():
                pass
        outcome.end = self.reader.end
        outcome.extra = self.reader.buf

    async def _tunnel(self, sock):
        await sockets.send(sock, self.case.tagged(b"tunnel ~TAG~"))
        while len(self.reader.buf) < 12 and await self.reader.more():
            pass


def expected_requests(case):
    """The requests that the case's bytes are, by the strict parser, as far as they are well-formed."""
    data, at, found = case.bytes(), 0, []
    forwards = [e for e in case.expects if e.kind == "forward"]
    if not forwards:
        return found
    while at < len(data):
        try:
            message = parse_request(data, at)
        except Broken:
            assert forwards[0].targets or forwards[0].target, (
                "%r: not well-formed, so it must say what arrives" % case
            )
            break
        if message is None:
            break
        found.append(message)
        at = message.end
        if not message.keeps_alive() or (forwards[0].targets and len(found) == len(forwards[0].targets)):
            break
    return found


def methods_of(case):
    """The methods that the answers of a case which ends in an error belong to: those of the good requests before it,
    and its own, which matters only where it is HEAD."""
    data, at, methods = case.bytes(), 0, []
    for _ in range(max(e.after for e in case.expects)):
        message = parse_request(data, at)
        methods.append(message.method)
        at = message.end
    return [*methods, data[at:].split(b" ", 1)[0]]


class Judge:
    """Compares an outcome with one expectation."""

    def __init__(self, case, outcome, recorder, is_weir):
        self.case = case
        self.outcome = outcome
        self.is_weir = is_weir
        self.seen = [m for m in recorder.seen.get(case.tag, []) if not m.target.endswith(b"follow")]
        self.parts = recorder.parts.get(case.tag, [])
        self.faults = recorder.faults.get(case.tag, [])
        self.tunnel = recorder.tunnels.get(case.tag, b"")
        self.complaints = []

    def say(self, text, unsafe=False):
        self.complaints.append(Complaint(text, unsafe))

    def always(self):
        """What must hold whatever was expected."""
        for fault in self.faults:
            self.say(fault, True)
        for odd in [odd for m in self.seen for odd in m.odd]:
            self.say("passed on an odd " + odd)
        if any(b"smuggled" in m.target for m in self.seen):
            # No more than another reading of odd bytes where proxy and endpoint agree on it.
            self.say("the endpoint saw a smuggled request", not self.outcome.late_follow)
        if self.outcome.broken:
            self.say("the client received a broken response: " + self.outcome.broken, True)
        follow = self.outcome.follow
        if follow and follow.status == 200 and not self.case.answers_follow(follow):
            self.say(
                "the next request got another's answer: %r" % follow.body[:100], not self.outcome.late_follow
            )

    def judge(self, expect):
        self.complaints = []
        self.always()
        getattr(self, "_" + expect.kind)(expect)
        return self.complaints

    def _statuses(self):
        return [m.status for m in self.outcome.responses]

    # ---- errors ------------------------------------------------------------------------------------------------------

    def _error(self, expect):
        """The last answer is the error."""
        outcome = self.outcome
        if len(outcome.responses) != expect.after + 1:
            if self.is_weir or outcome.end != "closed" or len(outcome.responses) != expect.after:
                self.say(
                    "answers %s, then %s; expected %d of the endpoint and an error %s"
                    % (self._statuses(), outcome.end, expect.after, list(expect.statuses))
                )
            return None
        error = outcome.responses[-1]
        if self.is_weir and error.status not in expect.statuses:
            self.say("status %d instead of %s" % (error.status, list(expect.statuses)))
        elif not self.is_weir and error.status < 400:
            self.say("status %d instead of an error" % error.status)
        if self.is_weir and error.status >= 400:
            self._error_form(error)
        return error

    def _error_form(self, error):
        """Errors of weir's own are JSON."""
        if len(error.all(b"x-amzn-requestid")) != 1 or not UUID.fullmatch(error.all(b"x-amzn-requestid")[0]):
            self.say("the error has no x-amzn-RequestId: %r" % error.fields)
        if len(error.all(b"x-amzn-errortype")) != 1:
            self.say("the error has no x-amzn-ErrorType: %r" % error.fields)
        if error.all(EXECUTED.encode()):
            self.say("the error claims an executed version")
        if error.framing != "none":
            try:
                assert isinstance(json.loads(error.body), dict)
            except (ValueError, AssertionError):
                self.say("the error's body is no JSON object: %r" % error.body[:100])

    def _nothing_reached(self, expect, parts_too):
        if len(self.seen) != expect.after:
            self.say("the endpoint saw %s, expected %d" % (self.seen, expect.after))
        if parts_too and self.parts:
            self.say("a part reached the endpoint: %r" % self.parts[0][:200])

    def _closed(self, error):
        if error is not None and self.is_weir and error.keeps_alive():
            self.say("the error does not announce Connection: close")
        if self.outcome.follow is not None:
            self.say("the connection was kept open")
        if self.outcome.end not in ("closed", "reset"):
            self.say("the connection was not closed: %s" % self.outcome.end)
        if self.outcome.extra:
            self.say("bytes after the error: %r" % self.outcome.extra[:100], True)

    def _reject(self, expect):
        self._closed(self._error(expect))
        self._nothing_reached(expect, True)

    def _abort(self, expect):
        self._closed(self._error(expect))
        self._nothing_reached(expect, False)

    def _refuse(self, expect):
        error = self._error(expect)
        self._nothing_reached(expect, True)
        if self.outcome.follow is not None:
            self._follow()
        elif error is not None and error.keeps_alive() and self.is_weir:
            self.say("the connection ended though the error did not say so")

    def _silent(self, expect):
        if self.seen:
            self.say(
                "the endpoint saw a whole request of a client that left in the middle: %s" % self.seen, True
            )

    # ---- forwards ----------------------------------------------------------------------------------------------------

    def _forward(self, expect):
        wanted = expected_requests(self.case)
        targets = [
            self.case.tagged(t)
            for t in expect.targets or ([expect.target] if expect.target else [m.target for m in wanted])
        ]
        if self._statuses() != (expect.answers or [200] * len(targets)):
            self.say(
                "answers %s, then %s; expected %d from the endpoint"
                % (self._statuses(), self.outcome.end, len(targets))
            )
        if [m.target for m in self.seen] != targets:
            self.say("the endpoint saw %s, expected %s" % (self.seen, targets))
            return
        for n, seen in enumerate(self.seen):
            if n < len(wanted):
                self._same(expect, wanted[n], seen)
            self._facts(expect, seen)
        self._answers(targets)
        if wanted and not expect.answers:
            self._goes_on(expect, wanted[-1])

    def _same(self, expect, sent, seen):
        """Nothing of a valid request is lost, changed or added but what a proxy owns."""
        if seen.method != sent.method:
            self.say("method %r instead of %r" % (seen.method, sent.method))
        body = self.case.tagged(expect.body) if expect.body is not None else sent.body
        if seen.body != body:
            self.say("body %r instead of %r" % (seen.body[:200], body[:200]), True)
        dropped = OWNED | set(sent.tokens(b"connection")) | {n.lower() for n in expect.without}

        def end_to_end(message):
            fields = [(n.lower(), v) for n, v in message.fields if n.lower() not in dropped]
            # Only the order among fields of one name has a meaning.
            return sorted(fields, key=lambda f: f[0])

        if end_to_end(sent) != end_to_end(seen):
            self.say("fields %r instead of %r" % (end_to_end(seen)[:20], end_to_end(sent)[:20]))
        trailers = expect.trailers if expect.trailers is not None else sent.trailers
        lower = [(n.lower(), v) for n, v in seen.trailers]
        if lower and lower != [(n.lower(), v) for n, v in trailers]:
            self.say("trailers %r instead of %r" % (seen.trailers, trailers))

    def _facts(self, expect, seen):
        for name, values in expect.has.items():
            got = seen.all(name)
            if values is None and len(got) != 1:
                self.say("%r: %r instead of one value" % (name, got))
            elif values is not None and got != [self.case.tagged(v) for v in values]:
                self.say("%r: %r instead of %r" % (name, got, values))
        for name in expect.lacks:
            if seen.all(name):
                self.say("%r reached the endpoint: %r" % (name, seen.all(name)))
        if self.is_weir and not any(UUID.fullmatch(v) for v in seen.all(b"x-amzn-requestid")):
            self.say("no request id at the endpoint")

    def _answers(self, targets):
        for target, answer in zip(targets, self.outcome.responses):
            if not answer.complete:
                self.say("an incomplete answer")
            elif (
                answer.framing != "none" and not answer.body.endswith(b" " + target) and answer.status == 200
            ):
                self.say("answer %r to another request than %r" % (answer.body[:100], target), True)
            if self.is_weir and answer.status == 200 and answer.all(EXECUTED.encode()) != [b"1"]:
                self.say("executed version %r" % answer.all(EXECUTED.encode()))
            if self.is_weir and len(answer.all(b"x-amzn-requestid")) != 1:
                self.say("request ids %r" % answer.all(b"x-amzn-requestid"))

    def _goes_on(self, expect, last):
        ends = expect.closes or not last.keeps_alive()
        if not ends:
            self._follow()
        elif self.outcome.follow is not None and self.is_weir:
            self.say("the connection goes on after a request that ends it")

    def _follow(self):
        if self.outcome.follow is None:
            self.say("no answer to the next request on the connection: %s" % self.outcome.end)
        elif self.outcome.follow.status != 200:
            self.say("status %d to the next request" % self.outcome.follow.status)

    def _tunnel_ok(self):
        return self.tunnel == self.case.tagged(b"tunnel ~TAG~") and self.outcome.extra == self.tunnel

    def _upgrade(self, expect):
        """The endpoint agrees to another protocol, and bytes pass both ways."""
        if self._statuses() != [101]:
            self.say("answers %s instead of 101" % self._statuses())
        elif not self._tunnel_ok():
            self.say("the tunnel carried %r there and %r back" % (self.tunnel, self.outcome.extra))


async def _run(cases, proxy, recorder, timeout):
    server = asyncio.ensure_future(recorder.run())
    gate = asyncio.Semaphore(PARALLEL)

    async def one(case):
        async with gate:
            try:
                return await Client(case, proxy.port, timeout).run()
            except OSError as fault:
                outcome = Outcome()
                outcome.end = "no connection: %s" % fault
                return outcome

    outcomes = await asyncio.gather(*(one(case) for case in cases))
    # What a proxy still forwards though the client has its answer shows up within this.
    await asyncio.sleep(0.1)
    await sockets.cancel(server)
    return outcomes


def run(cases, start, timeout=10):
    """Runs the cases (all of one profile) and returns (complaints by case, complaints about the proxy itself).
    start(routes) starts the proxy."""
    sockets.raise_descriptor_limit()
    recorder = Recorder()
    proxy = start([("/", recorder.port)])
    try:
        outcomes = asyncio.run(_run(cases, proxy, recorder, timeout))
    finally:
        general = proxy.stop()
    general += ["nobody's: " + fault for fault in recorder.faults.get(None, [])]
    verdicts = {}
    for case, outcome in zip(cases, outcomes):
        judge = Judge(case, outcome, recorder, proxy.is_weir)
        verdicts[case] = min((judge.judge(e) for e in case.expects), key=lambda c: (len(c) > 0, len(c)))
    return verdicts, general
