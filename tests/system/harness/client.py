"""An HTTP/1.1 client on a plain socket, strict about what it gets: it tells a complete answer from one that was cut short, and
raises Malformed for anything that breaks RFC 9112. Requests can be any bytes."""

import json as json_module
import re
import socket
import struct

from .places import ADDRESS
from .waiting import LIMIT_S


class Malformed(AssertionError):
    """The server broke HTTP."""


class Closed(ConnectionError):
    """The connection ended before an answer began."""


TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")


def parse_fields(lines):
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise Malformed(f"field line {line!r}")
        fields.append((name.decode(), value.strip(b" \t").decode("latin-1")))
    return fields


class Fields:
    """Header fields in order, found by name in any case."""

    def __init__(self, pairs):
        self.pairs = [tuple(pair) for pair in pairs]

    def all(self, name):
        return [v for n, v in self.pairs if n.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    def __getitem__(self, name):
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values} in {self.pairs}"
        return values[0]

    def __contains__(self, name):
        return bool(self.all(name))

    def __repr__(self):
        return repr(self.pairs)


class Answer:
    def __init__(self, status, version, headers):
        self.status = status
        self.version = version
        self.headers = headers
        self.interim = []  # earlier answers with status 1xx
        self.framing = None  # "length", "chunked", "eof" or "none"
        self.body = b""
        self.trailers = Fields([])
        self.complete = False
        self.cut = None  # how an incomplete answer ended: "closed" or "reset"

    def json(self):
        assert self.complete, self
        return json_module.loads(self.body)

    @property
    def keep_alive(self):
        options = [o.strip().lower() for o in self.headers.get("connection", "").split(",")]
        return "close" not in options and (self.version == b"HTTP/1.1" or "keep-alive" in options)

    def __repr__(self):
        end = "complete" if self.complete else f"cut ({self.cut})"
        return f"<{self.status} {self.framing} {end} {self.headers} {self.body[:300]!r}>"


