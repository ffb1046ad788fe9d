"""The admin listener: its pages, whom it answers, and aliases that are changed through it while invocations run."""

import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time
import uuid

import pytest
from harness import tables
from harness.client import Connection, make_request
from harness.places import ADDRESS, SANITIZED, scaled
from harness.waiting import wait_until
from test_split import Count, demos_for

LIVE = "/functions/hello/aliases/live"
LAMBDA = "/2015-03-31/functions/hello/aliases"
JSON = [("Content-Type", "application/json")]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]


def put(weir, path, document, **more):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return weir.admin(path, "PUT", body, **{"headers": JSON, **more})


def must_put(weir, weights, path=LIVE, **more):
    answer = put(weir, path, {"weights": weights, **more})
    assert answer.status == 200, (answer, answer.body)
    assert answer.json()["weights"] == weights
    return answer.json()


@pytest.fixture
def pair(world):
    """weir with hello:live at 95 and 5 per cent over two endpoints, and version 3, which is in no alias."""
    demos = demos_for(world, ["1", "2", "3"])
    weir = world.weir(tables.split(demos, {"1": 95, "2": 5}))
    weir.demos = demos
    return weir


def version_now(weir):
    return weir.call().headers["x-amz-executed-version"]


# ---- Pages ----


@pytest.mark.fast
def test_every_page_is_served(pair):
    for path, kind, part in [
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", b"weir_table_generation 1\n"),
        ("/healthz", "text/plain; charset=utf-8", b"ok\n"),
        ("/readyz", "text/plain; charset=utf-8", b"ready\n"),
        ("/table", "application/json", b'"live"'),
        ("/settings", "application/json", b'"executed_version_header"'),
        (LIVE, "application/json", b'"weights"'),
        (LAMBDA, "application/json", b'"Aliases"'),
        (LAMBDA + "/live", "application/json", b'"RevisionId"'),
    ]:
        answer = pair.admin(path)
        assert answer.status == 200 and part in answer.body, (path, answer, answer.body)
        assert answer.headers["content-type"] == kind
        assert answer.headers["cache-control"] == "no-store"
        uuid.UUID(answer.headers["x-amzn-requestid"])
        head = pair.admin(path, "HEAD")
        assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 0
    answer = pair.admin("/reload", "POST")
    assert answer.json() == {"generation": 1, "changes": [], "notes": []}


@pytest.mark.fast
def test_one_connection_serves_many_requests(pair):
    with Connection(pair.admin_port) as c:
        for i in range(1, 30):
            c.send_request("PUT", LIVE, JSON, json.dumps({"weights": {"1": 100 - i, "2": i}}).encode(), ADDRESS)
            assert c.read_answer("PUT").json()["weights"]["2"] == i
            c.send_request("GET", LIVE, [], None, ADDRESS)
            assert c.read_answer("GET").json()["weights"]["2"] == i
        # A body in chunks, and an answer that the client waits for.
        c.send_request("PUT", LIVE, JSON, [b'{"weights": ', b'{"2": 100}}'], ADDRESS)
        assert c.read_answer("PUT").json() == {"weights": {"2": 100}}


@pytest.mark.fast
def test_errors_are_json(pair):
    for method, path, status, kind, allow in [
        ("GET", "/nonsense", 404, "ResourceNotFoundException", None),
        ("DELETE", "/metrics", 405, "MethodNotAllowedException", "GET, HEAD"),
        ("GET", "/reload", 405, "MethodNotAllowedException", "POST"),
        ("POST", LIVE, 405, "MethodNotAllowedException", "GET, HEAD, PUT, DELETE"),
        ("PATCH", LAMBDA + "/live", 405, "UnknownOperationException", "GET, HEAD, PUT, DELETE"),
        ("GET", "/2018-10-31/layers", 404, "UnknownOperationException", None),
        ("GET", "/functions/nobody/aliases/live", 404, "ResourceNotFoundException", None),
        ("GET", LAMBDA + "/nope", 404, "ResourceNotFoundException", None),
        ("GET", LAMBDA + "?MaxItems=0", 400, "ValidationException", None),
    ]:
        answer = pair.admin(path, method)
        assert answer.status == status, (method, path, answer)
        assert answer.headers["x-amzn-errortype"] == kind
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers.get("allow") == allow
        assert answer.json().get("message") or answer.json()["Message"]


