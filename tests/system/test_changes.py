"""What the API makes, changes and deletes: it outlives restarts, and meets the table file thing by thing."""

import copy
import json
import signal
import subprocess
import threading

import pytest
from harness.client import Connection
from harness.places import ADDRESS, SANITIZER, WEIR
from harness.processes import Weir

JSON = [("Content-Type", "application/json")]
LIVE = "/functions/hello/aliases/live"
PER_WRITER = 30 if SANITIZER else 100
TABLE = {
    "functions": {
        "hello": {
            "versions": {"1": {"endpoints": ["http://127.0.0.1:1"]}, "2": {"endpoints": ["http://127.0.0.1:2"]}},
            "aliases": {"live": {"weights": {"1": 95, "2": 5}}, "beta": {"weights": {"2": 100}}},
        },
        "other": {"versions": {"1": {"endpoints": ["http://127.0.0.1:3"]}}},
    }
}


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def ask(weir, method, path, document=None):
    body = json.dumps(document).encode() if document is not None else None
    return weir.admin(path, method, body, headers=JSON if body else [])


def must(weir, method, path, document=None, status=200):
    answer = ask(weir, method, path, document)
    assert answer.status == status, (method, path, answer, answer.body)
    return answer


def table_of(weir):
    return ask(weir, "GET", "/table").json()


def revision(weir, alias="live"):
    return ask(weir, "GET", f"/2015-03-31/functions/hello/aliases/{alias}").json()["RevisionId"]


class Lives:
    """One weir after the other on the same state, each with its own table file."""

    def __init__(self, folder, state):
        self.folder, self.state, self.weir, self.nr = folder, state, None, 0

    def start(self, table):
        self.nr += 1
        self.weir = Weir(self.folder / f"life{self.nr}", table, arguments=("--state", self.state))
        return self.weir

    def end(self, number=signal.SIGKILL):
        self.weir.signal(number)
        self.weir.wait()


@pytest.fixture
def lives(tmp_path, state):
    lives = Lives(tmp_path, state)
    yield lives
    if lives.weir:
        lives.end(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "drained"])
def test_what_was_answered_outlives_the_process(lives, number):
    weir = lives.start(TABLE)
    must(weir, "PUT", LIVE, {"weights": {"1": 50, "2": 50}})
    must(weir, "PUT", "/functions/hello/aliases/new", {"weights": {"1": 100}, "description": "d"})
    must(weir, "DELETE", "/functions/hello/aliases/beta", status=204)
    must(weir, "PUT", "/functions/made", {"concurrency": 3, "versions": {"$LATEST": {"endpoints": ["http://127.0.0.1:4"]}}})
    must(weir, "DELETE", "/functions/other", status=204)
    before, revisions = table_of(weir), [revision(weir), revision(weir, "new")]
    lives.end(number)
    weir = lives.start(TABLE)
    assert table_of(weir) == before
    assert [revision(weir), revision(weir, "new")] == revisions
    assert set(before["functions"]) == {"hello", "made"}
    assert set(before["functions"]["hello"]["aliases"]) == {"live", "new"}


def test_a_file_that_says_nothing_new_makes_the_same_revisions_in_each_life(lives):
    first = revision(lives.start(TABLE))
    lives.end()
    assert revision(lives.start(TABLE)) == first


def test_without_a_state_directory_the_answer_says_that_it_does_not_last(world):
    weir = world.weir(TABLE)
    answer = must(weir, "PUT", LIVE, {"weights": {"1": 100}})
    assert answer.headers["x-weir-durable"] == "no" and answer.headers["x-weir-generation"] == "2"


def test_with_one_it_does_not(lives):
    assert "x-weir-durable" not in must(lives.start(TABLE), "PUT", LIVE, {"weights": {"1": 100}}).headers


# ---- The file and the API ----

API = {
    "changed": lambda weir: must(weir, "PUT", LIVE, {"weights": {"1": 50, "2": 50}}),
    "deleted": lambda weir: must(weir, "DELETE", LIVE, status=204),
    "nothing": lambda weir: None,
}


def edited(change):
    table = copy.deepcopy(TABLE)
    change(table["functions"]["hello"]["aliases"])
    return table


FILE = {
    "same": edited(lambda aliases: aliases["beta"].update(description="another alias")),
    "changed": edited(lambda aliases: aliases["live"].update(weights={"1": 10, "2": 90})),
    "deleted": edited(lambda aliases: aliases.pop("live")),
}

