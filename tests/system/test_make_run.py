"""`make run`: the first thing a newcomer does, followed to the end of what it advises.

It uses fixed ports. As root each test has a network namespace of its own, where they are free; else it is skipped while one of
them is taken."""

import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from harness import places
from harness.processes import Process
from harness.waiting import wait_until

PORTS = (8080, 9901, 9001, 9002)
SCRIPT = places.ROOT / "scripts" / "run-demo.sh"

# Brings the loopback interface of a new namespace up (SIOCSIFFLAGS with IFF_UP), then becomes the program.
WITH_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1))
os.execvp(sys.argv[1], sys.argv[1:])
"""
ALONE = ["unshare", "--net", "--", sys.executable, "-c", WITH_LOOPBACK] if os.geteuid() == 0 else []


def listening_ports(pid="self"):
    text = "".join(pathlib.Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return {int(match, 16) for match in re.findall(r":([0-9A-F]{4}) [0-9A-F]+:0000 0A ", text)}


pytestmark = [
    pytest.mark.skipif(places.WEIR != places.ROOT / "build" / "weir", reason="it runs the release build"),
    pytest.mark.skipif(not ALONE and bool(listening_ports() & set(PORTS)), reason=f"one of the ports {PORTS} is taken"),
]


def children_of(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Demo(Process):
    """A running `make run`."""

    def __init__(self, folder):
        super().__init__(folder, "make-run", [*ALONE, SCRIPT])
        # It may have to build first.
        wait_until(lambda: "Ctrl-C ends" in self.stdout() or not self.is_running(), "make run is ready", 300)
        assert self.is_running(), self.stderr()

    def shell(self, command):
        """What the command prints, run where the demo's ports are."""
        inside = ["nsenter", "--net", "--target", str(self.pid), "--"] if ALONE else []
        done = subprocess.run([*inside, "bash", "-c", command], capture_output=True, text=True, cwd=places.ROOT)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


@pytest.fixture
def demo(tmp_path):
    demo = Demo(tmp_path)
    yield demo
    if demo.is_running():
        demo.signal(signal.SIGTERM)
        demo.wait()


def counts(text):
    """{version: number} of lines that uniq -c made of header lines."""
    return {match[2]: int(match[1]) for match in re.finditer(r"(\d+) \S+: (\d+)", text)}


def test_all_that_it_advises_works_and_ctrl_c_ends_everything(demo):
    advice = demo.stdout()
    invoke, route = re.findall(r"^ +(curl -i .*)$", advice, re.MULTILINE)
    hundred = re.search(r"^ +(for i in .*)$", advice, re.MULTILINE)[1]
    change = re.search(r"^ +(curl -X PUT .*)$", advice, re.MULTILINE)[1]
    metrics = re.search(r"Metrics: +(curl .*)$", advice, re.MULTILINE)[1]
    table = re.search(r"The table in force: +(curl .*)$", advice, re.MULTILINE)[1]
    log = re.search(r"The access log: +tail -f (.*)$", advice, re.MULTILINE)[1]
    generation = f"{metrics} -s | grep ^weir_table_generation"

    for command in (invoke, route):
        assert re.search(r"(?i)^x-amz-executed-version: [12]\r?$", demo.shell(command), re.MULTILINE)
    assert counts(demo.shell(hundred)) == {"1": 95, "2": 5}
    before = demo.shell(generation)
    demo.shell(change)
    assert demo.shell(generation) != before
    assert counts(demo.shell(hundred)) == {"1": 50, "2": 50}
    assert '"hello"' in demo.shell(f"{table} -s")
    wait_until(lambda: len((places.ROOT / log).read_text().splitlines()) == 202, "all invocations are in the access log")

    children = children_of(demo.pid)
    assert len(children) == 3
    assert listening_ports(demo.pid) >= set(PORTS)
    demo.signal(signal.SIGINT)
    assert demo.wait() == 0, demo.stderr()
    assert not [pid for pid in children if pathlib.Path(f"/proc/{pid}").exists()]


def commands_of_the_readme():
    """What a reader pastes, all of it at once: every line behind a prompt but the first, which is `make run` itself."""
    text = (places.ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## From nothing to a changed split\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)[1]
    first, *others = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    assert first.endswith("make run") and len(others) >= 6
    printed = [counts(block) for block in re.findall(r"((?:^ +\d+ x-amz-executed-version: \d+\n)+)", section, re.MULTILINE)]
    return others, printed


def test_the_readme_pasted_as_one_block_prints_what_it_says(demo):
    """No time passes between a change and the count behind it."""
    commands, printed = commands_of_the_readme()
    assert printed == [{"1": 95, "2": 5}, {"1": 50, "2": 50}, {"1": 80, "2": 20}]
    text = demo.shell("set -e\n" + "\n".join(commands))
    blocks = re.findall(r"((?:^ +\d+ \S+: \d+\r?\n)+)", text, re.MULTILINE)
    assert [counts(block) for block in blocks] == printed, text
    assert re.search(r"(?i)^x-amz-executed-version: [12]\r?$", text, re.MULTILINE)


def test_the_readmes_check_of_ones_own_table_is_on_the_path_that_it_names(tmp_path):
    text = (places.ROOT / "README.md").read_text(encoding="utf-8")
    check = re.search(r"`(\S+ check --table table.json) && ", text)[1]
    (tmp_path / "table.json").write_text(re.search(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[1])
    (tmp_path / "build").symlink_to(places.ROOT / "build")
    done = subprocess.run(check.split(), capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "the documents are fine\n")


def test_a_port_that_is_taken_is_named():
    hold = "import socket, subprocess, sys; s = socket.create_server(('127.0.0.1', 9001)); sys.exit(subprocess.call(sys.argv[1:]))"
    done = subprocess.run([*ALONE, sys.executable, "-c", hold, SCRIPT], capture_output=True, text=True)
    assert done.returncode == 1
    assert "port 9001" in done.stderr
