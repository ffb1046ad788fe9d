"""Endpoints that have names: which address an invocation goes to, and what happens when DNS answers something else."""

import contextlib
import re
import socket
import time

import pytest
from harness import tables
from harness.dns import NXDOMAIN, SERVFAIL, Dns
from harness.fake import OK, Fake, answering
from harness.patient import BAD, CHECK, Patient, changes, expect_unavailable, is_up, wait_for_down, wait_for_up
from harness.places import ADDRESS, addresses, free_port, scaled
from harness.waiting import LIMIT_S, wait_until

NAME = "fn.test"


@pytest.fixture
def dns(world):
    return world.keep(Dns())


def settings(dns, **upstream):
    """A look-up every 100 ms, unless its time to live is kept (1 s at least)."""
    return {"upstream": {"dns_servers": dns.server, "resolve_ms": 100, **upstream}}


def twins(world, n, handler=answering):
    """Endpoints on one port of several addresses."""
    first = Fake(handler(), addresses(n)[0])
    rest = [Fake(handler(), address, port=first.port) for address in addresses(n)[1:]]
    return [world.keep(fake) for fake in (first, *rest)]


def url(fake, name=NAME):
    return f"http://{name}:{fake.port}"


def nr_requests(fakes):
    return [len(fake.requests) for fake in fakes]


# ---- Each address is an endpoint of its own ----


def test_the_addresses_of_a_name_share_the_load(world, dns):
    fakes = twins(world, 3)
    dns.says(NAME, *addresses(3))
    weir = world.weir(tables.one(url(fakes[0])), settings(dns), workers=1)
    for _ in range(300):
        assert weir.call().status == 200
    # Each is drawn with a chance of a third: 300 draws are 100 +- 8.2; 50 is six deviations off.
    assert all(n > 50 for n in nr_requests(fakes)), nr_requests(fakes)
    assert {request.headers["host"] for request in fakes[1].requests} == {f"{NAME}:{fakes[0].port}"}
    [(labels, value)] = weir.metrics().find("weir_upstream_connections_opened_total")
    assert value == 3, f"{labels}: all addresses are counted together"


def test_the_addresses_of_names_share_with_endpoints_that_are_written_as_addresses(world, dns):
    fakes = twins(world, 3)
    dns.says(NAME, *addresses(3)[:2])
    weir = world.weir(tables.one([url(fakes[0]), fakes[2].url]), settings(dns), workers=1)
    for _ in range(300):
        assert weir.call().status == 200
    assert all(n > 50 for n in nr_requests(fakes)), nr_requests(fakes)


def test_an_invocation_goes_to_the_address_that_is_less_busy(world, dns):
    fakes = twins(world, 2, lambda: lambda c: [c.read_request(), c.wait_for_end()])
    dns.says(NAME, *addresses(2))
    weir = world.weir(tables.one(url(fakes[0])), settings(dns), workers=1)
    with contextlib.ExitStack() as stack:
        for n in range(1, 9):  # none is ever answered: each next one goes to the other address
            stack.enter_context(weir.connect()).send_request()
            wait_until(lambda n=n: sum(nr_requests(fakes)) == n, f"{n} requests have come")
            assert abs(len(fakes[0].requests) - len(fakes[1].requests)) <= 1
    weir.signal(15)  # asked twice: it does not wait for the endpoints
    weir.signal(15)


def test_dead_first_addresses_do_not_fail_an_invocation(world, dns):
    fake = world.keep(Fake(answering(), addresses(4)[3]))
    dns.says(NAME, *addresses(4))
    weir = world.weir(tables.one(url(fake)), settings(dns, retries=0))
    assert [weir.call("POST", body=b"x").status for _ in range(20)] == [200] * 20
    assert [(line["status"], line["retries"]) for line in weir.wait_for_log(20)] == [(200, 0)] * 20


