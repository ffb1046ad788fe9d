"""Connections that break at a chosen byte, by the thousand: a wire that lies under a client and under an endpoint and counts what passes,
so that a fault (Fault) comes after exactly so many bytes of one exchange. Everything runs on one asyncio loop.

    Caller --wire-- weir --wire-- Origin

An exchange is known by its number, which stands in the request's target and in everything that the endpoint answers: whatever arrives where it
does not belong is seen."""

import asyncio
import collections
import dataclasses
import re
import socket
import struct
import threading

from .client import Malformed, parse_fields
from .places import ADDRESS

PAUSE_S = 0.002
NUMBER = re.compile(rb"[A-Z]+ /(\d+)[? ]")


@dataclasses.dataclass(frozen=True)
class Fault:
    """side: "client" or "endpoint", whose wire it is; way: "out" or "in" as this side sees it; how: "close", "half" (only the sending direction
    is closed), "reset", "pause" (a moment, then on), "bytes" (each byte by itself from there on), "stall" (nothing ever again)."""

    side: str
    way: str
    at: int
    how: str


class Wire(asyncio.Protocol):
    """A connection with at most one fault."""

    def __init__(self):
        self.transport = None
        self.waiting = None  # bytes that a pause holds back
        self.fault = None
        self.nr_out = 0
        self.is_over = False  # no more is sent or taken
        self.end = None  # "closed" or "reset" by the other side

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        self.is_over = True
        self.end = "reset" if error else "closed"
        self.on_end()

    def eof_received(self):
        self.end = "closed"
        self.on_end()
        return False

    def on_end(self):
        """The other side has ended the connection."""

    def begin(self, fault):
        """Another exchange: counts from here."""
        self.fault = fault
        self.nr_out = 0

    def send(self, data):
        if self.waiting is not None:
            self.waiting += data
            return
        if self.is_over:
            return
        at = self.fault.at if self.fault and self.fault.way == "out" else None
        if at is None or self.nr_out > at or self.nr_out + len(data) < at:
            self.nr_out += len(data)
            self.transport.write(data)
            return
        keep = at - self.nr_out
        if keep > 0:
            self.transport.write(data[:keep])
        self.nr_out = at
        self.trip(data[keep:])

    def trip(self, rest=b""):
        how, self.fault = self.fault.how, None
        if how in ("pause", "bytes"):
            self.waiting = rest
            asyncio.get_running_loop().call_later(PAUSE_S, self._go_on, how)
            return
        self.is_over = True
        if how == "half":
            self.transport.write_eof()
        elif how == "close":
            self.transport.close()
        elif how == "reset":
            # A moment later, so that what was sent is received before.
            asyncio.get_running_loop().call_later(PAUSE_S, self.reset)

    def _go_on(self, how):
        data, self.waiting = self.waiting, None
        if self.is_over or self.transport.is_closing():
            return
        if how == "bytes" and len(data) > 1:
            self.transport.write(data[:1])
            self.waiting = data[1:]
            asyncio.get_running_loop().call_later(PAUSE_S / 4, self._go_on, how)
            return
        self.send(data)

    def reset(self):
        self.is_over = True
        sock = self.transport.get_extra_info("socket")
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def take_chunks(data, at):
    """(body, trailers, end) of the chunked body that begins at data[at:], or None while it is incomplete."""
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", data[at:end]):
            raise Malformed(f"chunk line {data[at:end]!r}")
        n = int(data[at:end], 16)
        at = end + 2
        if n == 0:
            break
        if len(data) < at + n + 2:
            return None
        if data[at + n : at + n + 2] != b"\r\n":
            raise Malformed(f"after a chunk: {data!r}")
        body += data[at : at + n]
        at += n + 2
    lines = []
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        if end == at:
            return body, parse_fields(lines), end + 2
        lines.append(data[at:end])
        at = end + 2


