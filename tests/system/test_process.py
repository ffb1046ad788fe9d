"""The process: its end, its limits, what it does when it has nothing to do."""

import json
import os
import signal
import threading
import time

import pytest
from harness import tables
from harness.client import Closed, Connection
from harness.pattern import pattern
from harness.places import WEIR, scaled
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def refuses(weir):
    """Whether new connections are refused, or closed without an answer."""
    try:
        weir.call()
        return False
    except ConnectionError:
        return True


# ---- The end ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_weir_ends_at_once(world, number):
    weir = world.weir(tables.one(world.demo()))
    weir.call()
    with weir.connect() as idle:
        idle.send_request()
        assert idle.read_answer().status == 200
        weir.signal(number)
        assert idle.wait_for_end() == "closed"
        weir.stop()


def test_what_is_in_flight_is_finished_before_the_end(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    waiting = weir.connect()
    waiting.send_request(target="/?echo", method="POST", headers=[("Transfer-Encoding", "chunked")])
    head = waiting.read_final_head()
    demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
    weir.signal(signal.SIGTERM)
    wait_until(lambda: refuses(weir), "new connections are refused")
    assert weir.is_running()
    waiting.send(b"5\r\nhello\r\n0\r\n\r\n")
    waiting.read_content(head)
    assert head.complete and head.body == b"hello"
    waiting.close()
    weir.stop()
    assert demo.count()["aborted"] == 0


def test_the_last_answer_on_a_connection_says_that_it_is_the_last(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect() as c:
        c.send_request("POST", "/", [("Content-Length", "5")])
        c.send(b"he")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
        weir.signal(signal.SIGTERM)
        wait_until(lambda: refuses(weir), "new connections are refused")
        c.send(b"llo")
        answer = c.read_answer()
        assert answer.status == 200 and answer.headers["connection"] == "close"
        assert c.wait_for_end() == "closed"
    weir.stop()


def test_draining_ends_at_its_time(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"timeouts": {"drain_ms": 300}})
    with weir.connect() as c:
        c.send_request(target="/?fail=stall")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
        weir.stop()
        try:
            answer = c.read_answer()
            assert answer.status in (502, 503, 504)
        except Closed:
            pass
    demo.wait_for(lambda n: n["aborted"] == 1, "the endpoint saw the end")


def test_a_second_signal_ends_the_drain(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect() as c:
        c.send_request(target="/?fail=stall")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
        weir.signal(signal.SIGTERM)
        wait_until(lambda: refuses(weir), "new connections are refused")
        weir.stop()


def test_readiness_ends_with_the_drain(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect() as c:
        c.send_request(target="/?fail=stall")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
        weir.signal(signal.SIGTERM)

        def is_unready():
            try:
                return weir.admin("/readyz").status == 503
            except ConnectionError:
                return True

        wait_until(is_unready, "it is no longer ready")
    weir.stop()


def test_a_drain_under_load_fails_no_request_that_was_taken(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=4)
    load = world.load(weir, connections=16)
    load.run(2000)
    load.tell("run 1000000")
    wait_until(lambda: demo.count()["requests"] > 3000, "the load is under way")
    weir.stop()
    load.kill()
    seen = demo.wait_for(lambda n: n["in_flight"] == 0, "nothing is in flight")
    assert seen["aborted"] == 0
    world.things.remove(load)


def stopped(weir):
    """weir holds still: what happens meanwhile waits in the kernel."""
    weir.signal(signal.SIGSTOP)
    wait_until(lambda: open(f"/proc/{weir.pid}/stat").read().rpartition(")")[2].split()[0] == "T", "weir is stopped")


def test_a_drain_answers_what_clients_had_sent_before_it_began(world):
    """B4: on connections that wait to be accepted, that have just been accepted, and that lay idle."""
    weir = world.weir(tables.one(world.demo()))
    idle = [weir.connect() for _ in range(8)]
    for c in idle[:4]:
        c.send_request()
        assert c.read_answer().status == 200
    stopped(weir)
    fresh = [weir.connect() for _ in range(200)]
    for c in idle + fresh:
        c.send_request("POST", body=b"hello")
    weir.signal(signal.SIGTERM)
    weir.signal(signal.SIGCONT)
    for c in idle + fresh:
        assert c.read_answer().status == 200
        assert c.wait_for_end() == "closed"
        c.close()
    weir.stop()


def test_a_connection_that_was_just_used_may_send_its_next_request_while_weir_drains(world):
    weir = world.weir(tables.one(world.demo()))
    with weir.connect() as c:
        c.send_request(target="/?delay=300")
        weir.expect_metric(1, "weir_requests_total")
        weir.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in weir.stderr(), "weir drains")
        answer = c.read_answer()
        if answer.keep_alive:  # it was written before the drain began
            c.send_request()
            answer = c.read_answer()
        assert answer.status == 200 and not answer.keep_alive
        assert c.wait_for_end() == "closed"
    weir.stop()


def test_a_restart_under_load_resets_no_connection(world):
    """Short connections: each that the kernel has accepted for weir gets its answer."""
    weir = world.weir(tables.one(world.demo()), workers=2)
    done, wrong = [], []
    over = threading.Event()

    def call_again_and_again():
        while not over.is_set():
            began = time.monotonic()
            try:
                c = weir.connect()
            except ConnectionRefusedError:
                return
            try:
                c.send_request(headers=[("Connection", "close")])
                is_late = time.monotonic() - began > 0.2  # the machine was busy elsewhere: nothing is promised then
                assert c.read_answer().status == 200
                done.append(1)
            except (Closed, ConnectionError) as e:
                if not is_late:
                    wrong.append(e)
            finally:
                c.close()

    threads = [threading.Thread(target=call_again_and_again) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(done) > 200, "the load is under way")
    weir.stop()
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong


def cut_by_the_drain(world, body, drain_ms=300, **connect):
    """An HTTP/1.0 client, whose answer only the connection's end ends, while weir drains for too long."""

    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        c.wait_for_end()

    weir = world.weir(tables.one(world.fake(handler)), {"timeouts": {"drain_ms": drain_ms}})
    c = weir.connect(**connect)
    c.send_request(version="1.0")
    head = c.read_final_head()
    weir.stop()
    c.read_content(head)
    assert not head.complete and c.end == "reset"
    assert [line["outcome"] for line in weir.access_log()] == ["drain_timeout"]


def test_a_drain_that_takes_too_long_cuts_a_response_visibly(world):
    cut_by_the_drain(world, b"5\r\nhello\r\n")


def test_a_drain_that_takes_too_long_cuts_a_response_that_waits_to_be_sent_visibly(world):
    cut_by_the_drain(world, b"800000\r\n" + b"x" * 0x800000 + b"\r\n", receive_buffer=4096)


# ---- Workers ----


def test_there_are_as_many_workers_as_the_affinity_allows(world):
    cpu = min(os.sched_getaffinity(0))
    settings = world.folder / "weir-1" / "settings.json"
    command = ["taskset", "-c", str(cpu), WEIR, "run", "--settings", settings]
    weir = world.weir(tables.one(world.demo()), workers=0, command=command)
    weir.wait_for_words("weir is ready: 1 worker, ")


# ---- Descriptors ----


def test_the_soft_limit_of_descriptors_is_raised(world):
    import re

    weir = world.weir(tables.one(world.demo()))
    with open(f"/proc/{weir.pid}/limits") as f:
        soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", f.read()).groups()
    assert soft == hard


@pytest.mark.parametrize("workers", [1, 3])
def test_too_few_descriptors_for_a_start_are_told(world, workers):
    """At each limit weir either says why it cannot start, or runs and hears signals."""
    demo = world.demo()
    nr_refused = nr_started = 0
    for nofile in [*range(5, 40, scaled(3, 11)), 48, 56, 64, 72, 80, 120]:
        weir = world.weir(tables.one(demo), workers=workers, nofile=nofile, wait=False)
        world.things.remove(weir)
        try:
            wait_until(lambda: "weir is ready" in weir.stderr() or not weir.is_running(), "weir runs or has ended")
            if weir.is_running():
                weir.stop()
                nr_started += 1
            else:
                assert weir.wait() == 1, weir.stderr()
                assert f"the limit on open files is {nofile}, and weir needs " in weir.stderr()
                nr_refused += 1
        finally:
            weir.kill()
    assert nr_started > 0 and nr_refused > 0


def test_without_descriptors_weir_sheds_load_without_spinning_and_recovers(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=2, nofile=scaled(100, 160))
    weir.allow_error("descriptor|open files")
    assert weir.call().status == 200
    held = []
    shed = 0
    for _ in range(250):
        c = Connection(weir.port)
        held.append(c)
    # Those over the limit are answered 503 or closed; none is left hanging.
    for c in held:
        c.socket.settimeout(0.5)
        try:
            c.send_request()
            answer = c.read_answer()
            shed += answer.status == 503
            if answer.status == 503:
                assert "descriptors" in json.loads(answer.body)["Message"]
        except (ConnectionError, OSError):
            shed += 1
    assert shed >= 100
    assert weir.is_running()
    held.append(Connection(weir.admin_port))  # waits to be accepted as well
    ticks = weir.cpu_ticks()
    threading.Event().wait(1.0)
    # One second of two workers: a spinning one would take a hundred ticks.
    assert weir.cpu_ticks() - ticks < 40
    for c in held:
        c.close()

    def is_served():
        try:
            return weir.call().status == 200
        except OSError:
            return False

    wait_until(is_served, "requests are served again")
    for _ in range(20):
        assert weir.call().status == 200
    assert weir.metrics().value("weir_rejected_requests_total", reason="descriptors") > 0


# ---- At rest ----


def test_an_idle_weir_takes_no_cpu_time(world):
    weir = world.weir(tables.one(world.demo()), workers=4)
    with weir.connect() as c:
        c.send_request(target="/?size=1m")
        assert c.read_answer().body == pattern(1 << 20)
        threading.Event().wait(0.2)
        ticks = weir.cpu_ticks()
        threading.Event().wait(1.0)
        assert weir.cpu_ticks() - ticks < 20


@pytest.mark.parametrize(
    "target", ["/?fail=stall", "/?size=1000&fail=stall&at=500", "/?size=1000&chunked&fail=stall&at=500", "/?size=256m"]
)
def test_a_waiting_exchange_takes_no_cpu_time(world, target):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect(receive_buffer=8192) as c:
        c.send_request("POST", target, body=b"x")
        demo.wait_for(lambda n: n["in_flight"] == 1, "it is in flight")
        threading.Event().wait(0.3)
        ticks = weir.cpu_ticks()
        threading.Event().wait(1.0)
        assert weir.cpu_ticks() - ticks < 20


def test_an_upload_nobody_reads_takes_no_cpu_time(world):
    weir = world.weir(tables.one(world.demo()))
    with weir.connect() as c:
        c.send_request("POST", "/?read_delay=3000", [("Content-Length", "100000000")])
        c.socket.setblocking(False)
        try:
            while True:
                c.socket.send(pattern(65536))
        except BlockingIOError:
            pass
        threading.Event().wait(0.3)
        ticks = weir.cpu_ticks()
        threading.Event().wait(1.0)
        assert weir.cpu_ticks() - ticks < 20


def test_work_is_shared_among_the_workers(world):
    """Each worker's listening socket gets a share of the connections, so that no thread is left out."""
    weir = world.weir(tables.one(world.demo()), workers=4)
    connections = [weir.connect() for _ in range(64)]
    for c in connections:
        c.send_request()
        assert c.read_answer().status == 200
    for c in connections:
        c.close()
    weir.expect_metric(4, "weir_workers")
