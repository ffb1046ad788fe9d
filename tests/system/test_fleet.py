"""Several weirs share one table through etcd: a change by any of them is in force on all, and what happens where etcd is away, slow,
empty or full of nonsense. A relay lies between each weir and etcd."""

import concurrent.futures
import json
import shutil
import signal
import subprocess

import pytest
from harness import places, tables
from harness.etcd import Etcd
from harness.fleet import JSON, MINE, NEXT, Fleet, dump, refused, table, weights_of
from harness.processes import Weir
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed")

@pytest.fixture
def fleet(world):
    return Fleet(world)


# ---- Changes ----


def test_of_several_that_start_on_an_empty_store_one_sows_the_table(fleet):
    assert sum("etcd had no table" in member.stderr() for member in fleet.members) == 1
    fleet.wait_until_all_agree()
    assert fleet.members[0].admin("/table").body == fleet.members[2].admin("/table").body


def test_a_change_is_in_force_on_all_under_the_same_generation_and_revision(fleet):
    before = fleet.wait_until_all_agree()
    answer = fleet.put(1, {"1": 60, "2": 40})
    assert answer.status == 200
    generation = int(answer.headers["x-weir-generation"])
    assert generation > before
    assert fleet.look(1)[0] == generation
    fleet.wait_until_all_agree(generation)
    assert weights_of(fleet.look(2)[1]) == {"1": 60, "2": 40}


def test_a_revision_that_is_not_the_latest_is_refused_by_any_member(fleet):
    old = fleet.look(0)[1]["RevisionId"]
    assert fleet.put(0, {"1": 50, "2": 50}).status == 200
    fleet.wait_until_all_agree()
    for i in range(3):
        answer = fleet.members[i].admin(NEXT, "PUT", dump({"Description": "x", "RevisionId": old}), JSON)
        assert answer.status == 412, answer.body


def test_no_update_of_many_writers_is_lost(fleet):
    rounds = places.scaled(8, 3)

    def write(i):
        member = fleet.members[i % 3]
        for _ in range(rounds):
            while True:
                now = member.admin(NEXT).json()
                count = int(now.get("Description") or 0) + 1
                body = dump({"Description": str(count), "RevisionId": now["RevisionId"]})
                answer = member.admin(NEXT, "PUT", body, JSON)
                if answer.status == 200:
                    break
                # A busy machine may keep etcd from answering in time: then it must be certain that nothing has changed.
                assert answer.status == 412 or b"nothing has changed" in answer.body, answer.body

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(write, i) for i in range(12)]:
            done.result()
    fleet.wait_until_all_agree()
    assert fleet.look(0)[1]["Description"] == str(12 * rounds)


def test_functions_and_routes_come_and_go_everywhere_and_other_revisions_stay(fleet):
    revision = fleet.look(0)[1]["RevisionId"]
    fresh = tables.function({"1": "http://127.0.0.1:1"}, {"live": {"1": 100}})
    assert fleet.members[0].admin("/functions/fresh", "PUT", dump(fresh), JSON).status in (200, 201)
    generation = fleet.wait_until_all_agree()
    assert all(m.admin("/functions/fresh").status == 200 for m in fleet.members)
    assert fleet.members[2].admin("/functions/fresh", "DELETE").status in (200, 204)
    assert fleet.wait_until_all_agree() > generation
    wait_until(lambda: all(m.admin("/functions/fresh").status == 404 for m in fleet.members), "the function has gone")
    assert fleet.look(1)[1]["RevisionId"] == revision


def apply(member, path):
    command = [places.WEIR, "apply", "--table", path, "--admin", f"{places.ADDRESS}:{member.admin_port}"]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


def test_a_whole_table_goes_through_any_member_or_its_problems_come_back(fleet, tmp_path):
    path = tmp_path / "next.json"
    path.write_text(json.dumps(table(weights={"1": 10, "2": 90})))
    done = apply(fleet.members[2], path)
    assert done.returncode == 0 and "alias hello live" in done.stdout, done
    generation = fleet.wait_until_all_agree()
    path.write_text('{"functions": {"hello": {"versions": {"1": {"endpoints": 7}}}}}')
    done = apply(fleet.members[1], path)
    assert done.returncode == 1 and "$.functions.hello.versions" in done.stderr, done
    assert fleet.wait_until_all_agree() == generation