@pytest.mark.fast
def test_a_body_of_more_than_a_megabyte_is_refused(pair):
    body = json.dumps({"weights": {"1": 100}}).encode()
    assert put(pair, LIVE, body + b" " * (1024 * 1024 - len(body))).status == 200
    with Connection(pair.admin_port) as c:
        c.send_request("PUT", LIVE, JSON, body + b" " * (1024 * 1024), ADDRESS)
        answer = c.read_answer("PUT")
        assert answer.status == 413 and not answer.keep_alive
        assert answer.headers["x-amzn-errortype"] == "RequestEntityTooLargeException"


@pytest.mark.fast
def test_a_client_that_sends_all_of_a_body_that_is_too_large_sees_why_it_was_refused(pair):
    for _ in range(10):
        with Connection(pair.admin_port) as c:
            c.send_request("PUT", LIVE, JSON, b" " * (8 * 1024 * 1024), ADDRESS)
            assert c.read_answer("PUT").status == 413
            assert c.wait_for_end() == "closed"


@pytest.mark.fast
@pytest.mark.parametrize("sizes", [(8000, 30000), (100, 200000), (20000, 20000, 20000, 10)])
def test_pipelined_requests_are_answered_though_their_bytes_come_in_several_reads(pair, sizes):
    body = json.dumps({"weights": {"1": 100}}).encode()
    with Connection(pair.admin_port) as c:
        c.send(b"".join(make_request("PUT", LIVE, JSON, body + b" " * n, ADDRESS) for n in sizes))
        for _ in sizes:
            assert c.read_answer("PUT").status == 200


# ---- Who is answered ----


@pytest.mark.fast
def test_a_name_that_was_made_to_point_here_is_refused(pair):
    for host in (f"{ADDRESS}:{pair.admin_port}", ADDRESS, "localhost", f"localhost:{pair.admin_port}", "[::1]:9901", "192.0.2.7"):
        assert pair.admin("/table", host=host).status == 200, host
    for host in ("evil.example", f"evil.example:{pair.admin_port}", f"{ADDRESS}.evil.example", "localhost.evil.example"):
        for answer in (
            pair.admin("/table", host=host),
            pair.admin("/reload", "POST", host=host),
            put(pair, LIVE, {"weights": {"2": 100}}, host=host),
        ):
            assert answer.status == 403, (host, answer)
            assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
            assert "admin.hosts" in answer.json()["message"]
    assert pair.admin(LIVE).json() == {"weights": {"1": 95, "2": 5}} and pair.generation() == 1


@pytest.mark.fast
def test_names_can_be_allowed_while_weir_runs(pair):
    assert pair.admin("/table", host="weir.internal").status == 403
    pair.settings["admin"]["hosts"] = "weir.internal, other"
    pair.settings_path.write_text(json.dumps(pair.settings))
    # It is watched as well; either way it holds once a reload has been answered.
    assert pair.admin("/reload", "POST").status == 200
    assert pair.admin("/table", host="weir.internal:9901").status == 200
    assert pair.admin("/table", host="evil.example").status == 403
    assert pair.admin("/settings").json()["admin"]["hosts"] == "weir.internal, other"


@pytest.mark.fast
def test_a_form_on_another_site_changes_nothing(pair):
    generation = pair.generation()
    body = b'{"weights": {"2": 100}}'
    origin = [("Origin", "http://evil.example")]
    own = [("Origin", f"http://{ADDRESS}")]
    for headers, status in [(origin, 403), ([("Origin", "null")], 403), (own + FORM, 415), (FORM, 415), ([("Content-Type", "text/plain")], 415)]:
        assert pair.admin("/reload", "POST", b"a=b", headers).status == status, headers
        assert pair.admin(LIVE, "PUT", body, headers).status == status, headers
        assert pair.admin(LAMBDA + "/live", "PUT", b"{}", headers).status == status, headers
        assert pair.admin(LIVE, "PUT", body, headers + JSON).status in (403, 415)
    assert pair.admin("/table", headers=origin).status == 403
    assert pair.admin("/table", headers=own).status == 200
    # What a script asks before it sends another type than a form's: may it?
    preflight = pair.admin(LIVE, "OPTIONS", headers=origin + [("Access-Control-Request-Method", "PUT")])
    assert preflight.status == 403 and "access-control-allow-origin" not in preflight.headers
    assert pair.generation() == generation


