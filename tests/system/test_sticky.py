"""Sticky splits: a caller stays on one version, over workers, reloads and restarts; an edit of the weights moves the fewest callers;
and where a caller's key comes from."""

import json
import re
import signal

import pytest
from harness import tables
from harness.fake import OK, answering
from harness.places import ADDRESS

JSON = [("Content-Type", "application/json")]
LIVE = "/functions/hello/aliases/live"
HALVES = {"1": 50, "2": 50}
KEYS = 2000


def sticky(*key, **more):
    return {"sticky": {"key": list(key) or [{"header": "x-user"}], **more}}


def version_of(answer):
    assert answer.status == 200, answer
    return answer.headers["x-amz-executed-version"]


def over(connection, fields):
    connection.send_request(headers=fields)
    return version_of(connection.read_answer())


def ask(weir, *fields, target="/"):
    return version_of(weir.call("GET", target, headers=list(fields)))


def sides(weir, keys=range(KEYS), header="x-user", connections=4):
    """The version of each key, asked over several connections, which are on several workers."""
    open_ones = [weir.connect() for _ in range(connections)]
    out = {}
    for i, key in enumerate(keys):
        connection = open_ones[i % connections]
        out[key] = over(connection, [(header, f"user-{key}")])
    for connection in open_ones:
        connection.close()
    return out


def get_map(weir):
    return json.loads(weir.admin(LIVE).body)["split"]["sticky"]["map"]


def put(weir, **alias):
    answer = weir.admin(LIVE, "PUT", json.dumps(alias).encode(), headers=JSON)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def moved(before, after):
    return {(before[k], after[k]) for k in before if before[k] != after[k]}, sum(before[k] != after[k] for k in before)


@pytest.fixture
def demos(world):
    return {v: world.demo(v) for v in ("1", "2", "3")}


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def split(demos, weights, **alias):
    document = tables.split({v: demos[v] for v in demos}, weights, **alias)
    return document


def test_a_caller_stays_over_workers_and_connections(world, demos):
    weir = world.weir(split(demos, HALVES, split=sticky()), workers=4)
    first = sides(weir)
    assert first == sides(weir, connections=7)
    share = sum(v == "1" for v in first.values()) / KEYS
    assert 0.4 < share < 0.6  # fixed keys: the same share in every run


def test_the_split_can_be_computed_by_other_programs(world, demos):
    """Points of user-1 434193840, user-2 768133303, 203.0.113.7 303282731."""
    weir = world.weir(split(demos, {"1": 43.4193841, "2": 56.5806159}, split=sticky(salt="checkout")))
    assert [ask(weir, ("x-user", key)) for key in ("user-1", "user-2", "203.0.113.7")] == ["1", "2", "1"]
    put(weir, weights={"1": 43.419384, "2": 56.580616})
    assert [ask(weir, ("x-user", key)) for key in ("user-1", "user-2", "203.0.113.7")] == ["2", "2", "1"]


def test_an_edit_moves_only_whom_it_must(world, demos):
    weir = world.weir(split(demos, {"1": 90, "2": 10, "3": 0}, split=sticky()), workers=4)
    first = sides(weir)
    put(weir, weights={"1": 80, "2": 10, "3": 10})
    second = sides(weir)
    pairs, nr = moved(first, second)
    assert pairs == {("1", "3")} and abs(nr - KEYS / 10) < KEYS / 40
    put(weir, weights={"1": 80, "2": 20, "3": 0})
    third = sides(weir)
    pairs, nr = moved(second, third)
    assert pairs == {("3", "2")} and nr == sum(v == "3" for v in second.values())
    put(weir, weights={"1": 90, "2": 10, "3": 0})
    pairs, nr = moved(third, sides(weir))
    assert pairs == {("2", "1")}


