"""state.directory: one weir at a time, nothing that is damaged is taken for a fresh start, nothing is lost by kill -9."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess

import pytest
from harness import places
from harness.processes import Weir

TABLE = {"functions": {"hello": {"versions": {"1": {"endpoints": ["http://127.0.0.1:1"]}}}}}


def start(folder, state, **more):
    """weir with its state there; not waited for."""
    return Weir(folder, TABLE, arguments=("--state", state), wait=False, **more)


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
