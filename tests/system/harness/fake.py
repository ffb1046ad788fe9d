"""Endpoints whose every byte a test decides: a function that is run, in a thread of its own, for each connection."""

import contextlib
import re
import socket
import struct
import threading

from .client import Fields, parse_fields
from .places import ADDRESS, free_port
from .waiting import LIMIT_S

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Request:
    def __init__(self, head):
        lines = head[:-4].split(b"\r\n")
        self.method, self.target, self.version = lines[0].decode("latin-1").split(" ")
        self.headers = Fields(parse_fields(lines[1:]))
        self.body = b""


class FakeConnection:
    """What a handler gets."""

    def __init__(self, endpoint, sock, number):
        self.endpoint = endpoint
        self.socket = sock
        self.number = number  # from 1, over the endpoint's life
        self.buffer = b""

    def _fill(self):
        data = self.socket.recv(1 << 16)
        self.buffer += data
        return bool(data)

    def read_until(self, mark):
        while mark not in self.buffer:
            if not self._fill():
                return None
        out, _, self.buffer = self.buffer.partition(mark)
        return out + mark

    def read_exactly(self, n):
        while len(self.buffer) < n:
            if not self._fill():
                return None
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def _read_head(self):
        head = self.read_until(b"\r\n\r\n")
        return None if head is None else Request(head)

    def read_head(self):
        """The next request's head, recorded; None at the connection's end."""
        request = self._read_head()
        if request is not None:
            self.endpoint.requests.append(request)
        return request

    def read_request(self):
        """The next request with its body, recorded once both are here; None when the connection ends before."""
        request = self._read_head()
        if request is None or not self._read_body(request):
            return None
        self.endpoint.requests.append(request)
        return request

    def _read_body(self, request):
        if request.headers.get("transfer-encoding") == "chunked":
            return self._read_chunks(request)
        body = self.read_exactly(int(request.headers.get("content-length", "0")))
        request.body = body or b""
        return body is not None

    def _read_chunks(self, request):
        """False when the connection ends before the last chunk and its trailers."""
        while line := self.read_until(b"\r\n"):
            n = int(line, 16)
            if n == 0:
                while line := self.read_until(b"\r\n"):
                    if line == b"\r\n":
                        return True
                return False
            data = self.read_exactly(n + 2)
            if data is None:
                return False
            request.body += data[:n]
        return False

    def send(self, data):
        self.socket.sendall(data)

    def wait_for_end(self):
        """Waits until weir has ended the connection."""
        with contextlib.suppress(ConnectionError):
            while self._fill():
                pass

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Fake:
    def __init__(self, handler, address=ADDRESS, port=None):
        self.handler = handler
        self.requests = []
        self.nr_connections = 0
        self.trouble = []
        self.sockets = []
        self.port = port or free_port(address)
        self.address = address
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, self.port))
        self.listener.listen(512)
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(LIMIT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.nr_connections += 1
            self.sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, self.nr_connections), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock, number):
        try:
            self.handler(FakeConnection(self, sock, number))
        except ConnectionError:
            pass
        except Exception as e:  # shown by the test that owns this endpoint
            if self.listener.fileno() >= 0:
                self.trouble.append(e)
        finally:
            with contextlib.suppress(OSError):
                sock.close()

    def stop(self):
        """Closes everything; a handler's mistakes become the test's."""
        listener, self.listener = self.listener, socket.socket()
        self.listener.close()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(LIMIT_S)
        for sock in self.sockets:
            sock.close()
        if self.trouble:
            raise self.trouble[0]


def answering(data=OK):
    """A handler that gives every request on a connection the same answer."""

    def handler(c):
        while c.read_request():
            c.send(data)

    return handler


def content_length(text):
    match = re.search(rb"content-length: (\d+)", text.lower())
    return int(match[1]) if match else None