def take_body(data, at, fields):
    """As take_chunks, by the framing that the fields say; (b"", [], at) where they say none."""
    names = {name.lower(): value for name, value in fields}
    if "transfer-encoding" in names:
        return take_chunks(data, at)
    n = int(names.get("content-length", "0"))
    return (data[at : at + n], [], at + n) if len(data) >= at + n else None


# ---- The endpoint ----


class OriginConnection(Wire):
    def __init__(self, origin):
        super().__init__()
        self.origin = origin
        self.data = b""
        self.number = None  # of the exchange that is under way
        self.has_agreed = False

    def connection_made(self, transport):
        super().connection_made(transport)
        self.origin.nr_connections += 1

    def data_received(self, data):
        if self.is_over:
            return
        self.data += data
        try:
            while self.data and not self.is_over and self.step():
                pass
        except Malformed as e:
            self.origin.troubles.append(f"exchange {self.number}: {e}")

    def step(self):
        """Goes on as far as the bytes go; True when an exchange was completed."""
        if self.number is None:
            match = NUMBER.match(self.data)
            if not match:
                return False
            self.number = int(match[1])
            self.has_agreed = False
            self.begin(self.origin.arrive(self.number))
        plan = self.origin.plans[self.number]
        if self.fault and self.fault.way == "in" and len(self.data) >= self.fault.at:
            self.trip()
            return False
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return False
        fields = parse_fields(self.data[:end].split(b"\r\n")[1:])
        if plan.expects and not self.has_agreed:
            self.has_agreed = True
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        taken = take_body(self.data, end + 4, fields)
        if taken is None or self.is_over:
            return False
        body, trailers, used = taken
        trailers = [pair for pair in trailers if pair[0].lower() == "x-end"]
        self.origin.complete(self.number, body, trailers, used)
        self.data = self.data[used:]
        number, self.number = self.number, None
        self.send(plan.response(number))
        if plan.closes and not self.is_over and self.waiting is None:
            self.transport.close()
        return True

    def _go_on(self, how):
        super()._go_on(how)
        if self.waiting is None and self.number is None and self.origin.closes and not self.is_over:
            self.transport.close()


class Origin:
    """The endpoint. plans: what each exchange is to get, by number; faults: its faults, each for one attempt."""

    def __init__(self):
        self.plans = {}
        self.faults = {}
        self.arrivals = {}  # attempts that got here, by exchange
        self.troubles = []
        self.nr_connections = 0
        self.request_bytes = 0  # of the last complete request
        self.closes = False

    async def open(self, port):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: OriginConnection(self), ADDRESS, port, backlog=1024)

    def arrive(self, number):
        self.arrivals[number] = self.arrivals.get(number, 0) + 1
        if number not in self.plans:
            self.troubles.append(f"exchange {number} is not one of ours")
        return self.faults.pop(number, None)

    def complete(self, number, body, trailers, used):
        plan = self.plans[number]
        self.request_bytes = used
        if body != plan.request_body(number) or trailers != plan.request_trailers:
            self.troubles.append(f"exchange {number} arrived whole and wrong: {body!r} {trailers}")


# ---- The client ----


class Result:
    """What a client made of what it got. status 0: nothing, or not even a head."""

    def __init__(self):
        self.status = 0
        self.interim = []
        self.fields = {}
        self.body = b""
        self.trailers = []
        self.is_complete = False
        self.is_to_end = False  # the body ends with the connection
        self.keeps = False  # another request may follow
        self.end = None
        self.used = 0

    @property
    def is_weirs_own(self):
        return "x-amzn-errortype" in self.fields

    def __repr__(self):
        whole = "whole" if self.is_complete else "incomplete"
        return f"<{self.status} {whole}, {self.interim}, {self.fields}, {self.body!r}, {self.trailers}, {self.end}>"