class BlackHole:
    """An address that neither takes nor refuses connections: its queue is full."""

    def __init__(self, address, port):
        self.listener = socket.socket()
        self.listener.bind((address, port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((address, port))
            self.fillers.append(filler)

    def stop(self):
        for s in (*self.fillers, self.listener):
            s.close()

    def kill(self):
        pass


def test_addresses_that_swallow_connections_leave_time_for_the_others(world, dns):
    fake = world.keep(Fake(answering(), addresses(4)[3]))
    for address in addresses(4)[:3]:
        world.keep(BlackHole(address, fake.port))
    dns.says(NAME, *addresses(4))
    weir = world.weir(
        tables.one(url(fake)), {**settings(dns, retries=0), "timeouts": {"connect_ms": scaled(2000, 8000)}}, workers=1
    )
    assert [weir.call().status for _ in range(8)] == [200] * 8


def test_where_no_address_answers_the_invocation_fails_once_all_were_tried(world, dns):
    port = free_port()
    dns.says(NAME, *addresses(4))
    weir = world.weir(tables.one(f"http://{NAME}:{port}"), settings(dns, retries=0))
    assert weir.call().status == 502
    [line] = weir.wait_for_log(1)
    assert line["outcome"] == "connect" and line["retries"] == 0
    assert weir.metrics().value("weir_upstream_connections_opened_total") == 4


def test_ipv6_and_ipv4_addresses_are_both_used(world, dns):
    v4 = world.fake()
    dns.says(NAME, "::1", ADDRESS)
    weir = world.weir(tables.one(url(v4)), settings(dns))
    assert [weir.call().status for _ in range(20)] == [200] * 20


def test_an_address_that_fails_is_ejected_and_the_others_serve_on(world, dns):
    sick, well = twins(world, 2)
    sick.handler = answering(BAD)
    dns.says(NAME, *addresses(2))
    rule = {"consecutive_errors": 3, "pause_ms": 60000, "pause_max_ms": 60000}
    weir = world.weir(tables.one(url(well), ejection=rule), settings(dns), workers=1)
    pattern = rf"endpoint {re.escape(url(well))} \({sick.address}\) of hello version 1 is ejected for 60000 ms"
    wait_until(lambda: weir.call() and re.search(pattern, weir.stderr()), "the sick one is ejected")
    seen = len(sick.requests)
    assert [weir.call().status for _ in range(30)] == [200] * 30
    assert len(sick.requests) == seen == 3
    metrics = weir.metrics()
    assert metrics.value("weir_ejections_total") == 1
    assert metrics.value("weir_endpoint_ejected") == 0, "the endpoint has an address left"
    assert is_up(weir)


def test_each_address_is_checked_and_goes_down_by_itself(world, dns):
    well, sick = Patient(), Patient("b")
    fake = world.keep(Fake(well, addresses(2)[0]))
    other = world.keep(Fake(sick, addresses(2)[1], port=fake.port))
    dns.says(NAME, *addresses(2))
    weir = world.weir(tables.one(url(fake), health_check=CHECK), settings(dns))
    weir.wait_for_words(f"({other.address}) of hello version 1 is down")
    well.wait_for_checks(2)
    assert is_up(weir) and changes(weir) == []
    seen = len(other.requests) - len(sick.checks)
    assert [weir.call().status for _ in range(30)] == [200] * 30
    assert len(other.requests) - len(sick.checks) == seen
    well.script = "b"
    wait_for_down(weir)
    expect_unavailable(weir.call())
    sick.script = "g"
    wait_for_up(weir)
    assert weir.call().status == 200


# ---- When the answer changes ----


def test_a_change_of_the_name_moves_traffic_while_busy_and_fails_nothing(world, dns):
    old, new = twins(world, 2)
    dns.says(NAME, old.address)
    weir = world.weir(tables.one(url(old)), settings(dns))
    load = world.load(weir, connections=8)
    load.tell("go")
    wait_until(lambda: len(old.requests) > 100, "the old address serves")
    dns.says(NAME, new.address)
    wait_until(lambda: len(new.requests) > 100, "the new address serves")
    seen = len(old.requests)
    count = len(new.requests)
    wait_until(lambda: len(new.requests) > count + 200, "the new address serves on")
    load.tell("stop")
    assert load.result()["failed"] == 0
    assert len(old.requests) == seen
    weir.wait_for_words(f"{NAME} is at {new.address}:{new.port}")


def test_idle_connections_to_an_address_that_has_gone_are_closed_and_active_ones_go_on(world, dns):
    ended = []

    def hold():
        def handler(c):
            request = c.read_request()
            while request:
                if request.target == "/hold":
                    wait_until(lambda: "idle" in ended, "an idle connection has ended")
                c.send(OK)
                request = c.read_request()
            ended.append("idle")

        return handler

    old, new = twins(world, 2, hold)
    dns.says(NAME, old.address)
    weir = world.weir(
        tables.one(url(old)), settings(dns, idle_ms=LIMIT_S * 1000), workers=1
    )
    with weir.connect() as held, weir.connect() as quick:
        held.send_request(target="/hold")
        wait_until(lambda: len(old.requests) == 1, "it is held")
        quick.send_request()
        assert quick.read_answer().status == 200
        dns.says(NAME, new.address)
        assert held.read_answer().status == 200


def test_a_look_up_that_fails_leaves_the_last_addresses_in_use_and_is_logged_once(world, dns):
    fake = world.fake()
    dns.says(NAME, ADDRESS, ttl=0)
    weir = world.weir(tables.one(url(fake)), settings(dns), workers=4)
    assert weir.call().status == 200
    for rcode in (SERVFAIL, NXDOMAIN):
        dns.fails(NAME, rcode)
        asked = dns.count(NAME)
        wait_until(lambda asked=asked: dns.count(NAME) >= asked + 3, "it is asked again")
        assert weir.call().status == 200
    dns.says(NAME, ADDRESS)
    weir.wait_for_words(f"{NAME} is resolved again")
    assert len(re.findall("cannot be resolved", weir.stderr())) == 1


# ---- How often, and who waits ----


def test_a_name_is_looked_up_once_for_all_workers_endpoints_and_functions(world, dns):
    fake = world.fake()
    dns.says(NAME, ADDRESS, ttl=3600)
    functions = {f"f{i}": tables.function({"1": {"endpoints": [f"{url(fake)}/{i}", f"{url(fake)}/x"]}}) for i in range(4)}
    routes = [tables.route(path=f"/{i}", function=f"f{i}", qualifier="1") for i in range(4)]
    weir = world.weir(tables.table(functions, routes), settings(dns, resolve_ms=60000), workers=4)
    for _ in range(16):
        with weir.connect() as c:
            for i in range(4):
                c.send_request(target=f"/{i}")
                assert c.read_answer().status == 200
    weir.must_reload(tables.table(functions, routes[:2]))
    assert weir.call(target="/0").status == 200
    assert dns.count(NAME) == dns.count(NAME, "AAAA") == 1


def test_a_name_is_asked_again_when_its_time_to_live_has_passed(world, dns):
    fakes = twins(world, 2)
    dns.says(NAME, fakes[0].address, ttl=1)
    begin = time.monotonic()
    weir = world.weir(tables.one(url(fakes[0])), settings(dns, resolve_ms=3600000))
    assert weir.call().status == 200
    dns.says(NAME, fakes[1].address, ttl=3600)
    wait_until(lambda: weir.call().status == 200 and len(fakes[1].requests) > 0, "the new address is used")
    assert time.monotonic() - begin >= 0.9, "its time to live was kept"
    assert dns.count(NAME) == 2


def test_a_long_time_to_live_does_not_hold_up_a_change(world, dns):
    fakes = twins(world, 2)
    dns.says(NAME, fakes[0].address, ttl=86400)
    weir = world.weir(tables.one(url(fakes[0])), settings(dns))
    assert weir.call().status == 200
    dns.says(NAME, fakes[1].address, ttl=86400)
    wait_until(lambda: weir.call().status == 200 and len(fakes[1].requests) > 0, "the new address is used")


def test_names_that_nobody_answers_for_delay_no_other(world, dns):
    fake = world.fake()
    slow = [f"slow{i}.test" for i in range(30)]
    dns.drops(*slow)
    dns.says(NAME, ADDRESS)
    functions = {"hello": tables.function({"1": url(fake)})}
    functions.update({f"f{i}": tables.function({"1": url(fake, name)}) for i, name in enumerate(slow)})
    routes = [tables.route(qualifier="1")]
    routes += [tables.route(path=f"/{i}", function=f"f{i}", qualifier="1") for i in range(len(slow))]
    weir = world.weir(tables.table(functions, routes), {**settings(dns), "timeouts": {"connect_ms": LIMIT_S * 1000}})
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(weir.connect()) for _ in slow]
        for i, c in enumerate(waiting):
            c.send_request(target=f"/{i}")
        assert weir.call().status == 200
        assert weir.metrics().value("weir_errors_total") == 0, "the others wait still"
    wait_until(lambda: all(dns.count(name) for name in slow), "all of them were asked for")


def test_a_first_look_up_is_waited_for(world, dns):
    fake = world.fake()
    dns.says(NAME, ADDRESS, delay_s=0.3)
    weir = world.weir(tables.one(url(fake)), settings(dns), workers=4)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(weir.connect()) for _ in range(16)]
        for c in clients:
            c.send_request()
        assert [c.read_answer().status for c in clients] == [200] * 16


