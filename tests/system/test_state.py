"""state.directory: one weir at a time, nothing that is damaged is taken for a fresh start, nothing is lost by kill -9."""

import concurrent.futures
import contextlib
import errno
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess

import pytest
from harness import places, tables
from harness.processes import Process, Weir
from harness.waiting import wait_until

TABLE = {"functions": {"hello": {"versions": {"1": {"endpoints": ["http://127.0.0.1:1"]}}}}}


def start(folder, state, table=None, **more):
    """weir with its state there; not waited for."""
    return Weir(folder, table or TABLE, arguments=("--state", state), wait=False, **more)


def ends_with(weir, *words):
    """It does not start, with status 1 and a log line that has all of the words."""
    assert weir.wait() == 1
    lines = [line for line in weir.stderr().splitlines() if " error " in line]
    assert len(lines) == 1 and all(str(word) in lines[0] for word in words), weir.stderr()


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def live(world, state):
    return world.weir(TABLE, arguments=("--state", state))


def test_a_first_start_makes_a_database_that_people_can_read(world, state):
    live(world, state)
    with sqlite3.connect(f"file:{state}/weir.db?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (0x77656972,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert {"resources", "named_values", "events"} <= {row[0] for row in db.execute("SELECT name FROM sqlite_schema")}
    assert {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()} == dict.fromkeys(
        [path.name for path in state.iterdir()], 0o600
    )


def test_a_second_weir_on_the_folder_is_refused_and_told_whose_it_is(world, tmp_path, state):
    first = live(world, state)
    second = start(tmp_path / "second", state)
    ends_with(second, state, f"process {first.pid}")
    assert first.admin("/readyz").status == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "drained"])
def test_the_folder_is_free_when_weir_has_ended(world, tmp_path, state, number):
    first = start(tmp_path / "first", state)
    first.wait_until_ready()
    first.signal(number)
    first.wait()
    assert (state / "weir.db-wal").exists() == (number == signal.SIGKILL)
    live(world, state)


def test_a_damaged_database_ends_the_start(tmp_path, state):
    (state / "weir.db").write_bytes(b"This was a letter to a friend. " * 400)
    ends_with(start(tmp_path / "weir", state), state / "weir.db", "no database")
    assert (state / "weir.db").read_bytes().startswith(b"This was")


def test_another_programs_database_ends_the_start(tmp_path, state):
    with sqlite3.connect(state / "weir.db") as db:
        db.execute("CREATE TABLE mine (x)")
    ends_with(start(tmp_path / "weir", state), state / "weir.db", "another program")


def test_a_newer_weirs_database_ends_the_start(tmp_path, state):
    first = start(tmp_path / "first", state)
    first.wait_until_ready()
    first.stop()
    with sqlite3.connect(state / "weir.db") as db:
        db.execute("PRAGMA user_version = 99")
    ends_with(start(tmp_path / "weir", state), state / "weir.db", "newer weir", 99)


def check(*arguments, before=()):
    return subprocess.run([*before, places.WEIR, "check", *map(str, arguments)], capture_output=True, text=True)


def test_check_finds_a_folder_that_is_missing_or_none(tmp_path, state):
    table = tmp_path / "table.json"
    table.write_text(json.dumps(TABLE))
    assert check("--table", table, "--state", state).returncode == 0
    assert not list(state.iterdir()), "a check changes nothing"
    for folder, words in ((tmp_path / "absent", "No such file"), (table, "no folder")):
        done = check("--table", table, "--state", folder)
        assert done.returncode == 1
        assert "$.state.directory" in done.stderr and str(folder) in done.stderr and words in done.stderr


def content(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@pytest.mark.parametrize("way", ["runs", "killed", "ended"])
def test_check_lays_what_the_api_changed_over_the_file(world, tmp_path, state, way):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    table = tmp_path / "table.json"
    table.write_text(json.dumps(tables.split(demos, {"1": 90, "2": 10})))
    strange = state.parent / "100%41?x#y"
    state.rename(strange)
    state = strange
    weir = start(tmp_path / "weir", state, table=json.loads(table.read_text()))
    weir.wait_until_ready()
    assert put_weights(weir, 50).status == 200
    if way != "runs":
        weir.signal(signal.SIGKILL if way == "killed" else signal.SIGTERM)
        weir.wait()
    before = content(state)
    done = check("--table", table, "--state", state)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "the documents are fine\n")
    # The alias has version 2 from the API, too; the file that takes it away cannot be started with.
    fewer = json.loads(table.read_text())
    del fewer["functions"]["hello"]["versions"]["2"]
    fewer["functions"]["hello"]["aliases"]["live"]["weights"] = {"1": 90, "2": 10}
    table.write_text(json.dumps(fewer))
    assert check("--table", table, "--state", state).returncode == 1
    fewer["functions"]["hello"]["aliases"]["live"]["weights"] = {"1": 100}
    table.write_text(json.dumps(fewer))
    done = check("--table", table, "--state", state)
    assert done.returncode == 0 and "hello alias live: the file says" in done.stdout and '"2":50' in done.stdout.replace(" ", "")
    if way != "runs":
        after = content(state)
        assert {**after, "weir.db-shm": 0} == {**before, "weir.db-shm": 0}, "a check changes nothing"
    else:
        weir.stop()