@pytest.mark.fast
def test_a_data_listener_serves_none_of_it(world):
    demo = world.demo("1")
    table = tables.table({"hello": tables.function({"1": demo}, {"live": {"1": 100}})})
    weir = world.weir(table)
    for path in (LIVE, LAMBDA, LAMBDA + "/live", "/table", "/metrics", "/reload"):
        assert weir.call("GET", path).status == 404, path
        assert weir.call("PUT", path, headers=JSON, body=b"{}").status == 404, path
    assert demo.count()["requests"] == 0


# ---- A change ----


@pytest.mark.fast
def test_a_change_is_in_force_when_it_is_answered(pair):
    connections = [Connection(pair.port) for _ in range(16)]  # on all workers
    try:
        for i in range(scaled(100, 20)):
            version = "123"[i % 3]
            must_put(pair, {version: 100})
            for c in connections:
                c.send_request()
                assert c.read_answer().headers["x-amz-executed-version"] == version
    finally:
        for c in connections:
            c.close()


@pytest.mark.fast
def test_a_change_is_seen_in_the_table_and_the_metrics(pair):
    generation = pair.generation()
    must_put(pair, {"3": 33.3333333, "1": 66.6666667}, description="by hand", split="random")
    assert pair.generation() == generation + 1
    alias = pair.admin("/table").json()["functions"]["hello"]["aliases"]["live"]
    assert alias == {"weights": {"3": 33.3333333, "1": 66.6666667}, "description": "by hand", "split": "random"}
    assert list(alias["weights"]) == ["3", "1"]
    ratios = {labels["version"]: value for labels, value in pair.metrics(of_all=True).find("weir_alias_weight_ratio", alias="live")}
    assert ratios == {"3": 0.333333333, "1": 0.666666667}
    pair.wait_for_words("by the admin API")


@pytest.mark.fast
def test_a_refused_change_leaves_everything_as_it_is(pair):
    generation = pair.generation()
    answer = put(pair, LIVE, {"weights": {"1": 95, "9": 6}, "split": "even"})
    assert answer.status == 400
    problems = {(p["path"], p["code"]) for p in answer.json()["problems"]}
    assert problems == {
        ("$.functions.hello.aliases.live.weights", "weight_sum"),
        ("$.functions.hello.aliases.live.weights.9", "unknown_version"),
        ("$.functions.hello.aliases.live.split", "bad_value"),
    }
    # The words are those that the same mistakes in the table document have.
    pair.allow_error(".*")
    table = json.loads(pair.table_path.read_text())
    table["functions"]["hello"]["aliases"]["live"] = {"weights": {"1": 95, "9": 6}, "split": "even"}
    told = {p["message"] for p in pair.reload(table).json()["problems"]}
    assert {p["message"] for p in answer.json()["problems"]} == told
    assert pair.generation() == generation and pair.admin(LIVE).json() == {"weights": {"1": 95, "2": 5}}