def read_result(data, method, end):
    """Reads one answer from the start of data; end as in Wire."""
    result = Result()
    result.end = end
    at = 0
    while True:
        stop = data.find(b"\r\n\r\n", at)
        if stop < 0:
            return result
        lines = data[at:stop].split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.[01] ([1-9]\d\d) [^\x00-\x1f]*", lines[0])
        if not match:
            raise Malformed(f"head {data!r}")
        pairs = parse_fields(lines[1:])
        at = stop + 4
        if int(match[1]) >= 200:
            break
        result.interim.append(int(match[1]))
    result.status = int(match[1])
    result.fields = {name.lower(): value for name, value in pairs}
    result.keeps = lines[0].startswith(b"HTTP/1.1") and result.fields.get("connection", "").lower() != "close"
    if method == "HEAD" or result.status in (204, 304):
        result.is_complete, result.used = True, at
    elif "transfer-encoding" in result.fields or "content-length" in result.fields:
        taken = take_body(data, at, pairs)
        result.is_complete = taken is not None
        result.body, result.trailers, result.used = taken or (data[at:], [], len(data))
    else:
        result.body, result.used = data[at:], len(data)
        result.is_to_end = True
        result.is_complete = end == "closed"
    return result


class Caller(Wire):
    """A client connection: one exchange after the other."""

    def __init__(self):
        super().__init__()
        self.data = b""
        self.news = asyncio.Event()

    @classmethod
    async def open(cls, port):
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(cls, ADDRESS, port, local_addr=(ADDRESS, 0))
        return caller

    def data_received(self, data):
        self.data += data
        if self.fault and self.fault.way == "in" and len(self.data) >= self.fault.at:
            self.trip()
        self.news.set()

    def on_end(self):
        self.news.set()

    async def exchange(self, plan, number, fault=None):
        """Sends the request and waits for its answer, or for the connection's end (by either side)."""
        self.begin(fault)
        head, body = plan.request(number)
        is_first = plan.expects
        self.send(head if is_first else head + body)
        while True:
            self.news.clear()
            result = read_result(self.data, plan.method, self.end)
            if is_first and (result.interim or result.status >= 200):
                is_first = False
                if result.interim:
                    self.send(body)
            if result.is_complete:
                self.data = self.data[result.used :]
                return result
            if self.end or (self.is_over and self.transport.is_closing()):
                return result
            await self.news.wait()

    def close(self):
        if self.transport:
            self.transport.close()


# ---- Between two others ----


class ProxyEnd(Wire):
    """One of a proxied connection's two ends; what comes in here goes out at the other."""

    def __init__(self, proxy, other=None):
        super().__init__()
        self.proxy = proxy
        self.other = other
        self.is_accepted = other is None
        self.early = b""  # came before the other end was connected

    def connection_made(self, transport):
        super().connection_made(transport)
        if self.other is None:
            self.other = ProxyEnd(self.proxy, self)
            self.proxy.give_fault(self, self.other)
            self.proxy.keep(asyncio.get_running_loop().create_task(self.proxy.connect(self.other)))
        else:
            self.send(self.other.early)

    def data_received(self, data):
        if self.other.transport is None:
            self.early += data
        else:
            self.other.send(data)

    def on_end(self):
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.close()

    def connection_lost(self, error):
        self.proxy.sizes["client" if self.is_accepted else "endpoint"] = self.nr_out
        super().connection_lost(error)


class FaultProxy:
    """A TCP proxy that gives each connection the next of its faults: Fault.side is the one towards which the bytes go that are counted,
    "client" or "endpoint". It runs in a thread of its own."""

    def __init__(self, port, target_port):
        self.port = port
        self.target_port = target_port
        self.faults = collections.deque()
        self.sizes = {}  # bytes that went to each side on the last connection that ended
        self.tasks = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self.loop).result(10)

    async def _open(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: ProxyEnd(self), ADDRESS, self.port, backlog=1024)

    def keep(self, task):
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def connect(self, end):
        try:
            await asyncio.get_running_loop().create_connection(lambda: end, ADDRESS, self.target_port)
        except OSError:
            end.other.transport.abort()

    def give_fault(self, towards_client, towards_endpoint):
        fault = self.faults.popleft() if self.faults else None
        if fault:
            (towards_client if fault.side == "client" else towards_endpoint).begin(fault)

    def stop(self):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def kill(self):
        """A thread that is still there ends with the process."""
