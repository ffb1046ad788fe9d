"""The metrics page: valid, and equal to what the endpoints counted."""

import os
import pathlib
import shutil
import subprocess

import pytest
from harness import tables
from harness.places import ADDRESS, WEIR, free_port, scaled
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def find_promtool():
    for folder in (os.environ.get("WEIR_BUILD"), WEIR.parent, WEIR.parent.parent):
        for path in (pathlib.Path(folder or "/nonexistent") / "tools" / "promtool", pathlib.Path(folder or "/nonexistent") / "promtool"):
            if path.exists():
                return str(path)
    return shutil.which("promtool")


def check_with_promtool(text):
    promtool = find_promtool()
    if not promtool:
        pytest.skip("promtool is not here (scripts/fetch-promtool.sh brings it)")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_page_is_valid_for_promtool(world):
    demo = world.demo()
    weir = world.weir(tables.split({"1": demo, "2": demo}, {"1": 95, "2": 5}))
    check_with_promtool(weir.metrics().text)
    for target in ("/", "/?status=500", "/?fail=close", "/?size=100&fail=close&at=50"):
        for _ in range(3):
            weir.call(target=target)
    weir.call(host=None)
    check_with_promtool(weir.metrics().text)
    assert weir.admin("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")


def test_every_metric_of_the_contract_is_there(plain):
    plain.call()
    text = plain.metrics().text
    for name in (
        "weir_invocations_total",
        "weir_responses_total",
        "weir_errors_total",
        "weir_invocation_duration_seconds",
        "weir_alias_weight_ratio",
        "weir_invocations_in_flight",
        "weir_rejected_requests_total",
        "weir_upstream_connections",
        "weir_table_generation",
        "weir_table_reloads_total",
        "weir_build_info",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ):
        assert f"\n# TYPE {name} " in text and f"\n# HELP {name} " in "\n" + text, name


def test_the_numbers_equal_what_the_endpoints_counted(world):
    demos = {"1": world.demo("1"), "2": world.demo("2"), "3": world.demo("3", do="status=503&size=5")}
    weir = world.weir(tables.split(demos, {"1": 70, "2": 20, "3": 10}), workers=4)
    n = scaled(5000, 1000)
    result = world.load(weir, connections=16).run(n)
    assert result["failed"] == 0
    for _ in range(5):
        weir.invoke("hello:2")
    metrics = weir.settled_metrics()
    for version, demo in demos.items():
        seen = demo.count()
        labels = dict(function="hello", version=version)
        assert metrics.value("weir_invocations_total", **labels) == seen["requests"]
        assert metrics.value("weir_responses_total", code="2xx", **labels) == seen["responses"]["2xx"]
        assert metrics.value("weir_responses_total", code="5xx", **labels) == seen["responses"]["5xx"]
        assert metrics.value("weir_invocation_duration_seconds_count", **labels) == seen["requests"]
        assert metrics.value("weir_invocations_in_flight", **labels) == 0
        assert metrics.value("weir_upstream_connections_opened_total") == sum(d.count()["connections"] for d in demos.values())
    assert metrics.value("weir_invocations_total", alias="live") == n
    assert metrics.value("weir_invocations_total", alias="", version="2") == 5
    assert metrics.value("weir_requests_total") == n + 5


def test_a_series_has_cumulative_buckets_up_to_all(plain):
    plain.call(target="/?delay=30")
    metrics = plain.settled_metrics()
    buckets = metrics.find("weir_invocation_duration_seconds_bucket", version="1", alias="")
    values = [value for _, value in buckets]
    assert values == sorted(values) and buckets[-1][0]["le"] == "+Inf"
    assert values[-1] == metrics.value("weir_invocation_duration_seconds_count", version="1", alias="")
    assert metrics.value("weir_invocation_duration_seconds_sum", version="1", alias="") >= 0.03


def test_what_is_in_flight_shows(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"client_half_close": "abort"})
    held = [weir.connect() for _ in range(5)]
    for c in held:
        c.send_request(target="/?fail=stall")
    demo.wait_for(lambda n: n["in_flight"] == 5, "five are in flight")
    metrics = weir.metrics()
    assert metrics.value("weir_invocations_in_flight", function="hello", version="1") == 5
    assert metrics.value("weir_upstream_connections", state="active") == 5
    assert metrics.value("weir_client_connections") == 5
    for c in held:
        c.close()
    wait_until(lambda: weir.metrics().value("weir_invocations_in_flight") == 0, "none is in flight")
    wait_until(lambda: weir.metrics().value("weir_client_connections") == 0, "no client is left")


