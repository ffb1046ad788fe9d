"""A budget of failures: never more than K failed invocations of a canary, over all workers, and the alias is the first version alone
before the K-th of them is answered."""

import json
import os
import pathlib
import shutil
import signal
import threading

import pytest
from harness import places, tables
from harness.processes import Weir
from harness.waiting import wait_until
from test_deploy import Lab
from test_state import fill

HALVES = {"1": 50, "2": 50}
INVOKE = "/2015-03-31/functions/hello/invocations?Qualifier=live"


def alias_of(weir):
    answer = weir.admin("/functions/hello/aliases/live")
    assert answer.status == 200, answer
    return answer.json()


def budget(weights, failures, **alias):
    return {"weights": weights, "budget": {"failures": failures}, **alias}


def put(weir, **document):
    answer = weir.admin("/functions/hello/aliases/live", "PUT", json.dumps(document).encode())
    assert answer.status == 200, answer
    return answer


def left(weir, version="2"):
    return weir.metrics(True).value("weir_budget_left", function="hello", alias="live", version=version)


def deferred(weir, version="2"):
    return weir.metrics().value("weir_budget_deferred_total", function="hello", alias="live", version=version)


ABORT = {"client_half_close": "abort"}


def world_of(world, failures, weights=HALVES, do="status=500", workers=2, **more):
    demos = {"1": world.demo("1"), "2": world.demo("2", do)}
    table = tables.split(demos, weights, budget={"failures": failures})
    return demos, world.weir(table, workers=workers, **more)


@pytest.mark.fast
def test_the_last_failure_is_answered_when_the_alias_is_the_first_version_alone(world):
    demos, weir = world_of(world, 3)
    with weir.connect() as c:
        nr_failed = 0
        while nr_failed < 3:
            before = alias_of(weir)
            assert before["weights"] == HALVES
            c.send_request("GET", "/")
            nr_failed += c.read_answer().status == 500
        after = alias_of(weir)
        assert after == {**before, "weights": {"1": 100}}
        assert (left(weir), deferred(weir)) == (0, 0)
        for _ in range(20):
            c.send_request("GET", "/")
            assert c.read_answer().status == 200
    assert demos["2"].count()["requests"] == 3
    weir.wait_for_words("hello:live is back at version 1 alone; budget: 3 invocations of version 2 have failed, and 3 may")
    weir.wait_for_words("hello:live has version 1 at 100 %, by its budget")


@pytest.mark.slow
@pytest.mark.parametrize("do", ["status=500", "status=503&delay=5", "fail=reset", "fail=close&at=head&delay=2"])
@pytest.mark.parametrize("failures", [1, 7, 50])
def test_no_more_fail_than_may_with_64_clients_and_4_workers(world, do, failures):
    demos, weir = world_of(world, failures, do=do, workers=4)
    for _ in range(3):  # each time it comes back it begins anew
        demos["2"].reset()
        load = world.load(weir, connections=64)
        result = load.run(3000)
        load.stop()
        statuses = {int(k): v for k, v in result["statuses"].items()}
        failed = sum(n for status, n in statuses.items() if status >= 500)
        assert failed == failures, result
        assert demos["2"].count()["requests"] == failures
        assert alias_of(weir)["weights"] == {"1": 100}
        assert left(weir) == 0
        put(weir, weights=HALVES)
        assert left(weir) == failures


@pytest.mark.slow
def test_it_holds_through_reloads_and_changes_of_weights(world):
    demos, weir = world_of(world, 40, weights={"1": 95, "2": 5}, do="status=500&delay=3", workers=4)
    load = world.load(weir, connections=64)
    over = threading.Event()

    def disturb():
        n = 0
        while not over.is_set():
            n += 1
            weights = {"1": 100 - n % 7 - 1, "2": n % 7 + 1}
            table = tables.split(demos, weights, budget={"failures": 40}, description=str(n))
            if alias_of(weir)["weights"] == {"1": 100}:
                return
            weir.must_reload(table) if n % 2 else weir.admin("/reload", "POST", b"")

    thread = threading.Thread(target=disturb)
    thread.start()
    result = load.run(4000)
    over.set()
    thread.join()
    load.stop()
    failed = sum(n for status, n in result["statuses"].items() if int(status) >= 500)
    assert failed == demos["2"].count()["requests"], result
    # A table that is read in the moment after the version was taken back brings it in again, and so begins anew.
    back = "hello:live is back at version 1 alone; budget"
    more = 40 if "2" in alias_of(weir)["weights"] else 0
    wait_until(lambda: weir.stderr().count(back) * 40 + more >= failed, "the version is taken back for each forty failures")


