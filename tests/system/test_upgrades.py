"""Requests that ask for an upgrade: which become tunnels, and what the bytes behind the others are."""

import threading

import pytest
from harness import tables
from harness.client import make_request
from harness.pattern import pattern

pytestmark = pytest.mark.fast

WEBSOCKET = [("Connection", "Upgrade"), ("Upgrade", "websocket")]


def test_an_upgrade_that_the_endpoint_agrees_to_becomes_a_tunnel(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect() as c:
        c.send_request(target="/?upgrade", headers=WEBSOCKET)
        head = c.read_final_head()
        assert head.status == 101 and head.headers["upgrade"] == "websocket"
        assert head.headers["connection"].lower() == "upgrade"
        for i in range(20):
            message = b"message %d \x00\xff" % i
            c.send(message)
            assert c.read_exactly(len(message)) == message
        big = pattern(300000)
        sender = threading.Thread(target=c.send, args=(big,))
        sender.start()
        assert c.read_exactly(len(big)) == big
        sender.join()
    demo.wait_for(lambda n: n["in_flight"] == 0, "the tunnel has ended at the endpoint")


@pytest.mark.parametrize("pieces", [1, 3, 50])
def test_bytes_behind_a_request_to_upgrade_are_the_tunnels_after_101(plain, pieces):
    """Also those that look like a request, and those that come in reads of their own."""
    early = make_request(target="/smuggled") + pattern(100000)
    with plain.connect() as c:
        request = make_request(target="/?upgrade&delay=50", headers=WEBSOCKET)
        data = request + early
        step = len(data) // pieces + 1
        sender = threading.Thread(target=lambda: [c.send(data[i : i + step]) for i in range(0, len(data), step)])
        sender.start()
        assert c.read_final_head().status == 101
        assert c.read_exactly(len(early)) == early
        sender.join()
        c.send(b"later")
        assert c.read_exactly(5) == b"later"


def test_bytes_behind_a_request_to_upgrade_are_the_next_request_after_any_other_answer(plain):
    with plain.connect() as c:
        c.send(make_request(target="/?delay=50", headers=WEBSOCKET) + make_request("POST", "/second?body", body=b"hi"))
        assert c.read_answer().status == 200
        assert c.read_answer().json()["body"] == "hi"
        c.send(make_request(target="/?delay=50", headers=WEBSOCKET) + b"\x81\x05hello\r\n\r\n")
        assert c.read_answer().status == 200
        answer = c.read_answer()
        assert answer.status == 400 and not answer.keep_alive


@pytest.mark.parametrize(
    "headers",
    [
        [("Connection", "Upgrade"), ("Upgrade", "h2c")],
        [("Connection", "Upgrade"), ("Upgrade", "TLS/1.2")],
        [("Connection", "Upgrade"), ("Upgrade", "echo")],
        [("Connection", "Upgrade"), ("Upgrade", "websocket, echo")],
        [("Connection", "Upgrade")],
        [("Upgrade", "websocket")],
    ],
)
def test_a_request_for_an_upgrade_that_is_not_tunnelled_is_an_ordinary_one(plain, headers):
    with plain.connect() as c:
        c.send(make_request(target="/?upgrade", headers=headers) + make_request(target="/next"))
        fields = dict((n.lower(), v) for n, v in c.read_answer().json()["headers"])
        assert "upgrade" not in fields and "connection" not in fields
        assert c.read_answer().json()["target"] == "/next"


def test_an_upgrade_that_the_endpoint_ignores_is_an_ordinary_exchange(plain):
    with plain.connect() as c:
        c.send_request(headers=WEBSOCKET)
        assert c.read_answer().status == 200
        c.send_request(target="/next")
        assert c.read_answer().json()["target"] == "/next"


def test_a_tunnel_in_which_the_client_alone_speaks_does_not_stand_still(world):
    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert c.read_exactly(25) == b"x" * 25
        c.send(b"bye")

    weir = world.weir(tables.one(world.fake(handler)), {"timeouts": {"stream_idle_ms": 500}})
    with weir.connect() as c:
        c.send_request(headers=WEBSOCKET)
        assert c.read_final_head().status == 101
        for _ in range(25):  # five times as long as it might stand still
            c.send(b"x")
            threading.Event().wait(0.1)
        assert c.read_exactly(3) == b"bye"


def test_the_end_of_a_tunnel_at_the_endpoint_reaches_the_client(world):
    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbye")

    weir = world.weir(tables.one(world.fake(handler)))
    with weir.connect() as c:
        c.send_request(headers=WEBSOCKET)
        assert c.read_final_head().status == 101
        assert c.read_exactly(3) == b"bye"
        assert c.wait_for_end()