@pytest.mark.fast
def test_what_the_api_set_outlives_reloads_that_are_about_something_else(pair):
    """house.md fault 14: each of these used to give a canary that was taken back its share again."""
    table = json.loads(pair.table_path.read_text())
    other = json.loads(json.dumps(table))
    other["functions"]["other"] = tables.function({"1": pair.demos["1"]})

    def change_a_setting():
        pair.settings["limits"] = {"body_bytes": 12345}
        pair.settings_path.write_text(json.dumps(pair.settings))

    must_put(pair, {"3": 100})
    generation = pair.generation()
    for about, reload, grows in (
        ("nothing", lambda: pair.admin("/reload", "POST"), 0),
        ("SIGHUP", lambda: pair.signal(signal.SIGHUP), 0),
        ("touch", lambda: os.utime(pair.table_path), 0),
        ("the same in other words", lambda: pair.reload(json.loads(json.dumps(table, sort_keys=True))), 0),
        ("another function", lambda: pair.must_reload(other), 1),
        ("another setting", change_a_setting, 0),
    ):
        before = pair.metrics().value("weir_table_reloads_total", result="ok")
        reload()
        wait_until(lambda b=before: pair.metrics().value("weir_table_reloads_total", result="ok") > b, about)
        assert pair.admin(LIVE).json() == {"weights": {"3": 100}}, about
        assert version_now(pair) == "3"
        generation += grows
        assert pair.generation() == generation, about
    pair.wait_for_words("says nothing else than is in force; generation 2 stays")
    pair.wait_for_words("changed: other is new")
    pair.wait_for_words("the settings say the same as before")


@pytest.mark.fast
def test_the_file_wins_where_it_says_something_else_of_that_very_alias(pair):
    table = json.loads(pair.table_path.read_text())
    alias = table["functions"]["hello"]["aliases"]["live"]
    must_put(pair, {"3": 100})
    alias["weights"] = {"1": 80, "2": 20}
    pair.must_reload(table)
    assert pair.admin(LIVE).json() == {"weights": {"1": 80, "2": 20}}
    wanted = "changed: hello:live 3:100 -> 1:80 2:20, over what the API had set"
    wait_until(lambda: wanted in pair.stderr(), "the log names both")
    # Without a change by the API: both are named as well, and the answer of a reload has the same words.
    alias["weights"] = {"1": 70, "2": 30}
    pair.must_reload(table)
    wait_until(lambda: f"{pair.table_path} changed: hello:live 80/20 -> 70/30\n" in pair.stderr(), "the log names both")
    # The file follows what the API did: that changes nothing any more.
    must_put(pair, {"1": 60, "2": 40})
    generation = pair.generation()
    alias["weights"] = {"1": 60, "2": 40}
    pair.must_reload(table)
    assert pair.generation() == generation


@pytest.mark.fast
def test_a_version_that_an_alias_got_from_the_api_cannot_be_taken_out_of_the_file(pair):
    pair.allow_error("version 3 is gone")
    table = json.loads(pair.table_path.read_text())
    must_put(pair, {"3": 100})
    del table["functions"]["hello"]["versions"]["3"]
    answer = pair.reload(table)
    assert answer.status == 400
    (problem,) = answer.json()["problems"]
    assert problem["code"] == "version_in_use" and problem["path"] == "$.functions.hello.aliases.live"
    assert version_now(pair) == "3" and pair.generation() == 2
    must_put(pair, {"2": 100})
    pair.must_reload(table)
    assert version_now(pair) == "2"


# ---- Under load ----


@pytest.mark.slow
def test_the_split_stays_exact_through_changes(world):
    demos = demos_for(world, ["1", "2", "3"])
    weir = world.weir(tables.split(demos, {"1": 95, "2": 5}), workers=4)
    count = Count(world.load(weir, connections=32), demos)
    phases = [
        {"1": 50, "2": 50},
        {"1": 99.9, "2": 0.1},
        {"2": 100},
        {"3": 0.0000001, "1": 99.9999999},
        {"1": 70, "2": 20, "3": 10},
        {"3": 33.3333333, "2": 66.6666667},
        {"1": 95, "2": 5},
    ]
    total = 0
    for i in range(scaled(140, 35)):
        weights = phases[i % len(phases)]
        if i % 5 == 4 and len(weights) < 3:  # by Lambda's call, which is the same change
            (primary, _), *others = weights.items()
            update = {
                "FunctionVersion": primary,
                "RoutingConfig": {"AdditionalVersionWeights": {v: round(w / 100, 9) for v, w in others}},
            }
            assert put(weir, LAMBDA + "/live", update).status == 200
        else:
            must_put(weir, weights)
        n = 97 + 31 * (i % 4)
        count.run(n, weights)
        total += n
    assert sum(d.count()["requests"] for d in demos.values()) == total