class Connection:
    """One client connection. Sockets bind to the tests' own loopback address, which weir then sees as the client's."""

    def __init__(self, port, address=ADDRESS, timeout=LIMIT_S, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((ADDRESS, 0))
        self.socket.connect((address, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.end = None  # "closed" or "reset", once seen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_request(self, method="GET", target="/", headers=(), body=None, host="weir.test", version="1.1"):
        self.send(make_request(method, target, headers, body, host, version))

    # ---- Receiving ----

    def _fill(self):
        """More bytes, or False at the end."""
        if self.end:
            return False
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:
            self.end = "reset"
            return False
        if not data:
            self.end = "closed"
            return False
        self.buffer += data
        return True

    def read_until(self, mark):
        """Takes everything up to and with mark, or returns None when the connection ends before."""
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                out = bytes(self.buffer[: at + len(mark)])
                del self.buffer[: at + len(mark)]
                return out
            start = max(0, len(self.buffer) - len(mark))
            if not self._fill():
                return None

    def read_exactly(self, n):
        while len(self.buffer) < n:
            if not self._fill():
                return None
        out = bytes(self.buffer[:n])
        del self.buffer[:n]
        return out

    def read_head(self):
        """The next answer's head, be it interim or final."""
        text = self.read_until(b"\r\n\r\n")
        if text is None:
            if self.buffer:
                raise Malformed(f"half a head, then {self.end}: {bytes(self.buffer)!r}")
            raise Closed(self.end)
        lines = text[:-4].split(b"\r\n")
        match = re.fullmatch(rb"(HTTP/1\.[01]) ([1-9]\d\d) ([^\x00-\x08\x0a-\x1f\x7f]*)", lines[0])
        if not match or any(b"\n" in line or b"\r" in line for line in lines):
            raise Malformed(f"head {text!r}")
        return Answer(int(match[2]), match[1], Fields(parse_fields(lines[1:])))

    def read_final_head(self):
        interim = []
        answer = self.read_head()
        while answer.status < 200 and answer.status != 101:
            interim.append(answer)
            answer = self.read_head()
        answer.interim = interim
        return answer

    def read_answer(self, method="GET", sink=None):
        """The next final answer, with its body (given to sink piece by piece, if there is one)."""
        answer = self.read_final_head()
        self.read_content(answer, method, sink)
        return answer

    def read_content(self, answer, method="GET", sink=None):
        pieces = []
        take = sink or pieces.append
        self._choose_framing(answer, method)
        if answer.framing == "none":
            answer.complete = True
        elif answer.framing == "length":
            answer.complete = self._read_length(int(answer.headers["content-length"]), take)
        elif answer.framing == "chunked":
            answer.complete = self._read_chunked(answer, take)
        else:
            self._read_to_end(take)
            answer.complete = self.end == "closed"
        answer.body = b"".join(pieces)
        answer.cut = None if answer.complete else self.end

    def _choose_framing(self, answer, method):
        lengths, codings = answer.headers.all("content-length"), answer.headers.all("transfer-encoding")
        if len(lengths) > 1 or any(not re.fullmatch(r"\d{1,18}", n) for n in lengths):
            raise Malformed(f"Content-Length {lengths}")
        if codings and (codings != ["chunked"] or lengths or answer.version == b"HTTP/1.0"):
            raise Malformed(f"Transfer-Encoding {codings}, Content-Length {lengths}")
        if answer.status == 204 and (lengths or codings):
            raise Malformed("204 with framing")
        if method == "HEAD" or answer.status in (101, 204, 304):
            answer.framing = "none"
        elif codings:
            answer.framing = "chunked"
        elif lengths:
            answer.framing = "length"
        else:
            answer.framing = "eof"

    def _read_length(self, n, take):
        while n > 0:
            if not self.buffer and not self._fill():
                return False
            piece = bytes(self.buffer[:n])
            del self.buffer[:n]
            n -= len(piece)
            take(piece)
        return True

    def _read_chunked(self, answer, take):
        while True:
            line = self.read_until(b"\r\n")
            if line is None:
                return False
            if not re.fullmatch(rb"[0-9a-fA-F]{1,15}(;[^\r\n]*)?\r\n", line):
                raise Malformed(f"chunk line {line!r}")
            n = int(line.split(b";")[0], 16)
            if n == 0:
                break
            if not self._read_length(n, take):
                return False
            end = self.read_exactly(2)
            if end is None:
                return False
            if end != b"\r\n":
                raise Malformed(f"{end!r} after a chunk")
        lines = []
        while True:
            line = self.read_until(b"\r\n")
            if line is None:
                return False
            if line == b"\r\n":
                answer.trailers = Fields(parse_fields(lines))
                return True
            lines.append(line[:-2])

    def _read_to_end(self, take):
        while self.buffer or self._fill():
            take(bytes(self.buffer))
            self.buffer.clear()

    def wait_for_end(self):
        """Waits until the server has ended the connection, and returns how; bytes before that are a failure."""
        while self._fill():
            pass
        assert not self.buffer, f"unexpected bytes: {bytes(self.buffer)!r}"
        return self.end


def make_request(method="GET", target="/", headers=(), body=None, host="weir.test", version="1.1"):
    """A request. body: None, bytes (Content-Length), or a list of bytes (chunked, one chunk each; a dict at its end holds
    trailers). host None: no Host field."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if isinstance(body, list):
        lines.append("Transfer-Encoding: chunked")
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    if isinstance(body, list):
        return head + b"".join(make_chunk(piece) for piece in body if piece or isinstance(piece, dict)) + (
            b"" if body and isinstance(body[-1], dict) else b"0\r\n\r\n"
        )
    return head + (body or b"")


def make_chunk(piece):
    if isinstance(piece, dict):
        return b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in piece.items()) + b"\r\n"
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def call(port, method="GET", target="/", headers=(), body=None, host="weir.test", version="1.1", address=ADDRESS):
    """One request on a connection of its own."""
    with Connection(port, address) as c:
        c.send_request(method, target, headers, body, host, version)
        return c.read_answer(method)
