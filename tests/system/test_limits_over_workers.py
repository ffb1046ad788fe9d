"""limits.max_connections of a version: connections to each of its endpoints, over all workers; others wait in order."""

import select
import threading
import time

import pytest
from harness import tables
from harness.fake import OK, Fake
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def has_ended(sock):
    """Has the other side closed it, whether or not all that it sent has been read?"""
    poll = select.poll()
    try:
        poll.register(sock, select.POLLRDHUP)
    except ValueError:  # it is closed on this side
        return True
    return bool(poll.poll(0))


class OneByOne(Fake):
    """An endpoint that serves a connection until it ends, and says how many are open and how many run."""

    def __init__(self, work_s=0.0):
        self.lock = threading.Lock()
        self.work_s = work_s
        self.peers = set()
        self.open = self.running = self.most_open = self.most_running = 0
        super().__init__(self.serve)

    def nr_open_at_weir(self):
        """Without those that weir has closed, though they have not been read to their end yet."""
        return sum(not has_ended(sock) for sock in self.peers)

    def serve(self, c):
        with self.lock:
            self.open += 1
            self.peers.add(c.socket)
            self.most_open = max(self.most_open, self.nr_open_at_weir())
        try:
            while c.read_request():
                with self.lock:
                    self.running += 1
                    self.most_running = max(self.most_running, self.running)
                time.sleep(self.work_s)
                with self.lock:
                    self.running -= 1
                c.send(OK)
        finally:
            with self.lock:
                self.open -= 1
                self.peers.remove(c.socket)


def limited(world, endpoint, limit, workers=4, **settings):
    version = {**tables.endpoints(endpoint), "limits": {"max_connections": limit}}
    table = tables.table({"hello": tables.function({"1": version})}, [tables.route(qualifier="1")])
    return world.weir(table, {"limits": {"upstream_queue_ms": 20000}, **settings}, workers=workers)


@pytest.mark.parametrize("limit", [1, 3])
def test_callers_of_all_workers_share_the_connections_and_none_is_refused(world, limit):
    endpoint = world.keep(OneByOne(0.005))
    weir = limited(world, endpoint, limit)
    statuses = []

    def call():
        for _ in range(5):
            statuses.append(weir.call("POST", body=b"{}").status)

    callers = [threading.Thread(target=call) for _ in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert statuses == [200] * 80
    assert endpoint.most_running <= limit
    assert endpoint.most_open <= limit


def test_a_connection_that_is_idle_on_one_worker_is_given_up_for_another(world):
    endpoint = world.keep(OneByOne())
    weir = limited(world, endpoint, 1, upstream={"idle_ms": 60000})
    for _ in range(40):  # each on a connection of its own, and so on any worker
        assert weir.call().status == 200
    wait_until(lambda: endpoint.open <= 1, "one connection is open")


def test_who_leaves_the_queue_takes_no_place(world):
    gate = threading.Event()

    def serve(c):
        while request := c.read_request():
            if request.target == "/hold":
                gate.wait(20)
            c.send(OK)

    fake = world.fake(serve)
    weir = limited(world, fake, 1)
    with weir.connect() as holder:
        holder.send_request(target="/hold")
        wait_until(lambda: len(fake.requests) == 1, "the connection is taken")
        leavers = [weir.connect() for _ in range(8)]
        stayers = [weir.connect() for _ in range(8)]
        for c in leavers + stayers:
            c.send_request("POST", body=b"x")
        for c in leavers:
            c.reset()
        gate.set()
        assert holder.read_answer().status == 200
        for c in stayers:
            assert c.read_answer("POST").status == 200
            c.close()
    for _ in range(8):
        assert weir.call().status == 200
    weir.expect_metric(0, "weir_invocations_in_flight")


def test_what_waits_too_long_for_a_place_is_503(world):
    gate = threading.Event()

    def serve(c):
        while c.read_request():
            gate.wait(20)
            c.send(OK)

    fake = world.fake(serve)
    weir = limited(world, fake, 1, limits={"upstream_queue_ms": 100})
    with weir.connect() as holder:
        holder.send_request()
        wait_until(lambda: len(fake.requests) == 1, "the connection is taken")
        for _ in range(6):
            assert weir.call().status == 503
        gate.set()
        assert holder.read_answer().status == 200
    assert weir.call().status == 200
