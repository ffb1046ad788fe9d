"""Runs tables of misbehaving endpoints behind a proxy, and judges what the client got.

Every script has a listening socket of its own, so that its connections are nobody else's. After it, the client
asks once more: the next answer must be its own, and must not come over a connection that the script has spoilt.
"""

import asyncio
import json

from . import sockets
from .cases import CLOSE, PAUSE, RESET, STALL, TAG, request
from .odd import UUID, Complaint
from .proxies import EXECUTED
from .wire import Broken, Message, parse_request, parse_response

PARALLEL = 48
SETTLE_SECONDS = 0.4  # how long a spoilt connection may stay open before the next request
ATTEMPTS_MAX = 3
OWNED = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"content-length",
    b"date",
    b"server",
    b"via",
    b"x-amzn-requestid",
    b"x-amz-executed-version",
    b"trailer",
    b"te",
    b"upgrade",
}


class Endpoint:
    """One script's endpoint."""

    def __init__(self, script):
        self.script = script
        self.sock = sockets.listen()
        self.port = self.sock.getsockname()[1]
        self.attempts = 0
        self.spoilt_reused = False  # a request came over a connection after the script had run on it
        self.done = asyncio.Event()  # a script has run to its end
        self.gone = asyncio.Event()  # the proxy has closed a scripted connection
        self.faults = []
        self.tunnel = b""

    async def run(self):
        await sockets.accept_forever(self.sock, self._connection)

    async def _connection(self, sock):
        reader = sockets.Reader(sock, None)
        scripted = False
        try:
            while True:
                message = await self._request(reader)
                if message is None:
                    return
                self.spoilt_reused |= scripted
                if message.target.endswith(b"/follow"):
                    body = self.script.tagged(b"follow " + TAG)
                    await sockets.send(
                        sock, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                    )
                    continue
                scripted = True
                self.attempts += 1
                if not await self._play(sock, reader):
                    return
        finally:
            if scripted:
                self.gone.set()
            sock.close()

    async def _request(self, reader):
        """The next request; None at the end of the connection."""
        part = Message()
        while True:
            try:
                message = parse_request(reader.buf, partial=part)
            except Broken as fault:
                self.faults.append(
                    "the endpoint received a broken request: %s in %r" % (fault, reader.buf[:200])
                )
                return None
            if message:
                reader.buf = reader.buf[message.end :]
                return message
            if part.body_at and self.script.group.early:
                reader.buf = b""
                return part
            if not await reader.more():
                return None

    async def _play(self, sock, reader):
        """The script; whether the connection is still open."""
        for step in self.script.steps:
            if isinstance(step, bytes):
                await sockets.send(sock, self.script.tagged(step))
            elif step is PAUSE:
                await asyncio.sleep(sockets.PAUSE_SECONDS)
            elif step is CLOSE:
                self.done.set()
                if self.script.group.early:
                    # Takes in what is still coming, so that no reset overtakes the answer.
                    sock.shutdown(1)
                    while await reader.more():
                        reader.buf = b""
                return False
            elif step is RESET:
                sockets.reset(sock)
                self.done.set()
                return False
            elif step is STALL:
                self.done.set()
                while await reader.more():
                    pass
                return False
        self.done.set()
        return True


class Result:
    """What the client saw."""

    def __init__(self):
        self.interim = []
        self.answer = None
        self.reset = False
        self.trouble = None
        self.extra = b""
        self.follow = None
        self.follow_trouble = None
        self.closed_early = False  # the connection ended though the answer did not say so