def test_the_map_is_shown_and_put_back(world, demos):
    weir = world.weir(split(demos, {"1": 95, "2": 5, "3": 0}, split=sticky()))
    assert get_map(weir) == [["1", 95], ["2", 100]]
    answer = put(weir, weights={"1": 90, "2": 5, "3": 5})
    assert answer["split"]["sticky"]["map"] == get_map(weir) == [["1", 90], ["3", 95], ["2", 100]]
    table = json.loads(weir.admin("/table").body)
    assert table["functions"]["hello"]["aliases"]["live"]["split"]["sticky"]["map"] == get_map(weir)
    other = world.weir(table)
    assert sides(weir, range(300)) == sides(other, range(300))


def test_lambdas_update_alias_edits_the_map_in_force(world, demos):
    weir = world.weir(split(demos, {"1": 95, "2": 5}, split=sticky(map=[["2", 5], ["1", 100]])))
    before = sides(weir, range(500))
    body = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.5}}}
    answer = weir.admin("/2015-03-31/functions/hello/aliases/live", "PUT", json.dumps(body).encode(), headers=JSON)
    assert answer.status == 200, answer.body
    assert get_map(weir) == [["2", 50], ["1", 100]]
    assert moved(before, sides(weir, range(500)))[0] == {("1", "2")}


def test_a_reload_and_a_kill_keep_everybody(world, demos, state):
    document = split(demos, {"1": 60, "2": 30, "3": 10}, split=sticky())
    weir = world.weir(document, arguments=("--state", state), workers=4)
    first = sides(weir)
    put(weir, weights={"1": 60, "2": 10, "3": 30})
    second = sides(weir)
    assert moved(first, second)[0] == {("2", "3")}
    document["functions"]["hello"]["versions"]["1"]["timeout_ms"] = 5000
    weir.must_reload(document)
    assert sides(weir) == second
    weir.signal(signal.SIGKILL)
    weir.wait()
    world.things.remove(weir)
    weir = world.weir(document, arguments=("--state", state), workers=2)
    assert sides(weir) == second


def end(world, weir, number=signal.SIGKILL):
    weir.signal(number)
    weir.wait()
    world.things.remove(weir)


HISTORY = "has a map of its history"


def test_a_files_alias_keeps_its_map_over_restarts(world, demos, state):
    """The file alone has no map: the store has."""
    first = split(demos, {"1": 60, "2": 30, "3": 10}, split=sticky())
    second = split(demos, {"1": 50, "2": 30, "3": 20}, split=sticky())
    third = split(demos, {"1": 60, "2": 30, "3": 10}, split=sticky())
    weir = world.weir(first, arguments=("--state", state))
    weir.must_reload(second)
    before = sides(weir)
    shown = get_map(weir)
    assert shown != [["1", 50], ["2", 80], ["3", 100]]
    weir.wait_for_words(HISTORY)
    end(world, weir)
    weir = world.weir(second, arguments=("--state", state))
    assert get_map(weir) == shown and sides(weir) == before
    assert weir.stderr().count(HISTORY) == 1
    end(world, weir, signal.SIGTERM)
    weir = world.weir(third, arguments=("--state", state))  # the file was edited meanwhile
    assert moved(before, sides(weir))[0] == {("3", "1")}


def test_the_log_tells_once_that_the_file_alone_assigns_otherwise(world, demos):
    weir = world.weir(split(demos, {"1": 95, "2": 5, "3": 0}, split=sticky()))
    weir.must_reload(split(demos, {"1": 90, "2": 10, "3": 0}, split=sticky()))
    weir.must_reload(split(demos, {"1": 90, "2": 5, "3": 5}, split=sticky()))  # in a row still
    assert HISTORY not in weir.stderr()
    weir.must_reload(split(demos, {"1": 85, "2": 5, "3": 10}, split=sticky()))
    weir.must_reload(split(demos, {"1": 80, "2": 5, "3": 15}, split=sticky()))
    weir.wait_for_words(HISTORY)
    assert weir.stderr().count(HISTORY) == 1
    weir.must_reload(split(demos, {"1": 80, "2": 5, "3": 15}, split=sticky(map=get_map(weir))))
    weir.must_reload(split(demos, {"1": 70, "2": 5, "3": 25}, split=sticky(map=get_map(weir))))
    assert weir.stderr().count(HISTORY) == 1


