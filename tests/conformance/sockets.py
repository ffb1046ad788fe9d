"""Plain non-blocking sockets on an asyncio loop: bytes go out and come in exactly as said, and a reset after data
loses none."""

import asyncio
import resource
import socket
import struct

PAUSE_SECONDS = 0.02  # lets the other side read what was sent so far; no outcome depends on its length
READ_BYTES = 65536


def raise_descriptor_limit():
    """The suites hold some thousand sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    if soft < want:
        resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))


def listen():
    """A listening socket on a port of its own."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(512)
    sock.setblocking(False)
    return sock


async def connect(port):
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    except BaseException:
        sock.close()
        raise
    return sock


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def cancel(*tasks):
    """Ends tasks, and waits until they have let go of their sockets: a descriptor that is closed before that may
    already be another's when they do."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def send(sock, data):
    """Sends all; False where the other side has closed."""
    try:
        await asyncio.get_running_loop().sock_sendall(sock, data)
        return True
    except OSError:
        return False


class Reader:
    """Bytes of a socket as they come; end is None while it is open, then closed, reset or timeout."""

    def __init__(self, sock, timeout):
        self.sock = sock
        self.timeout = timeout
        self.buf = b""
        self.end = None

    async def more(self):
        """Waits for more bytes or the end; True if there were more."""
        if self.end:
            return False
        try:
            data = await asyncio.wait_for(
                asyncio.get_running_loop().sock_recv(self.sock, READ_BYTES), self.timeout
            )
        except asyncio.TimeoutError:
            self.end = "timeout"
            return False
        except OSError:
            self.end = "reset"
            return False
        if not data:
            self.end = "closed"
            return False
        self.buf += data
        return True


async def accept_forever(sock, handle):
    """Runs handle(connection) as a task for each connection; ends them all when cancelled."""
    loop = asyncio.get_running_loop()
    tasks = set()
    try:
        while True:
            connection, _ = await loop.sock_accept(sock)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(handle(connection))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    finally:
        await cancel(*tasks)
        sock.close()