class Visitor:
    """The client of one script."""

    def __init__(self, script, endpoint, port, timeout):
        self.script = script
        self.endpoint = endpoint
        self.port = port
        self.timeout = timeout
        self.result = Result()

    async def run(self):
        sock = await sockets.connect(self.port)
        sending = None
        try:
            reader = sockets.Reader(sock, self.timeout)
            sending = asyncio.ensure_future(self._ask(sock))
            await self._answer(reader, self.script.method())
            await asyncio.wait([sending], timeout=self.timeout)
            await self._settle()
            await self._next(sock, reader)
        finally:
            if sending:
                await sockets.cancel(sending)
            sock.close()
        return self.result

    async def _ask(self, sock):
        for step in self.script.request:
            if step is PAUSE:
                await asyncio.sleep(sockets.PAUSE_SECONDS)
            elif not await sockets.send(sock, self.script.tagged(step)):
                return

    async def _message(self, reader, method):
        while True:
            message = parse_response(reader.buf, 0, method, reader.end in ("closed", "reset"))
            if message and (reader.buf or not reader.end):
                message.complete &= not (message.framing == "close" and reader.end == "reset")
                reader.buf = reader.buf[message.end :]
                return message
            if not await reader.more() and (reader.end == "timeout" or not reader.buf):
                return None

    async def _answer(self, reader, method):
        result = self.result
        try:
            while True:
                result.answer = await self._message(reader, method)
                if result.answer is None or result.answer.status >= 200 or result.answer.status == 101:
                    break
                result.interim.append(result.answer)
        except Broken as fault:
            result.trouble = "the client received a broken response: %s in %r" % (fault, reader.buf[:200])
        result.reset = reader.end == "reset"
        if result.answer is None and not result.trouble:
            result.trouble = "no answer: %s" % reader.end

    async def _settle(self):
        """Lets the script end, and gives the proxy time to see what came after its answer."""
        if not self.endpoint.attempts:
            return
        for event in (self.endpoint.done, self.endpoint.gone):
            try:
                await asyncio.wait_for(event.wait(), SETTLE_SECONDS)
            except asyncio.TimeoutError:
                pass
            if not any(e.kind != "whole" or e.reused is False for e in self.script.expects):
                return

    async def _next(self, sock, reader):
        """Another request, over the same connection where it is open."""
        result = self.result
        answer = result.answer
        if answer is not None and answer.status == 101:
            return
        usable = (
            answer is not None
            and answer.complete
            and answer.keeps_alive()
            and not reader.end
            and not result.trouble
        )
        ask = self.script.tagged(request(target=b"/" + TAG + b"/follow"))
        other = None
        try:
            if usable and await sockets.send(sock, ask):
                result.follow = await self._message(reader, b"GET")
                result.closed_early = result.follow is None
            if result.follow is None:
                other = await sockets.connect(self.port)
                reader = sockets.Reader(other, self.timeout)
                await sockets.send(other, ask)
                result.follow = await self._message(reader, b"GET")
            if result.follow is None:
                result.follow_trouble = "no answer to the next request: %s" % reader.end
        except Broken as fault:
            result.follow_trouble = "a broken response to the next request: %s in %r" % (
                fault,
                reader.buf[:200],
            )
        finally:
            if other:
                other.close()


def scripted_answer(script):
    """The final response that the script's bytes are, by the strict parser."""
    data, at = script.bytes(), 0
    while True:
        message = parse_response(data, at, script.method(), eof=True)
        at = message.end
        if message.status >= 200 or message.status == 101:
            return message