@pytest.mark.slow
def test_changes_of_other_aliases_and_reloads_do_not_disturb_the_split(world):
    """live is at 95 and 5 all the time, whoever says so and whatever else changes in the meantime: exact to the end."""
    demos = demos_for(world, ["1", "2"])
    weights = {"1": 95, "2": 5}
    table = tables.split(demos, weights)
    table["functions"]["hello"]["aliases"]["other"] = {"weights": {"1": 100}}
    weir = world.weir(table, workers=4)
    count = Count(world.load(weir, connections=32), demos)
    n = scaled(60_000, 8_000)
    done = threading.Event()
    trouble = []
    numbers = {"same": 0, "other": 0, "reload": 0}

    def keep_doing(name, change):
        try:
            while not done.is_set():
                change(numbers[name])
                numbers[name] += 1
        except BaseException as e:
            trouble.append(e)

    def change_other(i):
        must_put(weir, {"1": 100 - i % 100, "2": i % 100}, path="/functions/hello/aliases/other")

    changes = {
        "same": lambda i: must_put(weir, weights, description=f"change {i}"),
        "other": change_other,
        "reload": lambda i: weir.must_reload(table),
    }
    threads = [threading.Thread(target=keep_doing, args=item) for item in changes.items()]
    count.load.tell(f"run {n}")
    for thread in threads:
        thread.start()
    try:
        result = count.load.result()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not trouble, trouble
    count.expect(n, weights)
    count.note(result)
    count.check()
    assert all(done_n > 10 for done_n in numbers.values()), numbers
    # The file says the same each time, so its reloads make no generation.
    assert weir.generation() == 1 + numbers["same"] + numbers["other"]


@pytest.mark.slow
def test_changes_and_reloads_in_the_middle_of_the_load_lose_nothing(world):
    demos = demos_for(world, ["1", "2", "3"])
    table = tables.split(demos, {"1": 90, "2": 10})
    weir = world.weir(table, workers=4)
    load = world.load(weir, connections=32)
    n = scaled(40_000, 6_000)
    done = threading.Event()
    trouble = []

    def shift(weights):
        try:
            while not done.is_set():
                must_put(weir, weights)
        except BaseException as e:
            trouble.append(e)

    def reload():
        try:
            while not done.is_set():
                assert weir.admin("/reload", "POST").status == 200
        except BaseException as e:
            trouble.append(e)

    # Whatever is in force, version 2 is at 10 to 20 per cent; 3 comes and goes.
    threads = [threading.Thread(target=shift, args=[w]) for w in ({"1": 80, "2": 20}, {"1": 70, "3": 15, "2": 15})]
    threads.append(threading.Thread(target=reload))
    load.tell(f"run {n}")
    for thread in threads:
        thread.start()
    try:
        result = load.result()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not trouble, trouble
    assert result["answers"] == n and result["failed"] == 0 and result["statuses"] == {"200": n}, result
    assert result["mismatches"] == 0 and result["connects"] == 32, result
    assert n * 0.1 - 1 < result["versions"]["2"] < n * 0.2 + 1, result
    assert sum(d.count()["requests"] for d in demos.values()) == n
    # And after all that the split is exact from where it is.
    must_put(weir, {"1": 95, "2": 5})
    last = load.run(2000)
    assert abs(last["versions"]["2"] - result["versions"]["2"] - 100) <= 1