def test_a_first_look_up_is_waited_for_no_longer_than_for_a_connection(world, dns):
    dns.drops(NAME)
    weir = world.weir(
        tables.one(f"http://{NAME}:{free_port()}"), {**settings(dns), "timeouts": {"connect_ms": 300}}
    )
    assert weir.call().status == 502
    begin = time.monotonic()
    weir.stop()
    assert time.monotonic() - begin < LIMIT_S / 2, "its end does not wait for the look-up"


def test_retries_are_not_spent_on_a_name_that_nobody_knows(world, dns):
    dns.fails(NAME, NXDOMAIN)
    weir = world.weir(tables.one(f"http://{NAME}:{free_port()}"), settings(dns, retries=3), workers=1)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(weir.connect()) for _ in range(8)]
        for c in clients:
            c.send_request()
        assert [c.read_answer().status for c in clients] == [502] * 8
    assert [(line["outcome"], line["retries"]) for line in weir.wait_for_log(8)] == [("resolve", 0)] * 8


def test_a_name_that_nobody_knew_serves_as_soon_as_somebody_does(world, dns):
    fake = world.fake()
    dns.fails(NAME, NXDOMAIN)
    weir = world.weir(tables.one(url(fake)), settings(dns))
    assert weir.call().status == 502
    dns.says(NAME, ADDRESS)
    wait_until(lambda: weir.call().status == 200, "it serves")