# What is said of the alias in the end: the file's word counts where it has a new one.
OUTCOME = {
    ("changed", "same"): {"1": 50, "2": 50},
    ("deleted", "same"): None,
    ("nothing", "same"): {"1": 95, "2": 5},
    ("changed", "changed"): {"1": 10, "2": 90},
    ("deleted", "changed"): {"1": 10, "2": 90},
    ("nothing", "changed"): {"1": 10, "2": 90},
    ("changed", "deleted"): None,
    ("deleted", "deleted"): None,
    ("nothing", "deleted"): None,
}


@pytest.mark.parametrize("way", ["reload", "restart"])
@pytest.mark.parametrize(("api", "file"), OUTCOME)
def test_who_wins_over_an_alias(lives, api, file, way):
    weir = lives.start(TABLE)
    API[api](weir)
    if way == "reload":
        weir.write_table(FILE[file])
        must(weir, "POST", "/reload")
    else:
        lives.end()
        weir = lives.start(FILE[file])
    alias = table_of(weir)["functions"]["hello"]["aliases"].get("live")
    assert (alias["weights"] if alias else None) == OUTCOME[api, file]
    if api == "changed" and file == "changed":
        weir.wait_for_words("over what the API had set")
    # It stays so: nothing that lost comes back.
    lives.end()
    again = table_of(lives.start(FILE[file]))["functions"]["hello"]["aliases"].get("live")
    assert again == alias


@pytest.mark.parametrize("way", ["reload", "restart"])
def test_who_wins_over_versions_and_functions(lives, way):
    weir = lives.start(TABLE)
    hello = ask(weir, "GET", "/functions/hello").json()
    hello["versions"]["3"] = {"endpoints": ["http://127.0.0.1:33"]}
    hello["versions"]["1"] = {"endpoints": ["http://127.0.0.1:11"]}
    must(weir, "PUT", "/functions/hello", hello)
    must(weir, "DELETE", "/functions/other", status=204)
    table = copy.deepcopy(TABLE)
    table["functions"]["hello"]["versions"]["2"] = {"endpoints": ["http://127.0.0.1:22"]}
    if way == "reload":
        weir.write_table(table)
        must(weir, "POST", "/reload")
    else:
        lives.end()
        weir = lives.start(table)
    now = table_of(weir)["functions"]
    assert "other" not in now
    assert {name: v["endpoints"][0][-2:] for name, v in now["hello"]["versions"].items()} == {"1": "11", "2": "22", "3": "33"}
    # The file has a new word about the function that the API deleted: it is back.
    table["functions"]["other"]["concurrency"] = 1
    weir.write_table(table)
    must(weir, "POST", "/reload")
    assert table_of(weir)["functions"]["other"]["concurrency"] == 1


def test_a_version_that_an_alias_of_the_api_needs_cannot_be_taken_away(lives):
    weir = lives.start(TABLE)
    must(weir, "PUT", "/functions/hello/aliases/new", {"weights": {"2": 100}})
    table = copy.deepcopy(TABLE)
    del table["functions"]["hello"]["versions"]["2"]
    table["functions"]["hello"]["aliases"] = {"live": {"weights": {"1": 100}}}
    weir.allow_error("version 2 is gone from the file")
    weir.write_table(table)
    answer = must(weir, "POST", "/reload", status=400)
    assert [p["path"] for p in answer.json()["problems"]] == ["$.functions.hello.aliases.new"]
    assert "2" in table_of(weir)["functions"]["hello"]["versions"]


def test_numbers_are_not_used_twice(lives):
    weir = lives.start(TABLE)
    hello = ask(weir, "GET", "/functions/hello").json()
    must(weir, "PUT", "/functions/hello", {**hello, "last_version": 9})
    table = copy.deepcopy(TABLE)
    table["functions"]["hello"]["limits"] = {"max_in_flight": 7}
    lives.end()
    now = table_of(lives.start(table))["functions"]["hello"]
    assert now["last_version"] == 9 and now["limits"] == {"max_in_flight": 7}


# ---- Whole tables ----


def apply(weir, table):
    return subprocess.run(
        [WEIR, "apply", "--table", "-", "--admin", f"{ADDRESS}:{weir.admin_port}"],
        input=json.dumps(table), capture_output=True, text=True, timeout=60, check=False,
    )