class Judge:
    """Compares a result with one allowed outcome."""

    def __init__(self, script, result, endpoint, is_weir):
        self.script = script
        self.result = result
        self.endpoint = endpoint
        self.is_weir = is_weir
        self.complaints = []

    def say(self, text, unsafe=False):
        self.complaints.append(Complaint(text, unsafe))

    def judge(self, expect):
        self.complaints = []
        result = self.result
        for fault in self.endpoint.faults:
            self.say(fault, True)
        if result.trouble:
            self.say(result.trouble, "broken" in result.trouble)
        if result.follow_trouble:
            self.say(result.follow_trouble, True)
        elif result.follow is not None and not self.script.answers_follow(result.follow):
            self.say(
                "the next request got %r: %r" % (result.follow, result.follow.body[:100]),
                result.follow.status < 400,
            )
        if self.endpoint.attempts > (ATTEMPTS_MAX if self.script.method() == b"GET" else 1):
            self.say("%d attempts" % self.endpoint.attempts, True)
        # Whether a client that is still sending will be heard to the end is not known when an early answer begins.
        if result.closed_early and self.is_weir and not self.script.group.early:
            self.say("the connection ended though the answer did not say so")
        for odd in result.answer.odd if result.answer else []:
            self.say("passed on an odd " + odd)
        if not result.trouble:
            getattr(self, "_" + expect.kind)(expect, result.answer)
        return self.complaints

    def _spoilt(self, unsafe=True):
        if self.endpoint.spoilt_reused:
            self.say("a spoilt connection was used again", unsafe)
        elif self.is_weir and self.endpoint.attempts and not self.endpoint.gone.is_set():
            self.say("a spoilt connection was kept")

    def _bad(self, expect, answer):
        # Where the proxy reads the answer as a good one, it has its own idea of where that ends.
        self._spoilt(answer.status >= 500)
        if answer.status not in expect.statuses:
            whole = answer.complete and answer.status < 500 and self.is_cut_short()
            self.say(
                "status %d instead of %s, body %r"
                % (answer.status, list(expect.statuses), answer.body[:100]),
                whole,
            )
            return
        if not answer.complete:
            self.say("an incomplete error")
        if self.is_weir:
            self._error_form(answer)

    def is_cut_short(self):
        """Whether the script's response ends before its own framing says so: then no client may take it for whole."""
        try:
            return not scripted_answer(self.script).complete
        except Broken:
            return False

    def _error_form(self, answer):
        if len(answer.all(b"x-amzn-requestid")) != 1 or not UUID.fullmatch(
            answer.all(b"x-amzn-requestid")[0]
        ):
            self.say("the error has no x-amzn-RequestId: %r" % answer.fields)
        if len(answer.all(b"x-amzn-errortype")) != 1:
            self.say("the error has no x-amzn-ErrorType: %r" % answer.fields)
        if answer.framing != "none":
            try:
                assert isinstance(json.loads(answer.body), dict)
            except (ValueError, AssertionError):
                self.say("the error's body is no JSON object: %r" % answer.body[:100])

    def _cut(self, expect, answer):
        self._spoilt()
        if answer.complete:
            self.say(
                "the client takes the answer for whole: %r %r" % (answer, answer.body[:100]),
                answer.status < 500,
            )

    def _whole(self, expect, answer):
        overridden = expect.status is not None and expect.body is not None
        scripted = None if overridden else scripted_answer(self.script)
        status = expect.status if expect.status is not None else scripted.status
        body = self.script.tagged(expect.body) if expect.body is not None else scripted.body
        if answer.status != status:
            self.say("status %d instead of %d" % (answer.status, status))
        if not answer.complete:
            self.say("an incomplete answer: %r" % answer.body[:100])
        elif answer.body != body:
            self.say("body %r instead of %r" % (answer.body[:100], body[:100]), True)
        if scripted is not None and answer.status == status:
            self._same(expect, scripted, answer)
        self._facts(expect, answer)

    def _same(self, expect, scripted, answer):
        dropped = OWNED | set(scripted.tokens(b"connection")) | {n.lower() for n in expect.without}

        def end_to_end(message):
            return sorted(
                ((n.lower(), v) for n, v in message.fields if n.lower() not in dropped), key=lambda f: f[0]
            )

        if end_to_end(scripted) != end_to_end(answer):
            self.say("fields %r instead of %r" % (end_to_end(answer)[:20], end_to_end(scripted)[:20]))
        trailers = expect.trailers if expect.trailers is not None else scripted.trailers
        if answer.trailers and [(n.lower(), v) for n, v in answer.trailers] != [
            (n.lower(), v) for n, v in trailers
        ]:
            self.say("trailers %r instead of %r" % (answer.trailers, trailers))

    def _facts(self, expect, answer):
        for name, values in expect.has.items():
            if answer.all(name) != [self.script.tagged(v) for v in values]:
                self.say("%r: %r instead of %r" % (name, answer.all(name), values))
        for name in expect.lacks:
            if answer.all(name):
                self.say("%r reached the client: %r" % (name, answer.all(name)))
        if self.is_weir and answer.status != 101 and answer.all(EXECUTED.encode()) != [b"1"]:
            self.say("executed version %r" % answer.all(EXECUTED.encode()))
        if self.is_weir and len(answer.all(b"x-amzn-requestid")) != 1:
            self.say("request ids %r" % answer.all(b"x-amzn-requestid"))
        if expect.interim is not None and [m.status for m in self.result.interim] != expect.interim:
            self.say(
                "interim answers %s instead of %s" % ([m.status for m in self.result.interim], expect.interim)
            )
        if expect.reused is False:
            self._spoilt()
        elif expect.reused is True and not self.endpoint.spoilt_reused and self.is_weir:
            self.say("a good connection was not used again")


async def _run(cases, start, timeout):
    endpoints = [Endpoint(case) for case in cases]
    servers = [asyncio.ensure_future(e.run()) for e in endpoints]
    gate = asyncio.Semaphore(PARALLEL)
    loop = asyncio.get_running_loop()
    routes = [(case.tagged(b"/" + TAG).decode(), e.port) for case, e in zip(cases, endpoints)]
    proxy = await loop.run_in_executor(None, start, routes)

    async def one(case, endpoint):
        async with gate:
            try:
                return await Visitor(case, endpoint, proxy.port, timeout).run()
            except OSError as fault:
                result = Result()
                result.trouble = "no connection: %s" % fault
                return result

    try:
        results = await asyncio.gather(*(one(c, e) for c, e in zip(cases, endpoints)))
    finally:
        await sockets.cancel(*servers)
        general = await loop.run_in_executor(None, proxy.stop)
    return endpoints, results, general, proxy.is_weir


def run(cases, start, timeout=10):
    """Runs the scripts (all of one profile) and returns (complaints by script, complaints about the proxy itself)."""
    sockets.raise_descriptor_limit()
    endpoints, results, general, is_weir = asyncio.run(_run(cases, start, timeout))
    verdicts = {}
    for case, endpoint, result in zip(cases, endpoints, results):
        judge = Judge(case, result, endpoint, is_weir)
        verdicts[case] = min((judge.judge(e) for e in case.expects), key=lambda c: (len(c) > 0, len(c)))
    return verdicts, general