@pytest.mark.slow
def test_a_revision_lets_nobody_overwrite_what_they_have_not_seen(pair):
    """Eight writers each add a millionth to version 2, many times: none is lost."""
    path = LAMBDA + "/live"
    assert put(pair, path, {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0}}}).status == 200
    rounds = scaled(25, 8)
    refused = []
    trouble = []

    def add():
        try:
            connection = http.client.HTTPConnection(ADDRESS, pair.admin_port)
            left = rounds
            while left:
                connection.request("GET", path)
                alias = json.load(connection.getresponse())
                share = alias["RoutingConfig"]["AdditionalVersionWeights"]["2"]
                update = {
                    "RoutingConfig": {"AdditionalVersionWeights": {"2": round(share + 1e-6, 9)}},
                    "RevisionId": alias["RevisionId"],
                }
                connection.request("PUT", path, json.dumps(update), dict(JSON))
                answer = connection.getresponse()
                answer.read()
                if answer.status == 412:
                    assert answer.headers["x-amzn-errortype"] == "PreconditionFailedException"
                    refused.append(1)
                else:
                    assert answer.status == 200
                    left -= 1
            connection.close()
        except BaseException as e:
            trouble.append(e)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble, trouble
    assert pair.admin(path).json()["RoutingConfig"]["AdditionalVersionWeights"]["2"] == round(8 * rounds * 1e-6, 9)
    assert refused


@pytest.mark.slow
def test_a_change_in_a_large_table_takes_no_longer(world):
    demos = demos_for(world, ["1", "2"])
    functions = {f"f{i}": tables.function(demos, {"live": {"1": 50, "2": 50}}) for i in range(10_000)}
    routes = [tables.route(f"/f/{i}", f"f{i}", "live") for i in range(10_000)]
    weir = world.weir(tables.table(functions, routes))
    taken = []
    with Connection(weir.admin_port) as admin, Connection(weir.port) as client:
        admin.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(200):
            k, version = i * 49 % 10_000, "12"[i % 2]
            body = json.dumps({"weights": {version: 100}}).encode()
            began = time.perf_counter()
            admin.send_request("PUT", f"/functions/f{k}/aliases/live", JSON, body, ADDRESS)
            assert admin.read_answer("PUT").status == 200
            taken.append(time.perf_counter() - began)
            client.send_request("GET", f"/f/{k}")
            assert client.read_answer("GET").headers["x-amz-executed-version"] == version
    median = statistics.median(taken) * 1000
    print(f"a change took {median:.3f} ms in the middle, {max(taken) * 1000:.3f} ms at most")
    assert median < scaled(2, 40)


# ---- As clients of Lambda see it ----


