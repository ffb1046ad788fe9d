"""Where weir listens: both families, two listeners on one port, overlaps; and that the kernel looks after quiet connections."""

import re
import socket
import subprocess

import pytest
from harness import tables
from harness.fake import answering
from harness.places import ADDRESS, WEIR, free_port
from harness.waiting import LIMIT_S, wait_until

pytestmark = pytest.mark.fast


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
LOOPBACKS = ["127.0.0.1", "::1"]


def everywhere():
    """A port that is free on all addresses of both families."""
    while True:
        port = free_port("0.0.0.0")
        with socket.socket(socket.AF_INET6) as s:
            try:
                s.bind(("::", port))
                return port
            except OSError:
                continue


def status_at(address, port, target="/"):
    with socket.create_connection((address, port), LIMIT_S) as sock:
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    return int(answer.split()[1])


@needs_ipv6
def test_a_port_alone_is_both_families_for_clients_and_operators(world, tmp_path):
    port, admin = everywhere(), everywhere()
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test\n")
    token.chmod(0o600)
    weir = world.weir(
        tables.one(world.demo()),
        {"listeners": [{"address": f":{port}"}], "admin": {"address": f":{admin}", "token_file": str(token)}},
        wait=False,
    )
    weir.wait_for_words("weir is ready")
    for address in LOOPBACKS:
        assert status_at(address, port) == 200
        assert status_at(address, admin, "/readyz") == 200
    clients = wait_until(lambda: len(weir.access_log()) == 2 and [line["client"] for line in weir.access_log()], "two lines")
    assert sorted(clients) == LOOPBACKS
    weir.stop()


@needs_ipv6
@pytest.mark.parametrize("order", [1, -1])
def test_a_wildcard_of_each_family_share_a_port(world, order):
    port = everywhere()
    listeners = [{"address": f"[::]:{port}"}, {"address": f"0.0.0.0:{port}"}][::order]
    weir = world.weir(tables.one(world.demo()), {"listeners": listeners})
    for address in LOOPBACKS:
        assert status_at(address, port) == 200


@needs_ipv6
def test_the_admin_listener_may_have_the_other_family_of_a_port(world):
    port = everywhere()
    settings = {"listeners": [{"address": f"[::]:{port}"}], "admin": {"address": f"127.0.0.1:{port}"}}
    weir = world.weir(tables.one(world.demo()), settings, wait=False)
    weir.wait_for_words("weir is ready")
    assert status_at("::1", port) == 200
    assert status_at("127.0.0.1", port, "/readyz") == 200
    weir.stop()


@pytest.mark.parametrize(
    "first, second",
    [(":{}", "0.0.0.0:{}"), (":{}", "[::]:{}"), ("127.0.0.1:{}", ":{}"), ("0.0.0.0:{}", "127.0.0.1:{}")],
)
@pytest.mark.parametrize("place", ["listener", "admin"])
def test_addresses_that_overlap_are_found_by_weir_check(world, first, second, place):
    port = free_port()
    first, second = first.format(port), second.format(port)
    settings = {"listeners": [{"address": first}]}
    if place == "listener":
        settings["listeners"].append({"address": second})
    else:
        settings["admin"] = {"address": second}
    weir = world.weir(tables.one(f"http://{ADDRESS}:1"), settings, wait=False)
    world.things.remove(weir)
    assert weir.wait() == 1
    checked = subprocess.run(
        [WEIR, "check", "--settings", weir.settings_path], capture_output=True, text=True, cwd=weir.folder
    )
    assert checked.returncode == 1
    for text in (checked.stderr, weir.stderr()):
        assert first in text and second in text and "take the same address and port" in text


def test_quiet_connections_have_keepalive_on_both_sides(world):
    """The fourth column of /proc/net/tcp begins with 02 where the timer that runs is that of keepalive."""
    waiting = world.fake(lambda c: (c.read_request(), c.wait_for_end()))
    weir = world.weir(tables.one(waiting))
    with weir.connect() as c:
        c.send_request()

        def seconds():
            """Of weir's two connections: until the first probe."""
            found = {}
            with open("/proc/net/tcp") as f:
                for line in f.read().splitlines()[1:]:
                    words = line.split()
                    here, there = (int(words[i].split(":")[1], 16) for i in (1, 2))
                    side = "client" if here == weir.port else "endpoint" if there == waiting.port else None
                    timer, ticks = words[5].split(":")
                    if side and words[3] == "01" and timer == "02":
                        found[side] = int(ticks, 16) / 100
            return len(found) == 2 and found

        for side, s in wait_until(seconds, "both connections have the timer").items():
            assert s < 300, side


def test_a_host_name_is_listened_on(world):
    port = free_port("127.0.0.1")
    weir = world.weir(tables.one(world.fake(answering())), {"listeners": [{"address": f"localhost:{port}"}]})
    weir.wait_for_words("listening on ")
    [name] = re.findall(r"listening on http://(\S+):\d+", weir.stderr())
    assert status_at(name.strip("[]"), port) == 200