def test_what_the_api_changed_keeps_its_map_where_the_file_overtakes_it(world, demos, state):
    document = split(demos, {"1": 60, "2": 30, "3": 10}, split=sticky())
    weir = world.weir(document, arguments=("--state", state))
    put(weir, weights={"1": 60, "2": 10, "3": 30})
    before = sides(weir)
    end(world, weir)
    weir = world.weir(split(demos, {"1": 70, "2": 10, "3": 20}, split=sticky()), arguments=("--state", state))
    assert moved(before, sides(weir))[0] == {("3", "1")}


def test_who_has_no_key_is_split_exactly(world, demos):
    weir = world.weir(split(demos, {"1": 95, "2": 5}, split=sticky()), workers=2)
    connection = weir.connect()
    drawn = []
    for i in range(100):
        drawn.append(over(connection, [("x-user", " ")] if i % 2 else []))
        over(connection, [("x-user", f"user-{i}")])  # takes no ticket
    assert drawn.count("2") == 5


@pytest.mark.parametrize(
    "source, fields, target",
    [
        ({"header": "X-User"}, [("x-user", "user-1"), ("x-user", "user-2")], "/"),
        ({"cookie": "uid"}, [("Cookie", "a=b; uid=user-1; uid=user-2")], "/"),
        ({"query": "u"}, [], "/?a=b&u=user%2d1&u=user-2"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_source_gives_the_key(world, demos, source, fields, target):
    """user-1 is at 43.4, user-2 at 76.8 percent."""
    weir = world.weir(split(demos, {"1": 43, "2": 1, "3": 56}, split=sticky(source, salt="checkout")))
    assert ask(weir, *fields, target=target) == "2"


def address_weir(world, demos, trust):
    """203.0.113.7 is at 30.3 percent."""
    document = split(demos, {"1": 30, "2": 1, "3": 69}, split=sticky({"client_address": {}}, salt="checkout"))
    return world.weir(document, settings={"forwarded": {"trust": trust}})


def test_an_address_behind_proxies_is_the_first_that_is_not_theirs(world, demos):
    weir = address_weir(world, demos, ["127.0.0.0/8", "10.0.0.0/8"])
    for forged in ("", "1.2.3.4, ", "10.1.1.1, 9.9.9.9, ", "garbage, "):
        assert ask(weir, ("X-Forwarded-For", f"{forged}203.0.113.7, 10.0.0.3")) == "2", forged
        assert ask(weir, ("X-Forwarded-For", f"{forged}203.0.113.7")) == "2", forged
    assert ask(weir, ("X-Forwarded-For", "203.0.113.7, 10.0.0.3, 198.51.100.3")) != "2"


def test_a_stranger_does_not_choose_its_address(world, demos):
    weir = address_weir(world, demos, ["10.0.0.0/8"])
    own = ask(weir)
    for i in range(20):
        assert ask(weir, ("X-Forwarded-For", f"203.0.113.{i}")) == own
    assert "203.0.113" not in json.dumps(demos[own].count())


def test_networks_say_whose_forwarded_fields_pass(world):
    def serve(c):
        while request := c.read_request():
            seen.append(request.headers)
            c.send(OK)

    seen = []
    fields = [("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-Proto", "https")]
    for trust, address, proto in ((["127.0.0.0/8"], f"192.0.2.9, {ADDRESS}", "https"), (["10.0.0.0/8"], ADDRESS, "http")):
        weir = world.weir(tables.one(world.fake(serve)), settings={"forwarded": {"trust": trust}})
        weir.call("GET", "/", headers=fields)
        assert (seen[-1]["X-Forwarded-For"], seen[-1]["X-Forwarded-Proto"]) == (address, proto)


COOKIE = {"cookie": "uid", "issue": {"max_age_s": 60, "secure": False}}


def test_a_new_caller_gets_a_cookie_and_stays_by_it(world, demos):
    weir = world.weir(split(demos, HALVES, split=sticky({"header": "x-user"}, COOKIE)), workers=4)
    seen = set()
    for _ in range(40):
        answer = weir.call("GET", "/")
        found = re.fullmatch(r"uid=([0-9a-f]{32}); Path=/; Max-Age=60; HttpOnly; SameSite=Lax", answer.headers["Set-Cookie"])
        assert found, answer.headers
        assert found[1] not in seen
        seen.add(found[1])
        again = weir.call("GET", "/", headers=[("Cookie", f"uid={found[1]}")])
        assert version_of(again) == version_of(answer)
        assert "Set-Cookie" not in again.headers


def test_who_has_a_key_gets_no_cookie(world, demos):
    weir = world.weir(split(demos, HALVES, split=sticky({"header": "x-user"}, COOKIE)))
    for fields in ([("x-user", "a")], [("Cookie", "uid=mine")]):
        assert "Set-Cookie" not in weir.call("GET", "/", headers=fields).headers


def test_the_endpoints_own_cookies_stay(world):
    fake = world.fake(answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"))
    weir = world.weir(tables.split({"1": fake}, {"1": 100}, split=sticky(COOKIE)))
    cookies = weir.call("GET", "/").headers.all("Set-Cookie")
    assert cookies[:2] == ["a=1", "b=2"] and len(cookies) == 3 and cookies[2].startswith("uid=")
    assert weir.call("GET", "/", headers=[("Cookie", "uid=x")]).headers.all("Set-Cookie") == ["a=1", "b=2"]


def test_callers_outside_of_the_namespace_get_the_primary_version_and_are_in_no_figure(world, demos):
    namespace = {"salt": "a", "from": 17, "to": 33}  # user-1 at 17.1, user-2 at 32.3, 203.0.113.7 at 15.5 percent
    weir = world.weir(split(demos, {"1": 0, "2": 100}, split=sticky(namespace=namespace)))
    assert [ask(weir, ("x-user", key)) for key in ("user-1", "user-2", "203.0.113.7")] == ["2", "2", "1"]
    metrics = weir.settled_metrics()
    assert metrics.value("weir_invocations_total", function="hello", alias="live", version="2") == 2
    assert metrics.value("weir_invocations_total", function="hello", version="1") == 0


def test_experiments_of_one_namespace_exclude_one_another(world, demos):
    first = {"weights": HALVES, "split": sticky(namespace={"salt": "n", "from": 0, "to": 50})}
    second = {"weights": HALVES, "split": sticky(namespace={"salt": "n", "from": 50, "to": 100})}
    document = tables.table(
        {"hello": tables.function({"1": demos["1"], "2": demos["2"]}, {"first": first, "second": second})},
        [tables.route("/a", qualifier="first"), tables.route("/b", qualifier="second")],
    )
    weir = world.weir(document)
    for i in range(200):
        assert "1" in [ask(weir, ("x-user", f"user-{i}"), target=target) for target in ("/a", "/b")]


def test_what_is_wrong_is_said_with_its_path(world, demos):
    weir = world.weir(split(demos, HALVES, split=sticky()))
    body = {"weights": HALVES, "split": {"sticky": {"key": [], "map": [["1", 60], ["9", 50]]}}}
    answer = weir.admin(LIVE, "PUT", json.dumps(body).encode(), headers=JSON)
    assert answer.status == 400
    at = "$.functions.hello.aliases.live.split.sticky"
    paths = {problem["path"] for problem in json.loads(answer.body)["problems"]}
    assert paths == {f"{at}.key", f"{at}.map[1][0]", f"{at}.map[1][1]"}