def test_another_endpoint_of_the_version_serves_where_a_name_is_not_known(world, dns):
    fake = world.fake()
    dns.fails(NAME, NXDOMAIN)
    weir = world.weir(tables.one([url(fake), fake.url]), settings(dns, retries=1))
    assert [weir.call().status for _ in range(20)] == [200] * 20


# ---- What DNS says ----


def test_an_alias_of_dns_is_followed_and_answers_by_tcp_are_read(world, dns):
    fake = world.keep(Fake(answering(), "127.0.0.1"))
    # More than a datagram holds; all but one refuse connections.
    dns.says("many.test", *[f"127.0.0.{i}" for i in range(1, 51)])
    dns.points(NAME, "many.test")
    weir = world.weir(tables.one(url(fake)), settings(dns, retries=0))
    assert weir.call().status == 200
    weir.wait_for_words("is at 127.0.0.")
    assert dns.count(NAME) >= 2, "the second time by TCP"


def test_a_reload_names_other_servers(world, dns):
    fake = world.fake()
    other = world.keep(Dns())
    dns.fails(NAME, NXDOMAIN)
    other.says(NAME, ADDRESS)
    table = tables.one(url(fake))
    weir = world.weir(table, settings(dns))
    assert weir.call().status == 502
    text = weir.settings_path.read_text().replace(dns.server, other.server)
    weir.settings_path.write_text(text)
    weir.must_reload(table)
    wait_until(lambda: weir.call().status == 200, "the other server is asked")