def test_check_finds_what_the_api_made_and_the_file_no_longer_bears(world, tmp_path, state):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    table = tmp_path / "table.json"
    document = tables.split(demos, {"1": 100})
    weir = world.weir(document, arguments=("--state", state))
    made = weir.admin("/functions/hello/aliases/made", "PUT", b'{"weights": {"2": 100}}', [("Content-Type", "application/json")])
    assert made.status == 200, made.body
    del document["functions"]["hello"]["versions"]["2"]
    table.write_text(json.dumps(document))
    assert check("--table", table).returncode == 0
    done = check("--table", table, "--state", state)
    assert done.returncode == 1 and "$.functions.hello.aliases.made: version 2 is gone from the file" in done.stderr, done.stderr


def test_check_finds_a_damaged_state(world, tmp_path, state):
    table = tmp_path / "table.json"
    table.write_text(json.dumps(TABLE))
    weir = start(tmp_path / "first", state)
    weir.wait_until_ready()
    weir.stop()
    for name in ("weir.db", "splits"):
        whole = (state / name).read_bytes()
        (state / name).write_bytes(b"x" * 100 + whole[100:])
        done = check("--table", table, "--state", state)
        assert done.returncode == 1 and "$.state.directory: " in done.stderr and str(state / name) in done.stderr, done.stderr
        (state / name).write_bytes(b"")
        assert check("--table", table, "--state", state).returncode == 1
        (state / name).write_bytes(whole)
    assert check("--table", table, "--state", state).returncode == 0
    with sqlite3.connect(state / "weir.db") as db:
        db.execute("PRAGMA user_version = 99")
    assert "newer weir" in check("--table", table, "--state", state).stderr


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root for a read-only mount")
def test_check_and_run_find_a_folder_that_cannot_be_written(tmp_path, state):
    table = tmp_path / "table.json"
    table.write_text(json.dumps(TABLE))
    script = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
    sealed = ["unshare", "--mount", "sh", "-c", script, state]
    done = check("--table", table, "--state", state, before=sealed)
    assert done.returncode == 1 and "Read-only file system" in done.stderr, done.stderr
    weir = start(tmp_path / "weir", state, command=[*sealed, places.WEIR, "run", "--table", table, "--state", state])
    ends_with(weir, state, "Read-only file system")


def test_a_reload_keeps_the_folder_and_says_so(world, tmp_path, state):
    weir = world.weir(TABLE, settings={"state": {"directory": str(state)}})
    other = {**weir.settings, "state": {"directory": str(tmp_path)}}
    weir.settings_path.write_text(json.dumps(other))
    assert weir.reload().status == 200
    weir.wait_for_words("state.directory")
    assert not (tmp_path / "weir.db").exists()


# ---- A disk that is full, or slow ----

LIVE = "/functions/hello/aliases/live"


def put_weights(weir, one):
    return weir.admin(LIVE, "PUT", json.dumps({"weights": {"1": one, "2": 100 - one}}).encode(), [("Content-Type", "application/json")])


def weight_of_one(weir):
    return json.loads(weir.admin(LIVE).body)["weights"]["1"]


def fill(folder):
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        for size in (65536, 4096):
            try:
                while ballast.write(bytes(size)) == size:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root for a small file system")
def test_a_full_disk_refuses_the_change_and_no_other_thing(world, state):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    script = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"'
    folder = world.folder / "weir"
    weir = Weir(folder, tables.split(demos, {"1": 90, "2": 10}), wait=False, command=[
        "unshare", "--mount", "sh", "-c", script, state, places.WEIR, "run", "--settings", folder / "settings.json", "--state", state,
    ])  # fmt: skip
    world.keep(weir)
    weir.wait_until_ready()
    weir.allow_error("cannot be kept")
    inside = pathlib.Path(f"/proc/{weir.pid}/root{state}")
    assert put_weights(weir, 80).status == 200
    fill(inside)
    for one in range(79, 20, -1):
        answer = put_weights(weir, one)
        if answer.status != 200:
            break
    assert answer.status >= 500 and b"full" in answer.body, answer
    assert weight_of_one(weir) == one + 1, "nothing of it is in force"
    assert weir.invoke("hello:live").status == 200
    weir.wait_for_words("cannot be kept")
    (inside / "ballast").unlink()
    assert put_weights(weir, 15).status == 200
    assert weight_of_one(weir) == 15
    weir.wait_for_words("works again")


