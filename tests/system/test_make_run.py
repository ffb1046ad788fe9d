"""`make run`: the first thing a newcomer does, followed to the end of what it advises."""

import os
import pathlib
import re
import signal
import subprocess

import pytest
from harness import places
from harness.processes import Process
from harness.waiting import wait_until

PORTS = (8080, 9901, 9001, 9002)
SCRIPT = places.ROOT / "scripts" / "run-demo.sh"


def listening_ports():
    text = "".join(pathlib.Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return {int(match, 16) for match in re.findall(r":([0-9A-F]{4}) [0-9A-F]+:0000 0A ", text)}


pytestmark = [
    pytest.mark.skipif(places.WEIR != places.ROOT / "build" / "weir", reason="it runs the release build"),
    pytest.mark.skipif(bool(listening_ports() & set(PORTS)), reason=f"one of the ports {PORTS} is taken"),
]


def shell(command):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=places.ROOT)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def children_of(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def demo(tmp_path):
    process = Process(tmp_path, "make-run", [SCRIPT])
    try:
        wait_until(lambda: "Ctrl-C ends" in process.stdout() or not process.is_running(), "make run is ready", 300)
        assert process.is_running(), process.stderr()
        yield process
    finally:
        if process.is_running():
            process.signal(signal.SIGTERM)
            process.wait()


def test_all_that_it_advises_works_and_ctrl_c_ends_everything(demo):
    advice = demo.stdout()
    invoke, route = re.findall(r"^ +(curl -i .*)$", advice, re.MULTILINE)
    hundred = re.search(r"^ +(for i in .*)$", advice, re.MULTILINE)[1]
    change = re.search(r"^ +(sed -i .*)$", advice, re.MULTILINE)[1]
    metrics = re.search(r"Metrics: +(curl .*)$", advice, re.MULTILINE)[1]
    table = re.search(r"The table in force: +(curl .*)$", advice, re.MULTILINE)[1]
    log = re.search(r"The access log: +tail -f (.*)$", advice, re.MULTILINE)[1]

    for command in (invoke, route):
        assert re.search(r"(?i)^x-amz-executed-version: [12]\r?$", shell(command), re.MULTILINE)
    assert counts(shell(hundred)) == {"1": 95, "2": 5}
    generation = shell(metrics + " -s | grep ^weir_table_generation")
    shell(change)
    wait_until(lambda: shell(metrics + " -s | grep ^weir_table_generation") != generation, "the new weights are in force")
    assert counts(shell(hundred)) == {"1": 50, "2": 50}
    assert '"hello"' in shell(table + " -s")
    wait_until(lambda: len((places.ROOT / log).read_text().splitlines()) == 202, "the access log has all invocations")

    children = children_of(demo.pid)
    assert len(children) == 3
    demo.signal(signal.SIGINT)
    assert demo.wait() == 0, demo.stderr()
    assert not [pid for pid in children if pathlib.Path(f"/proc/{pid}").exists()]
    assert not listening_ports() & set(PORTS)


def counts(text):
    """{version: number} of lines that uniq -c made of header lines."""
    return {match[2]: int(match[1]) for match in re.finditer(r"(\d+) \S+: (\d+)", text)}


def test_a_port_that_is_taken_is_named(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 9001))
        taken.listen()
        done = subprocess.run([SCRIPT], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1
    assert "port 9001" in done.stderr