@pytest.mark.fast
@pytest.mark.parametrize("failures", [1, 2])
def test_a_healthy_canary_alone_on_a_connection_loses_nothing_of_its_share(world, failures):
    demos, weir = world_of(world, failures, do=None, weights={"1": 75, "2": 25})
    with weir.connect() as c:
        for _ in range(400):
            c.send_request("GET", "/")
            assert c.read_answer().status == 200
    assert abs(demos["2"].count()["requests"] - 100) <= 1
    assert (left(weir), deferred(weir)) == (failures, 0)


@pytest.mark.fast
@pytest.mark.parametrize("do", ["status=404", "status=499"])
def test_what_the_client_did_wrong_is_no_failure(world, do):
    demos, weir = world_of(world, 1, do=do)
    for _ in range(10):
        weir.call()
    assert demos["2"].count()["requests"] == 5
    assert (left(weir), alias_of(weir)["weights"]) == (1, HALVES)


@pytest.mark.fast
def test_a_client_that_leaves_is_no_failure(world):
    demos, weir = world_of(world, 1, weights={"1": 0, "2": 100}, do="fail=stall", settings=ABORT)
    for n in range(3):
        c = weir.connect()
        c.send_request("GET", "/")
        demos["2"].wait_for(lambda counters: counters["requests"] == n + 1, "it got the request")
        c.reset()
        wait_until(lambda: weir.metrics().value("weir_invocations_in_flight", version="2") == 0, "the invocation ends")
    assert (left(weir), deferred(weir)) == (1, 0)
    assert alias_of(weir)["weights"] == {"1": 0, "2": 100}


@pytest.mark.fast
def test_what_finds_no_unit_runs_on_the_first_version_and_is_counted(world):
    demos, weir = world_of(world, 2, weights={"1": 0, "2": 100}, do="fail=stall", settings=ABORT)
    waiting = [weir.connect() for _ in range(2)]
    for c in waiting:
        c.send_request("GET", "/")
    demos["2"].wait_for(lambda counters: counters["requests"] == 2, "it got both")
    for _ in range(10):
        answer = weir.call()
        assert (answer.status, answer.headers["x-amz-executed-version"]) == (200, "1")
    assert deferred(weir) == 10
    assert demos["1"].count()["requests"] == 10
    for c in waiting:
        c.reset()
    wait_until(lambda: weir.metrics().value("weir_invocations_in_flight", version="2") == 0, "both end")
    weir_before = demos["2"].count()["requests"]
    c = weir.connect()
    c.send_request("GET", "/")
    demos["2"].wait_for(lambda counters: counters["requests"] == weir_before + 1, "there are units again")
    c.reset()


def answering(status, fields, body):
    text = f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def serve(c):
        while c.read_request() is not None:
            c.send(text)

    return serve


ERROR = b'{"errorMessage": "no", "errorType": "Error"}'


@pytest.mark.fast
@pytest.mark.parametrize("kind", ["http", "rie", "lambda"])
@pytest.mark.parametrize("path", ["invocations", "response-streaming-invocations"])
def test_function_errors_count_for_every_kind(world, kind, path):
    if kind != "rie" and path != "invocations":
        pytest.skip("the answer is passed on as it comes")
    field = "X-Amz-Function-Error: Unhandled\r\n" if kind != "rie" else ""
    places = {
        "1": {**tables.endpoints(world.fake(answering("200 OK", "", b"{}"))), "kind": kind},
        "2": {**tables.endpoints(world.fake(answering("200 OK", field, ERROR))), "kind": kind},
    }
    weir = world.weir(tables.table({"hello": tables.function(places, {"live": budget(HALVES, 2)})}))
    date = "2021-11-15" if path != "invocations" else "2015-03-31"
    bodies = []
    for _ in range(12):
        answer = weir.call("POST", f"/{date}/functions/hello/{path}?Qualifier=live", body=b"{}")
        assert answer.status == 200
        bodies.append(answer.headers["x-amz-executed-version"])
        if bodies.count("2") == 2:
            assert alias_of(weir)["weights"] == {"1": 100}
    assert bodies.count("2") == 2
    assert left(weir) == 0