def test_a_table_that_was_shown_can_be_restored_elsewhere(world, lives):
    weir = lives.start(TABLE)
    must(weir, "PUT", "/functions/made", {
        "concurrency": 0, "last_version": 4, "tags": {"a": "b"}, "dead_letter": "other",
        "urls": {"$LATEST": {"auth_type": "NONE"}},
        "versions": {"$LATEST": {"endpoints": ["http://127.0.0.1:4"], "configuration": {"Runtime": "x"}}},
    })
    must(weir, "PUT", LIVE, {"weights": {"1": 33.3333333, "2": 66.6666667}})
    backup = table_of(weir)
    other = world.weir({"functions": {}})
    done = apply(other, backup)
    assert done.returncode == 0, done.stderr
    assert table_of(other) == backup
    assert table_of(world.weir(backup)) == backup


def test_a_whole_table_is_one_change_that_lasts(lives):
    weir = lives.start({**TABLE, "routes": [{"path": "/", "function": "hello", "qualifier": "live"}]})
    only = {"functions": {"only": {"versions": {"1": {"endpoints": ["http://127.0.0.1:9"]}}}},
            "routes": [{"path": "/only", "function": "only", "qualifier": "1"}]}
    done = apply(weir, only)
    assert done.returncode == 0 and "function hello is gone" in done.stdout and "generation 2" in done.stdout
    assert table_of(weir) == only
    lives.end()
    weir = lives.start({**TABLE, "routes": [{"path": "/", "function": "hello", "qualifier": "live"}]})
    assert table_of(weir) == only
    done = apply(weir, {"functions": {"only": {"versions": {"01": {"endpoints": []}}}}})
    assert done.returncode == 1 and "$.functions.only.versions.01" in done.stderr
    assert table_of(weir) == only


def route(path, version="1", **more):
    return {**more, "path": path, "function": "hello", "qualifier": version}


def in_order(routes):
    return sorted(routes, key=lambda r: (r.get("host", ""), r["path"]))


@pytest.mark.parametrize("way", ["reload", "restart"])
def test_who_wins_over_routes_one_by_one(lives, way):
    file = [route("/changed"), route("/deleted"), route("/files"), route("/both"), route("/gone")]
    weir = lives.start({**TABLE, "routes": file})
    api = [route("/changed", "2"), route("/files"), route("/both", "2"), route("/gone", "2"), route("/made", host="shop.test")]
    assert apply(weir, {**TABLE, "routes": api}).returncode == 0
    table = {**TABLE, "routes": [*file[:2], route("/files", "2"), route("/both", "live"), route("/new")]}
    if way == "reload":
        weir.write_table(table)
        must(weir, "POST", "/reload")
    else:
        lives.end()
        weir = lives.start(table)
    expected = [route("/changed", "2"), route("/files", "2"), route("/both", "live"), route("/made", host="shop.test"), route("/new")]
    assert in_order(table_of(weir)["routes"]) == in_order(expected)
    weir.wait_for_words("route /both: the file says {")
    weir.wait_for_words("route /gone: the file says nothing of it any more")
    before = table_of(weir)
    lives.end()
    assert table_of(lives.start(table)) == before


# ---- If-Match ----


def conditional(weir, method, path, document=None, **conditions):
    fields = [(name.replace("_", "-"), value) for name, value in conditions.items()]
    body = json.dumps(document).encode() if document is not None else None
    return weir.admin(path, method, body, headers=(JSON if body else []) + fields)


THINGS = {
    "alias": (LIVE, {"weights": {"1": 60, "2": 40}}),
    "function": ("/functions/hello", TABLE["functions"]["other"]),
    "table": ("/table", {"functions": {"other": TABLE["functions"]["other"]}}),
}