def test_the_configured_shares_show(world):
    demo = world.demo()
    weir = world.weir(tables.split({"1": demo, "2": demo}, {"1": 99.5, "2": 0.5}))

    def shares():
        found = weir.metrics(of_all=True).find("weir_alias_weight_ratio", function="hello", alias="live")
        return {labels["version"]: value for labels, value in found}

    assert shares() == pytest.approx({"1": 0.995, "2": 0.005})
    weir.must_reload(tables.split({"1": demo, "2": demo}, {"1": 20, "2": 80}))
    assert shares() == pytest.approx({"1": 0.2, "2": 0.8})


def test_what_was_never_invoked_shows_only_where_it_is_asked_for(world):
    demo = world.demo()
    functions = {
        name: {
            "versions": {"1": {"endpoints": [demo.url]}, "2": {"endpoints": [demo.url]}, "3": {"endpoints": [demo.url]}},
            "aliases": {"live": {"weights": {"1": 100, "2": 0}}, "other": {"weights": {"3": 100}}},
        }
        for name in ("busy", "idle")
    }
    checked = {"versions": {"1": {"endpoints": [demo.url], "health_check": {}}}}
    weir = world.weir({"functions": {**functions, "checked": checked}})
    weir.invoke("busy:live")
    weir.invoke("busy:3")

    def shown(name, label="version", of_all=False, **labels):
        return sorted(found[label] for found, _ in weir.metrics(of_all).find(name, **labels))

    weir.settled_metrics()
    # An alias that was invoked has all its versions, also at zero; others have nothing.
    assert shown("weir_invocations_total") == ["1", "2", "3"]
    assert shown("weir_invocations_total", "alias") == ["", "live", "live"]
    assert shown("weir_alias_weight_ratio") == ["1", "2"]
    assert shown("weir_endpoint_up", "function") == ["busy", "busy", "busy", "checked"]
    assert shown("weir_invocations_total", of_all=True, function="idle") == ["1", "2", "3"]
    assert shown("weir_alias_weight_ratio", of_all=True, function="busy") == ["1", "2", "3"]
    assert len(shown("weir_endpoint_up", of_all=True)) == 7
    # What left the table shows what was counted, and no shares.
    weir.must_reload({"functions": {"idle": functions["idle"]}})
    assert shown("weir_invocations_total", "function") == ["busy", "busy"]
    assert shown("weir_alias_weight_ratio") == shown("weir_endpoint_up") == []


def test_an_endpoint_that_fails_is_counted_by_reason(world):
    demo = world.demo()
    dead = f"http://{ADDRESS}:{free_port()}"
    weir = world.weir(tables.split({"1": demo, "2": dead}, {"1": 50, "2": 50}), {"upstream": {"retries": 0}})
    for _ in range(10):
        weir.call()
    metrics = weir.settled_metrics()
    assert metrics.value("weir_invocations_total", version="2") == 5
    assert metrics.value("weir_errors_total", version="2", reason="connect") == 5
    assert metrics.value("weir_errors_total", version="1") == 0
    assert metrics.value("weir_responses_total", version="1", code="2xx") == 5


def test_what_is_refused_is_counted_by_reason(world):
    weir = world.weir(tables.one(world.demo()))
    weir.call(host=None)
    weir.call(target="/" + "a" * 20000)
    weir.call(headers=[("X-A", "a" * 60000)])
    weir.call(version="2.0")
    weir.invoke("nobody")
    weir.invoke("bad!name")
    weir.call("TRACE", "/")
    for reason in ("bad_request", "uri_too_long", "head_too_large", "version", "not_found", "bad_address", "method"):
        weir.expect_metric(1, "weir_rejected_requests_total", reason=reason)
    assert weir.metrics().value("weir_invocations_total") == 0


def test_the_admin_listener_says_how_weir_is(plain):
    assert plain.admin("/healthz").status == 200
    assert plain.admin("/readyz").status == 200
    assert plain.admin("/nonsense").status == 404
    assert plain.admin("/metrics", "POST", b"").status == 405
    assert plain.admin("/reload", "GET").status == 405


def test_scrapes_during_load_never_show_more_results_than_picks(world):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    weir = world.weir(tables.split(demos, {"1": 60, "2": 40}), workers=4)
    load = world.load(weir, connections=16)
    load.tell("go")
    last = 0
    for _ in range(scaled(40, 15)):
        metrics = weir.metrics()
        picks = metrics.value("weir_invocations_total")
        ended = metrics.value("weir_responses_total") + metrics.value("weir_errors_total")
        assert picks >= last
        # The page is read while workers count: a few may end between the two readings.
        assert ended <= picks + 16 * 50
        last = picks
    load.tell("stop")
    result = load.result()
    metrics = weir.settled_metrics()
    assert metrics.value("weir_invocations_total") == result["answers"]
    assert metrics.value("weir_responses_total", code="2xx") == result["answers"]