@pytest.mark.fast
def test_time_limits_count(world):
    demos = {"1": world.demo("1"), "2": world.demo("2", "fail=stall")}
    places = {"1": tables.endpoints(demos["1"]), "2": {**tables.endpoints(demos["2"]), "timeouts": {"response_head_ms": 50}}}
    weir = world.weir(tables.table({"hello": tables.function(places, {"live": budget(HALVES, 2)})}, [tables.route(qualifier="live")]))
    statuses = [weir.call().status for _ in range(12)]
    assert statuses.count(504) == 2 and statuses.count(200) == 10
    assert alias_of(weir)["weights"] == {"1": 100}


@pytest.mark.fast
def test_events_count_when_they_have_run(world, tmp_path):
    demos = {"1": world.demo("1"), "2": world.demo("2", "status=500")}
    weir = world.weir(tables.split(demos, HALVES, budget={"failures": 2}), {"events": {"retries": 0}}, arguments=("--state", tmp_path))
    for _ in range(12):
        answer = weir.call("POST", INVOKE, body=b"{}", headers=[("X-Amz-Invocation-Type", "Event")])
        assert answer.status == 202
    wait_until(lambda: sum(d.count()["requests"] for d in demos.values()) == 12, "all have run")
    assert demos["2"].count()["requests"] == 2
    wait_until(lambda: alias_of(weir)["weights"] == {"1": 100}, "the alias is the first version alone")


@pytest.mark.fast
def test_the_other_canary_goes_too(world):
    demos = {"1": world.demo("1"), "2": world.demo("2", "status=500"), "3": world.demo("3")}
    weir = world.weir(tables.split(demos, {"1": 50, "2": 25, "3": 25}, budget={"failures": 1}))
    wait_until(lambda: weir.call().status == 500, "version 2 fails")
    assert alias_of(weir)["weights"] == {"1": 100}
    assert (left(weir, "2"), left(weir, "3")) == (0, 1)


@pytest.mark.fast
def test_a_smaller_budget_than_has_failed_takes_the_canary_back(world):
    demos, weir = world_of(world, 5)
    statuses = [weir.call().status for _ in range(6)]
    assert statuses.count(500) == 3
    put(weir, weights=HALVES, budget={"failures": 2})
    wait_until(lambda: weir.call().status == 200 and alias_of(weir)["weights"] == {"1": 100}, "it is back")
    assert demos["2"].count()["requests"] == 3


@pytest.mark.fast
def test_the_change_is_durable_and_has_a_revision_of_its_own(world, tmp_path):
    demos, weir = world_of(world, 1, arguments=("--state", tmp_path))
    revision = weir.admin("/2015-03-31/functions/hello/aliases/live").json()["RevisionId"]
    wait_until(lambda: weir.call().status == 500, "version 2 fails")
    weir.signal(signal.SIGKILL)
    weir.wait()
    world.things.remove(weir)
    again = world.weir(weir.table_path.read_text(), arguments=("--state", tmp_path))
    alias = again.admin("/2015-03-31/functions/hello/aliases/live").json()
    assert alias["FunctionVersion"] == "1" and "RoutingConfig" not in alias
    assert alias["RevisionId"] != revision


@pytest.mark.fast
@pytest.mark.parametrize("keys", [{"budget": {"failures": 3}}, {"guard": {"alpha": 0.01}}], ids=lambda keys: "".join(keys))
def test_a_deployment_that_runs_is_stopped(world, keys, tmp_path):
    versions = {"1": world.demo("1"), "2": world.demo("2", "status=500"), "3": world.demo("3")}
    functions = {"hello": tables.function(versions, {"PROD": {"weights": {"1": 100}, **keys}})}
    lab = Lab(world, {"shifts": {"minute_ms": 60000}}, functions, arguments=("--state", tmp_path))
    deployment = lab.group("CodeDeployDefault.LambdaCanary10Percent5Minutes").deploy()
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    with lab.weir.connect() as c:
        while lab.alias() != {"1": 1}:
            c.send_request("POST", "/2015-03-31/functions/hello/invocations?Qualifier=PROD", body=b"{}")
            c.read_answer()
        error = lab.ends(deployment, "Stopped")["errorInformation"]
    assert error["code"] == "ALARM_ACTIVE"
    assert f"taken back by its {''.join(keys)}: " in error["message"], error
    assert "rollbackInfo" not in lab.info(deployment) or not lab.info(deployment)["rollbackInfo"].get("rollbackDeploymentId")
    assert lab.alias() == {"1": 1}