@pytest.mark.parametrize("by", ["the API", "the Lambda API", "the file"])
@pytest.mark.parametrize("thing", THINGS)
def test_who_saw_an_older_one_changes_nothing(lives, thing, by):
    path, document = THINGS[thing]
    weir = lives.start(TABLE)
    old = must(weir, "GET", path).headers["etag"]
    if by == "the API":
        must(weir, "PUT", LIVE, {"weights": {"1": 50, "2": 50}})
    elif by == "the Lambda API":
        must(weir, "PUT", "/2015-03-31/functions/hello/aliases/live", {"FunctionVersion": "1"})
    else:
        weir.write_table(FILE["changed"])
        must(weir, "POST", "/reload")
    before = must(weir, "GET", path)
    stale = conditional(weir, "PUT", path, document, If_Match=old)
    assert stale.status == 412 and stale.headers["x-amzn-errortype"] == "PreconditionFailedException"
    assert stale.headers["etag"] == before.headers["etag"] != old
    assert f"If-Match does not name the ETag of the {thing}, which is {before.headers['etag']}" in stale.json()["message"]
    assert must(weir, "GET", path).body == before.body
    done = conditional(weir, "PUT", path, document, If_Match=before.headers["etag"])
    assert done.status == 200, done.body
    after = must(weir, "GET", path)
    assert done.headers["etag"] == after.headers["etag"]
    assert done.headers["x-weir-generation"] == after.headers["x-weir-generation"]


def test_the_etag_of_an_alias_is_its_revision_in_all_lives_and_that_of_a_table_of_one(lives):
    weir = lives.start(TABLE)
    must(weir, "PUT", LIVE, {"weights": {"1": 50, "2": 50}})
    first = [must(weir, "GET", path).headers["etag"] for path, _ in THINGS.values()]
    assert first[0] == f'"{revision(weir)}"'
    lives.end()
    weir = lives.start(TABLE)
    second = [must(weir, "GET", path).headers["etag"] for path, _ in THINGS.values()]
    assert first[:2] == second[:2] and first[2] != second[2]
    assert conditional(weir, "PUT", "/table", TABLE, If_Match=first[2]).status == 412


