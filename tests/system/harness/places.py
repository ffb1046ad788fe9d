"""Where things are: the programs under test, and addresses and ports that nobody else uses."""

import os
import pathlib
import socket

ROOT = pathlib.Path(__file__).resolve().parents[3]
WEIR = pathlib.Path(os.environ.get("WEIR_BIN", ROOT / "build" / "weir")).resolve()
DEMO = pathlib.Path(os.environ.get("WEIR_DEMO", WEIR.parent / "weir-demo")).resolve()
LOAD = pathlib.Path(os.environ.get("WEIR_LOAD", WEIR.parent / "weir-load")).resolve()


def _sanitizer() -> str:
    """Which sanitizer weir was built with: "", "address" or "thread"."""
    if os.environ.get("WEIR_SANITIZED") == "0" or not WEIR.exists():
        return ""
    content = WEIR.read_bytes()
    if b"__tsan_init" in content:
        return "thread"
    if b"__asan_init" in content:
        return "address"
    return ""


SANITIZER = _sanitizer()
SANITIZED = bool(SANITIZER) or os.environ.get("WEIR_SANITIZED") == "1"


def scaled(plain, sanitized):
    """An amount of work: less of it where every step costs many times as much."""
    return sanitized if SANITIZED else plain


def _own_address() -> str:
    """All of 127/8 is loopback: each test process takes an address of its own, so that the ports it finds free stay free
    whatever other test processes do. (Two programs of one user could even share a port, by SO_REUSEPORT.)"""
    pid = os.getpid()
    return f"127.{64 + pid % 128}.{pid // 128 % 250 + 1}.{pid // 32000 % 250 + 1}"


ADDRESS = _own_address()


def addresses(n):
    """So many addresses of this test process' own, ADDRESS among them."""
    front, last = ADDRESS.rsplit(".", 1)
    return [f"{front}.{int(last) + 25 * i}" for i in range(n)]


def _ports():
    """Below the range from which the kernel takes ports for outgoing connections: a client that tries a port on which
    nobody listens yet could else be given that very port, and be connected to itself."""
    first = 10000 + os.getpid() % 97 * 200
    while True:
        yield from range(first, 32000)
        first = 10000


_next_port = _ports()


def free_port(address: str = ADDRESS) -> int:
    for port in _next_port:
        with socket.socket() as s:
            try:
                s.bind((address, port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")