def test_a_table_of_many_pieces_is_switched_to_at_once_and_one_of_it_changed(world, tmp_path):
    fleet = Fleet(world, nr=2)
    nr = places.scaled(6000, 1500)
    many = tables.function({"1": "http://127.0.0.1:1"}, {f"a{i}": {"1": 100} for i in range(nr)})
    path = tmp_path / "next.json"
    path.write_text(json.dumps(table(more={"many": many})))
    done = apply(fleet.members[0], path)
    assert done.returncode == 0, done.stderr
    fleet.wait_until_all_agree()
    last = f"/functions/many/aliases/a{nr - 1}"
    assert fleet.members[1].admin(last).status == 200
    keys = fleet.etcd.keys("/weir/p/")
    assert len(keys) == 256 and all(len(value) < 1400 * 1024 for value in keys.values())
    answer = fleet.members[1].admin(last, "PUT", dump({"weights": {"1": 100}, "description": "other"}), JSON)
    assert answer.status in (200, 400)
    fleet.wait_until_all_agree()
    assert len(fleet.etcd.keys("/weir/p/")) == 256  # what was replaced has gone


# ---- When etcd is away ----


def test_what_is_in_force_stays_while_etcd_is_away_and_changes_are_refused(world):
    fleet = Fleet(world, nr=2, endpoint=world.demo("1").url)
    fleet.relays[0].cut()
    fleet.wait_until_down(0)
    member = fleet.members[0]
    assert member.admin("/readyz").status == 200
    assert all(member.invoke("hello", query="?Qualifier=live").status == 200 for _ in range(20))
    refused(fleet.put(0, {"1": 1, "2": 99}), "nothing has changed")
    assert fleet.put(1, {"1": 30, "2": 70}).status == 200
    fleet.relays[0].heal()
    fleet.wait_until_up(0)
    fleet.wait_until_all_agree()
    assert weights_of(fleet.look(0)[1]) == {"1": 30, "2": 70}
    assert fleet.put(0, {"1": 20, "2": 80}).status == 200
    fleet.wait_until_all_agree()


def test_a_change_that_etcd_does_not_answer_says_that_its_fate_is_unknown(fleet):
    fleet.relays[0].stall()
    refused(fleet.put(0, {"1": 1, "2": 99}))
    fleet.wait_until_down(0)
    assert fleet.put(1, {"1": 30, "2": 70}).status == 200
    refused(fleet.put(0, {"1": 1, "2": 99}), "nothing has changed")
    fleet.relays[0].heal()
    fleet.wait_until_up(0)
    fleet.wait_until_all_agree()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["paused", "killed"])
def test_etcd_may_stop_and_all_agree_when_it_is_back(fleet, number):
    answered = int(fleet.put(0, {"1": 42, "2": 58}).headers["x-weir-generation"])
    fleet.etcd.signal(number)
    for i in range(3):
        fleet.wait_until_down(i)
        refused(fleet.put(i, {"1": 1, "2": 99}), "nothing has changed")
    if number == signal.SIGKILL:
        fleet.etcd.wait()
        fleet.etcd.start()
    else:
        fleet.etcd.signal(signal.SIGCONT)
    for i in range(3):
        fleet.wait_until_up(i)
    assert fleet.wait_until_all_agree() >= answered
    assert fleet.put(2, {"1": 41, "2": 59}).status == 200
    fleet.wait_until_all_agree()


def test_a_member_that_missed_what_was_compacted_meanwhile_reads_all_anew(fleet):
    fleet.relays[0].cut()
    fleet.wait_until_down(0)
    for i in range(5):
        assert fleet.put(1, {"1": 50 + i, "2": 50 - i}).status == 200
    fleet.etcd.ask("kv/compaction", revision=str(fleet.etcd.revision()))
    fleet.relays[0].heal()
    fleet.wait_until_up(0)
    fleet.wait_until_all_agree()
    assert weights_of(fleet.look(0)[1]) == {"1": 54, "2": 46}
    assert fleet.put(1, {"1": 10, "2": 90}).status == 200
    fleet.wait_until_all_agree()


def test_etcd_that_lost_its_data_is_filled_by_an_apply_though_the_revision_is_lower(fleet, tmp_path):
    for i in range(4):
        assert fleet.put(0, {"1": 50 + i, "2": 50 - i}).status == 200
    before = fleet.wait_until_all_agree()
    for member in fleet.members:
        member.allow_error("etcd has no table under /weir/table")
    fleet.etcd.lose_everything()
    for member in fleet.members:
        member.wait_for_words("etcd has no table under /weir/table")
    refused(fleet.put(0, {"1": 1, "2": 99}), "no table", "nothing has changed")
    assert fleet.wait_until_all_agree() == before
    path = tmp_path / "same.json"
    path.write_text(fleet.members[0].admin("/table").body.decode())
    done = apply(fleet.members[0], path)
    assert done.returncode == 0, done.stderr
    after = fleet.wait_until_all_agree()
    assert after < before
    assert weights_of(fleet.look(2)[1]) == {"1": 53, "2": 47}
    assert fleet.put(1, {"1": 5, "2": 95}).status == 200
    fleet.wait_until_all_agree()