def test_of_many_that_saw_the_same_one_is_first(lives):
    weir = lives.start(TABLE)
    etag, statuses = must(weir, "GET", LIVE).headers["etag"], []

    def change(i):
        statuses.append(conditional(weir, "PUT", LIVE, {"weights": {"1": 10 + i, "2": 90 - i}}, If_Match=etag).status)

    threads = [threading.Thread(target=change, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + 7 * [412]


def test_what_there_is_already_is_not_made_again(lives):
    weir = lives.start(TABLE)
    path, weights = "/functions/hello/aliases/new", {"weights": {"1": 100}}
    assert conditional(weir, "PUT", path, weights, If_Match="*").status == 412
    assert conditional(weir, "PUT", path, weights, If_None_Match="*").status == 200
    again = conditional(weir, "PUT", path, weights, If_None_Match="*")
    assert again.status == 412 and "If-None-Match" in again.json()["message"]
    assert conditional(weir, "DELETE", path, If_Match='"x"').status == 412
    assert conditional(weir, "DELETE", path, If_Match=again.headers["etag"]).status == 204


# ---- Many at once ----


def large(endpoint, nr=3000):
    hello = {"versions": {"1": {"endpoints": [endpoint]}, "2": {"endpoints": [endpoint]}},
             "aliases": {"live": {"weights": {"1": 50, "2": 50}}}}
    return {"functions": {"hello": hello, **{f"f{i}": {"versions": {"1": {"endpoints": [endpoint]}}} for i in range(nr)}}}


def test_functions_come_and_go_under_load_without_a_failed_invocation(world):
    demo = world.demo("1")
    weir = world.weir(large(f"http://{ADDRESS}:{demo.port}"))
    is_over, statuses, connections = threading.Event(), [], []

    def invoke():
        with Connection(weir.port) as c:
            connections.append(c)
            while not is_over.is_set():
                c.send_request("POST", "/2015-03-31/functions/hello:live/invocations", [], b"{}", ADDRESS)
                statuses.append(c.read_answer("POST").status)

    callers = [threading.Thread(target=invoke) for _ in range(2)]
    for caller in callers:
        caller.start()
    for i in range(8):
        must(weir, "PUT", f"/functions/new{i}", {"versions": {"1": {"endpoints": [f"http://{ADDRESS}:{demo.port}"]}}})
        assert weir.invoke(f"new{i}", query="?Qualifier=1").status == 200
        must(weir, "PUT", LIVE, {"weights": {"1": 50 + i, "2": 50 - i}})
        must(weir, "DELETE", f"/functions/new{i}", status=204)
        assert weir.invoke(f"new{i}", query="?Qualifier=1").status == 404
    is_over.set()
    for caller in callers:
        caller.join()
    # Each connection served them all, and none failed.
    assert len(connections) == 2 and set(statuses) == {200}


def test_a_change_while_the_file_is_read_holds_or_is_named_in_the_log(world):
    demo = world.demo("1")
    table = large(f"http://{ADDRESS}:{demo.port}", 20000)
    weir = world.weir(table)
    # The file says something else of another function: the API's change, in the midst of it, stays.
    table["functions"]["f0"]["concurrency"] = 5
    weir.write_table(table)
    must(weir, "PUT", LIVE, {"weights": {"1": 10, "2": 90}})
    must(weir, "POST", "/reload")
    assert ask(weir, "GET", LIVE).json()["weights"] == {"1": 10, "2": 90}
    # The file says something else of that very alias: it wins, and the log names the API's value.
    table["functions"]["hello"]["aliases"]["live"]["weights"] = {"1": 30, "2": 70}
    weir.write_table(table)
    must(weir, "PUT", LIVE, {"weights": {"1": 20, "2": 80}})
    must(weir, "POST", "/reload")
    assert ask(weir, "GET", LIVE).json()["weights"] == {"1": 30, "2": 70}
    weir.wait_for_words("over what the API had set")


def test_ten_writers_lose_no_update_and_every_version_has_its_share(world, tmp_path, state):
    demo = world.demo("1")
    endpoint = f"http://{ADDRESS}:{demo.port}"
    weir = world.weir(large(endpoint, 10), arguments=("--state", state))
    path = "/2015-03-31/functions/hello/aliases/live"
    is_over, counts, updates, lock = threading.Event(), {"1": 0, "2": 0}, [(0, 0, 0.5)], threading.Lock()

    def invoke():
        mine = {"1": 0, "2": 0}
        with Connection(weir.port) as c:
            while not is_over.is_set():
                c.send_request("POST", "/2015-03-31/functions/hello:live/invocations", [], b"{}", ADDRESS)
                mine[c.read_answer("POST").headers["x-amz-executed-version"]] += 1
        with lock:
            for version, nr in mine.items():
                counts[version] += nr

    def write(seed):
        nr = 0
        while nr < PER_WRITER:
            alias = ask(weir, "GET", path).json()
            share = (seed * 37 + nr * 13) % 99 / 100 + 0.005
            answer = ask(weir, "PUT", path, {
                "Description": str(int(alias["Description"] or 0) + 1), "RevisionId": alias["RevisionId"],
                "FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": share}},
            })
            assert answer.status in (200, 412), (answer, answer.body)
            if answer.status == 200:
                nr += 1
                headers = answer.headers
                with lock:
                    updates.append((int(headers["x-weir-generation"]), int(headers["x-weir-first-ticket"]), share))

    callers = [threading.Thread(target=invoke) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(i,)) for i in range(10)]
    for thread in callers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    is_over.set()
    for thread in callers:
        thread.join()
    # No update is lost: each has counted the one before.
    assert ask(weir, "GET", path).json()["Description"] == str(10 * PER_WRITER)
    # From each update's first ticket to that of the next, its weights count.
    updates.sort()
    firsts = [first for _, first, _ in updates] + [sum(counts.values())]
    assert firsts == sorted(firsts) and len({generation for generation, _, _ in updates}) == len(updates)
    due = sum((after - first) * share for (_, first, share), after in zip(updates, firsts[1:], strict=True))
    assert abs(counts["2"] - due) < 1


def test_reloads_and_changes_of_all_kinds_take_turns(lives):
    table = large("http://127.0.0.1:1", 1000)
    weir = lives.start(table)
    rounds = 12

    def make():
        for i in range(rounds):
            must(weir, "PUT", f"/functions/new{i}", {"versions": {"1": {"endpoints": ["http://127.0.0.1:2"]}}})

    def weigh():
        for i in range(rounds * 3):
            must(weir, "PUT", LIVE, {"weights": {"1": i, "2": 100 - i}})

    def reload():
        for i in range(rounds):
            table["functions"]["f0"]["concurrency"] = i
            weir.write_table(table)
            must(weir, "POST", "/reload")

    threads = [threading.Thread(target=f) for f in (make, weigh, reload)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lives.end()
    now = table_of(lives.start(table))["functions"]
    assert {f"new{i}" for i in range(rounds)} <= set(now) and now["f0"]["concurrency"] == rounds - 1
    assert now["hello"]["aliases"]["live"]["weights"] == {"1": rounds * 3 - 1, "2": 101 - rounds * 3}