def evalue(weir):
    return weir.metrics(True).value("weir_guard_evalue", function="hello", alias="live", version="2")


def another_life(world, weir, folder, number=signal.SIGKILL, table=None):
    weir.signal(number)
    weir.wait()
    world.things.remove(weir)
    return world.weir(table or weir.table_path.read_text(), arguments=("--state", folder))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "drained"])
def test_failures_that_were_answered_are_kept_over_a_restart(world, tmp_path, number):
    demos, weir = world_of(world, 5, arguments=("--state", tmp_path))
    failed = 0
    for _ in range(2):
        for _ in range(4):
            failed += weir.call().status == 500
        assert 5 - left(weir) == failed
        weir = another_life(world, weir, tmp_path, number)
        assert 5 - left(weir) == failed
    while alias_of(weir)["weights"] == HALVES:
        failed += weir.call().status == 500
    assert failed == demos["2"].count()["requests"] == 5


def test_evidence_is_kept_over_a_restart(world, tmp_path):
    demos = {"1": world.demo("1"), "2": world.demo("2", "status=500")}
    weir = world.weir(tables.split(demos, HALVES, guard={"alpha": 0.01}), arguments=("--state", tmp_path))
    for _ in range(6):
        weir.call()
    before = evalue(weir)
    assert before > 1
    weir = another_life(world, weir, tmp_path)
    assert evalue(weir) == pytest.approx(before)
    put(weir, weights={"1": 100}, guard={"alpha": 0.01})
    put(weir, weights=HALVES, guard={"alpha": 0.01})
    assert evalue(weir) == pytest.approx(1)  # it comes from no weight


def test_what_has_left_the_alias_begins_anew_after_a_restart(world, tmp_path):
    demos, weir = world_of(world, 5, arguments=("--state", tmp_path))
    while left(weir) == 5:
        weir.call()
    put(weir, weights={"1": 100}, budget={"failures": 5})
    weir = another_life(world, weir, tmp_path)
    put(weir, weights=HALVES, budget={"failures": 5})
    assert left(weir) == 5


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root for a small file system")
def test_a_take_back_that_could_not_be_written_is_tried_again(world, tmp_path):
    demos = {"1": world.demo("1"), "2": world.demo("2", "status=500")}
    script = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"'
    folder, state = world.folder / "weir", tmp_path / "state"
    state.mkdir()
    weir = Weir(folder, tables.split(demos, HALVES, budget={"failures": 3}), wait=False, command=[
        "unshare", "--mount", "sh", "-c", script, state, places.WEIR, "run", "--settings", folder / "settings.json", "--state", state,
    ])  # fmt: skip
    world.keep(weir)
    weir.wait_until_ready()
    weir.allow_error("cannot be kept|could not be written back")
    inside = pathlib.Path(f"/proc/{weir.pid}/root{state}")
    fill(inside)
    for weight in range(50, 90):  # until the database has no room left
        if weir.admin("/functions/hello/aliases/live", "PUT", json.dumps(budget({"1": weight, "2": 100 - weight}, 3)).encode()).status != 200:
            break
    statuses = [weir.call().status for _ in range(100)]
    assert statuses.count(500) == 3
    assert alias_of(weir)["weights"] != {"1": 100}
    weir.wait_for_words("could not be written back to its first version")
    (inside / "ballast").unlink()
    wait_until(lambda: alias_of(weir)["weights"] == {"1": 100}, "it is written")
    weir.wait_for_words("hello:live is back at version 1 alone; budget: 3 invocations of version 2 have failed")
    assert demos["2"].count()["requests"] == 3


def test_more_canaries_than_the_file_keeps_are_told_of(world, tmp_path):
    (tmp_path / "state").mkdir()
    places_ = {"1": "http://127.0.0.1:1", "2": "http://127.0.0.1:1"}
    functions = {f"f{i}": tables.function(places_, {"live": budget({"1": 90, "2": 10}, 1)}) for i in range(1400)}
    weir = world.weir({"functions": functions}, arguments=("--state", tmp_path / "state"), workers=1)
    weir.wait_for_words("the file wards in state.directory is full")