@pytest.mark.parametrize(
    "garbage",
    ["nonsense", '{"change":"0123456789abcdef","by":"x","pieces":{"00":"0123456789abcdef"}}'],
    ids=["no json", "pieces that are not there"],
)
def test_what_is_no_right_table_in_etcd_changes_nothing_until_it_is_replaced(fleet, tmp_path, garbage):
    before = fleet.wait_until_all_agree()
    for member in fleet.members:
        member.allow_error("is no right table")
    fleet.etcd.put("/weir/table", garbage)
    rejected = 'weir_table_reloads_total{result="rejected"} 1'
    wait_until(lambda: all(rejected in m.metrics().text for m in fleet.members), "all have rejected it")
    refused(fleet.put(0, {"1": 1, "2": 99}), "no right table", "nothing has changed")
    assert fleet.wait_until_all_agree() == before
    path = tmp_path / "same.json"
    path.write_text(fleet.members[0].admin("/table").body.decode())
    done = apply(fleet.members[1], path)
    assert done.returncode == 0, done.stderr
    assert fleet.wait_until_all_agree() > before
    assert fleet.put(2, {"1": 3, "2": 97}).status == 200
    fleet.wait_until_all_agree()


# ---- Starts ----


def test_a_start_without_etcd_serves_the_copy_under_its_generation_and_revisions(fleet):
    assert fleet.put(0, {"1": 33, "2": 67}).status == 200
    generation = fleet.wait_until_all_agree()
    was = fleet.look(1)
    fleet.members[1].stop()
    fleet.relays[1].cut()
    fleet.members[1] = fleet.member(1, start_wait_s=0)
    fleet.members[1].wait_until_ready()
    assert fleet.look(1) == was
    refused(fleet.put(1, {"1": 1, "2": 99}), "nothing has changed")
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in fleet.states[1].iterdir())
    fleet.relays[1].heal()
    fleet.wait_until_up(1)
    wait_until(lambda: fleet.put(1, {"1": 22, "2": 78}).status == 200, "a change is taken again")
    assert fleet.wait_until_all_agree() > generation


def test_a_start_without_etcd_and_without_a_copy_ends_with_both_named(world):
    fleet = Fleet(world, nr=1)
    fleet.members[0].stop()
    fleet.relays[0].cut()
    shutil.rmtree(fleet.states[0])
    fleet.states[0].mkdir()
    late = fleet.member(0, start_wait_s=0)
    assert late.wait() == 1
    assert "etcd at" in late.stderr() and "state.directory has no copy" in late.stderr(), late.stderr()
    fleet.world.things.remove(late)


def test_a_later_member_takes_the_store_s_table_and_not_its_file_s(world):
    fleet = Fleet(world, nr=2)
    assert fleet.put(0, {"1": 33, "2": 67}).status == 200
    generation = fleet.wait_until_all_agree()
    fleet.members[1].stop()
    fleet.document = table(weights={"1": 1, "2": 99})
    fleet.members[1] = fleet.member(1)
    fleet.members[1].wait_until_ready()
    assert fleet.wait_until_all_agree() == generation
    assert weights_of(fleet.look(1)[1]) == {"1": 33, "2": 67}


def test_the_next_endpoint_is_asked_where_one_fails(world):
    etcd = world.keep(Etcd(world.folder / "etcd-home"))
    (world.folder / "state").mkdir()
    settings = {
        "state": {"directory": str(world.folder / "state")},
        "store": {"etcd": {"endpoints": ["http://127.0.0.1:1", etcd.url]}},
    }
    weir = world.weir(table(), settings)
    answer = weir.admin(MINE, "PUT", dump({"weights": {"1": 50, "2": 50}}), JSON)
    assert answer.status == 200, answer.body


def test_a_user_s_password_is_told_to_etcd_and_to_nobody_else(world):
    etcd = world.keep(Etcd(world.folder / "etcd-home"))
    etcd.ask("auth/user/add", name="root", password="sesame-open")
    etcd.ask("auth/role/add", name="root")
    etcd.ask("auth/user/grant", user="root", role="root")
    etcd.ask("auth/enable")
    password = world.folder / "password"
    password.touch(mode=0o600)
    password.write_text("wrong-word\n")
    (world.folder / "state").mkdir()
    settings = {
        "state": {"directory": str(world.folder / "state")},
        "store": {"etcd": {"endpoints": [etcd.url], "username": "root", "password_file": str(password)}},
    }
    weir = Weir(world.folder / "wrong", table(), settings, wait=False)
    assert weir.wait() == 1
    assert "invalid user ID or password" in weir.stderr() and "wrong-word" not in weir.stderr()
    password.write_text("sesame-open\n")
    weir = world.weir(table(), settings)
    assert weir.admin(MINE, "PUT", dump({"weights": {"1": 50, "2": 50}}), JSON).status == 200
    for page in ("/settings", "/metrics", "/table"):
        assert b"sesame" not in weir.admin(page).body
    assert "sesame" not in weir.stderr()