def test_a_name_with_a_final_dot_is_looked_up_with_it_and_spoken_to_without_it(world, dns):
    fake = world.keep(Fake(answering(), "127.0.0.1"))
    dns.says(NAME, "127.0.0.1")
    for name in ("localhost", NAME):
        weir = world.weir(tables.one(url(fake, name + ".")), settings(dns))
        assert weir.call().status == 200
        assert fake.requests[-1].headers["host"] == f"{name}:{fake.port}"
    assert dns.count("localhost") == 0 and dns.count(NAME) == 1


def test_names_below_localhost_never_leave_the_machine(world, dns):
    fake = world.keep(Fake(answering(), "127.0.0.1"))
    weir = world.weir(tables.one(url(fake, "fn.localhost")), settings(dns))
    assert weir.call().status == 200
    assert dns.log == []


def test_a_routes_host_with_a_final_dot_is_the_host_without_it(world):
    demo = world.demo()
    table = tables.table(
        {"hello": tables.function({"1": demo.url})}, [tables.route(host="Shop.Test.", path="/", qualifier="1")]
    )
    weir = world.weir(table)
    assert [weir.call(host=host).status for host in ("shop.test", "shop.test.", "x.test")] == [200, 200, 404]


# ---- Services ----

SERVICE = "_web._tcp.shop.test"


def test_a_service_is_found_by_its_records(world, dns):
    one, two = world.fake(), world.keep(Fake(answering(), addresses(2)[1]))
    dns.says("a.shop.test", one.address)
    dns.says("b.shop.test", two.address)
    dns.serves(SERVICE, (10, 0, one.port, "a.shop.test"), (10, 0, two.port, "b.shop.test"))
    weir = world.weir(tables.one(f"http+srv://{SERVICE}/base"), settings(dns), workers=1)
    for _ in range(200):
        assert weir.call(target="/x").status == 200
    assert all(n > 50 for n in nr_requests([one, two])), nr_requests([one, two])
    assert one.requests[0].headers["host"] == "shop.test" and one.requests[0].target == "/base/x"


def test_weights_of_a_service_are_shares(world, dns):
    one, two = world.fake(), world.fake()
    dns.says("a.shop.test", ADDRESS)
    dns.serves(SERVICE, (0, 90, one.port, "a.shop.test"), (0, 10, two.port, "a.shop.test"))
    weir = world.weir(tables.one(f"http+srv://{SERVICE}"), settings(dns), workers=1)
    for _ in range(300):
        assert weir.call().status == 200
    # The second is drawn with a chance of 1 in 10: 30 +- 5.2 of 300.
    assert 3 <= len(two.requests) <= 65, nr_requests([one, two])


def test_a_lower_priority_of_a_service_serves_where_the_higher_does_not(world, dns):
    first, second = world.fake(), world.fake()
    dns.says("a.shop.test", ADDRESS)
    dns.serves(SERVICE, (20, 0, second.port, "a.shop.test"), (10, 0, first.port, "a.shop.test"))
    weir = world.weir(tables.one(f"http+srv://{SERVICE}"), settings(dns, retries=0), workers=1)
    assert [weir.call().status for _ in range(20)] == [200] * 20
    assert nr_requests([first, second]) == [20, 0]
    first.stop()
    assert [weir.call().status for _ in range(5)] == [200] * 5
    assert len(second.requests) == 5


def test_a_service_that_is_not_there_is_not_resolved(world, dns):
    dns.serves(SERVICE, (0, 0, 0, "."))
    weir = world.weir(tables.one(f"http+srv://{SERVICE}"), settings(dns))
    assert weir.call().status == 502
    weir.wait_for_words(f"{SERVICE} cannot be resolved: there is no such service")