needs_strace = pytest.mark.skipif(
    bool(places.SANITIZER) or not shutil.which("strace"), reason="sanitizers do not run under strace"
)


@contextlib.contextmanager
def disk(weir, tmp_path, calls, fault, files=()):
    """strace makes these calls of weir's, on these files, slow or failing."""
    arguments = ["-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"]
    for file in files:
        arguments += ["-P", file]
    tracer = Process(tmp_path, "strace", ["strace", "-f", "-qq", "-o", tmp_path / "trace", *arguments, "-p", weir.pid])
    try:
        wait_until(lambda: "TracerPid:\t0" not in pathlib.Path(f"/proc/{weir.pid}/status").read_text(), "strace is there")
        yield
    finally:
        tracer.signal(signal.SIGINT)
        tracer.wait()


@needs_strace
def test_nobody_but_the_change_waits_for_a_slow_disk(world, state, tmp_path):
    """Each wait for the disk is some seconds long."""
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    weir = world.weir(tables.split(demos, {"1": 90, "2": 10}), arguments=("--state", state))
    with disk(weir, tmp_path, "fdatasync,fsync", "delay_enter=3000000"), concurrent.futures.ThreadPoolExecutor() as pool:
        change = pool.submit(put_weights, weir, 50)
        for _ in range(20):
            assert weir.invoke("hello:live").status == 200
            assert weir.admin("/healthz").status == 200
        assert not change.done()
        assert change.result().status == 200
    assert weight_of_one(weir) == 50


@needs_strace
@pytest.mark.parametrize(("error", "words"), [("EROFS", "Read-only file system"), ("EIO", "Input/output error"), ("ENOSPC", "full")])
def test_a_disk_that_takes_no_more_refuses_the_change_and_no_other_thing(world, state, tmp_path, error, words):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    weir = world.weir(tables.split(demos, {"1": 90, "2": 10}), arguments=("--state", state))
    assert put_weights(weir, 80).status == 200
    weir.allow_error("cannot be kept")
    with disk(weir, tmp_path, "pwrite64,ftruncate", f"error={error}", [state / "weir.db", state / "weir.db-wal"]):
        for one in (70, 60):
            answer = put_weights(weir, one)
            assert answer.status == 503 and answer.headers["x-amzn-errortype"] == "ServiceException", answer
            assert words in answer.json()["Message"], answer.body
            assert weir.invoke("hello:live").status == 200
        event = weir.invoke("hello:live", headers=[("X-Amz-Invocation-Type", "Event")])
        assert event.status in (500, 503), event
        assert weight_of_one(weir) == 80
    weir.wait_for_words("cannot be kept")
    assert put_weights(weir, 50).status == 200
    weir.wait_for_words("works again")
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0
    again = world.weir(tables.split(demos, {"1": 90, "2": 10}), arguments=("--state", state))
    assert weight_of_one(again) == 50


@needs_strace
def test_a_change_that_the_disk_did_not_confirm_is_not_in_force_and_the_answer_says_so(world, state, tmp_path):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    weir = world.weir(tables.split(demos, {"1": 90, "2": 10}), arguments=("--state", state))
    weir.allow_error("cannot be kept")
    weir.allow_error("not known")
    with disk(weir, tmp_path, "fdatasync,fsync", "error=EIO", [state / "weir.db-wal"]):
        answer = put_weights(weir, 70)
        assert answer.status == 503 and "It is not known whether the change was stored" in answer.json()["Message"], answer.body
        assert weir.invoke("hello:live").status == 200
        assert weight_of_one(weir) == 90


def test_what_the_api_changed_survives_a_kill(world, state, tmp_path):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    table = tables.split(demos, {"1": 90, "2": 10})
    weir = start(tmp_path / "first", state, table=table)
    weir.wait_until_ready()
    for one in (80, 70, 61):
        assert put_weights(weir, one).status == 200
    weir.signal(signal.SIGKILL)
    weir.wait()
    again = world.weir(table, arguments=("--state", state))
    assert weight_of_one(again) == 61