@pytest.mark.fast
def test_a_gradual_shift_by_lambdas_calls(pair):
    """What CodeDeploy or the AWS command line send: names in ARNs, colons encoded, signed."""
    name = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello"
    connection = http.client.HTTPConnection(ADDRESS, pair.admin_port)

    def call(method, path, document=None):
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20250101/us-east-1/lambda/aws4_request", "Accept-Encoding": "identity"}
        if document is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, f"/2015-03-31/functions/{name}/aliases{path}", document and json.dumps(document), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, (answer.status, body)
        return body

    alias = call("GET", "/live")
    assert alias == {
        "AliasArn": "arn:aws:lambda:us-east-1:000000000000:function:hello:live",
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.05}},
        "RevisionId": alias["RevisionId"],
    }
    for share in (0.1, 0.5, 0.999):
        alias = call("PUT", "/live", {"RoutingConfig": {"AdditionalVersionWeights": {"2": share}}, "RevisionId": alias["RevisionId"]})
        assert alias["RoutingConfig"]["AdditionalVersionWeights"] == {"2": share}
    alias = call("PUT", "/live", {"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {}}})
    assert alias["FunctionVersion"] == "2" and "RoutingConfig" not in alias
    assert call("GET", "?MaxItems=50")["Aliases"] == [alias]
    assert {version_now(pair) for _ in range(20)} == {"2"}
    connection.close()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("aws"), reason="the AWS command line is not installed")
def test_the_aws_command_line_shifts_an_alias(pair):
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    endpoint = ["--endpoint-url", f"http://{ADDRESS}:{pair.admin_port}", "--output", "json", "--no-cli-pager"]

    def aws(call, *arguments):
        command = ["aws", "lambda", call, "--function-name", "hello", *arguments, *endpoint]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    before = aws("get-alias", "--name", "live")
    if isinstance(before, str) and "no-cli-pager" in before:  # version 1 has no pager to turn off
        endpoint.pop()
        before = aws("get-alias", "--name", "live")
    assert before["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.05}}
    after = aws("update-alias", "--name", "live", "--routing-config", "AdditionalVersionWeights={3=0.25}", "--revision-id", before["RevisionId"])
    assert after["RoutingConfig"] == {"AdditionalVersionWeights": {"3": 0.25}}
    assert "PreconditionFailedException" in aws("update-alias", "--name", "live", "--revision-id", before["RevisionId"])
    after = aws("update-alias", "--name", "live", "--function-version", "3", "--routing-config", "AdditionalVersionWeights={}")
    assert after["FunctionVersion"] == "3" and "RoutingConfig" not in after
    assert aws("list-aliases") == {"Aliases": [after]}
    assert "(ResourceNotFoundException) when calling the GetAlias operation: Cannot find alias arn" in aws("get-alias", "--name", "nope")
    assert pair.admin(LIVE).json() == {"weights": {"3": 100}}


SDK_SCRIPT = """
const { LambdaClient, GetAliasCommand, ListAliasesCommand, UpdateAliasCommand, InvokeCommand } = require("@aws-sdk/client-lambda");
const client = (endpoint) => new LambdaClient({ endpoint, region: "us-east-1", maxAttempts: 1,
                                                 credentials: { accessKeyId: "test", secretAccessKey: "test" } });
const [admin, data] = process.argv.slice(2).map(client);
const live = { FunctionName: "hello", Name: "live" };
const error = async (promise) => { try { await promise; return null; }
                                   catch (e) { return [e.name, e.$metadata.httpStatusCode, e.message]; } };
(async () => {
  const out = { versions: {} };
  out.before = await admin.send(new GetAliasCommand(live));
  out.updated = await admin.send(new UpdateAliasCommand({ ...live, RevisionId: out.before.RevisionId, Description: "by the SDK",
      FunctionVersion: "1", RoutingConfig: { AdditionalVersionWeights: { 3: 0.25 } } }));
  for (let i = 0; i < 40; i++) {
    const answer = await data.send(new InvokeCommand({ FunctionName: "hello", Qualifier: "live", Payload: "{}" }));
    out.versions[answer.ExecutedVersion] = (out.versions[answer.ExecutedVersion] ?? 0) + 1;
  }
  out.list = await admin.send(new ListAliasesCommand({ FunctionName: "hello", MaxItems: 10 }));
  out.stale = await error(admin.send(new UpdateAliasCommand({ ...live, RevisionId: out.before.RevisionId, Description: "late" })));
  out.absent = await error(admin.send(new GetAliasCommand({ ...live, Name: "nope" })));
  out.wrong = await error(admin.send(new UpdateAliasCommand({ ...live, RoutingConfig: { AdditionalVersionWeights: { 3: 2 } } })));
  console.log(JSON.stringify(out));
})();
"""


@pytest.mark.slow
@pytest.mark.skipif(SANITIZED, reason="it is the client that differs, not weir")
def test_the_aws_sdk_shifts_an_alias(pair, sdk):
    script = sdk / "shift.cjs"
    script.write_text(SDK_SCRIPT)
    addresses = [f"http://{ADDRESS}:{port}" for port in (pair.admin_port, pair.port)]
    done = subprocess.run(["node", script, *addresses], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    out = json.loads(done.stdout)
    assert out["before"]["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.05}}
    assert out["updated"]["RoutingConfig"] == {"AdditionalVersionWeights": {"3": 0.25}}
    assert out["updated"]["Description"] == "by the SDK" and out["updated"]["RevisionId"] != out["before"]["RevisionId"]
    assert out["versions"] == {"1": 30, "3": 10}
    assert [a["Name"] for a in out["list"]["Aliases"]] == ["live"] and "NextMarker" not in out["list"]
    assert out["stale"][:2] == ["PreconditionFailedException", 412]
    assert out["absent"] == [
        "ResourceNotFoundException",
        404,
        "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:hello:nope",
    ]
    assert out["wrong"][:2] == ["ValidationException", 400] and "{3=2.0}" in out["wrong"][2]
    assert pair.admin(LIVE).json() == {"weights": {"1": 75, "3": 25}, "description": "by the SDK"}
