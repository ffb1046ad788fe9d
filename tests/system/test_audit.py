"""weir_split_evalue: quiet while endpoints answer as the weights say, through changes of these; loud where a version lies, or is dead."""

import json

import pytest
from harness import tables
from harness.places import free_port
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

ALARM = 1000


def saying(version, field="x-version"):
    """An endpoint that says that it is this version."""
    answer = f"HTTP/1.1 200 OK\r\n{field}: {version}\r\nContent-Length: 2\r\n\r\nok".encode()

    def handler(c):
        while c.read_request():
            c.send(answer)

    return handler


def call(weir, n):
    """n requests on one connection; their statuses."""
    with weir.connect() as c:
        statuses = []
        for _ in range(n):
            c.send_request()
            statuses.append(c.read_answer().status)
        return statuses


def evalue(weir):
    samples = weir.metrics().find("weir_split_evalue", function="hello", alias="live")
    assert len(samples) == 1
    return samples[0][1]


def put(weir, weights):
    answer = weir.admin("/functions/hello/aliases/live", "PUT", json.dumps({"weights": weights}).encode())
    assert answer.status == 200, answer


def test_versions_that_answer_as_the_weights_say_raise_no_alarm_through_changes(world):
    weir = world.weir(
        tables.split({"1": world.fake(saying(1)), "2": world.fake(saying(2))}, {"1": 95, "2": 5}, audit={"header": "X-Version"}),
        workers=4,
    )
    highest = 0
    for i in range(12):
        assert set(call(weir, 100)) == {200}
        highest = max(highest, evalue(weir))
        put(weir, [{"1": 50, "2": 50}, {"1": 99, "2": 1}, {"1": 95, "2": 5}][i % 3])
    assert 0 < highest < 3


def test_it_begins_at_one(world):
    weir = world.weir(tables.split({"1": world.fake(saying(1)), "2": world.fake(saying(2))}, {"1": 95, "2": 5}), workers=1)
    assert weir.metrics(of_all=True).find("weir_split_evalue") == [({"function": "hello", "alias": "live"}, 1.0)]


def test_a_version_that_answers_as_another_is_found_within_two_thousand(world):
    weir = world.weir(
        tables.split({"1": world.fake(saying(1)), "2": world.fake(saying(1))}, {"1": 95, "2": 5}, audit={"header": "x-version"}),
        workers=4,
    )
    call(weir, 500)
    assert evalue(weir) > ALARM
    put(weir, {"1": 90, "2": 10})  # what was found is not forgotten with the weights
    assert evalue(weir) > ALARM
    call(weir, 100)
    assert evalue(weir) > ALARM


def test_a_dead_version_is_found_without_an_audit(world):
    weir = world.weir(
        tables.split({"1": world.fake(saying(1)), "2": f"http://127.0.0.1:{free_port()}"}, {"1": 95, "2": 5}),
        workers=2,
    )
    assert call(weir, 100).count(502) == 5
    assert evalue(weir) < ALARM
    call(weir, 400)
    assert evalue(weir) > ALARM


def test_a_version_that_dies_late_is_found_within_two_thousand(world):
    state = {"version": 2}

    def handler(c):
        while c.read_request():
            c.send(f"HTTP/1.1 200 OK\r\nx-version: {state['version']}\r\nContent-Length: 0\r\n\r\n".encode())

    weir = world.weir(
        tables.split({"1": world.fake(saying(1)), "2": world.fake(handler)}, {"1": 95, "2": 5}, audit={"header": "x-version"}),
        workers=1,
    )
    call(weir, 3000)
    assert evalue(weir) < 3
    state["version"] = 1
    call(weir, 1500)
    assert evalue(weir) > ALARM


def test_the_state_outlives_reloads_and_ends_with_the_key(world):
    places = {"1": world.fake(saying(1)), "2": world.fake(saying(1))}
    audited = tables.split(places, {"1": 95, "2": 5}, audit={"header": "x-version"})
    weir = world.weir(audited, workers=2)
    call(weir, 500)
    for i in range(3):
        weir.must_reload(tables.split(places, {"1": 95 - i, "2": 5 + i}, audit={"header": "x-version"}, description=str(i)))
        assert evalue(weir) > ALARM
    weir.must_reload(tables.split(places, {"1": 95, "2": 5}))
    wait_until(lambda: evalue(weir) == 1, "nothing is known without the key")
    weir.must_reload(audited)
    assert evalue(weir) == 1


def test_aliases_with_one_version_have_none(world):
    weir = world.weir(tables.split({"1": world.fake(saying(1))}, {"1": 100}), workers=1)
    call(weir, 5)
    assert weir.metrics().find("weir_split_evalue") == []
