"""The process log: what weir has to say on standard error, and that nobody waits for who reads it."""

import fcntl
import os
import re
import signal
import subprocess
import termios

import pytest
from harness import tables
from harness.places import SANITIZER, WEIR
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

PIPE_BYTES = 4096


class Pipe:
    """A pipe for standard error, with little room; full: nothing is read from it, and nothing fits in."""

    def __init__(self, is_full=False):
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        if is_full:
            os.write(self.writer, b"-" * (PIPE_BYTES - 1) + b"\n")

    def read(self):
        """What is in it now and comes soon after."""
        os.set_blocking(self.reader, False)
        text = b""

        def read_some():
            nonlocal text
            try:
                piece = os.read(self.reader, 65536)
            except BlockingIOError:
                return True
            text += piece
            return not piece

        wait_until(read_some, "the pipe is empty")
        return text.decode()

    def read_to_end(self):
        """All, when everybody who could write to it has ended."""
        os.close(self.writer)
        os.set_blocking(self.reader, True)
        with os.fdopen(self.reader, "rb") as f:
            return f.read().decode()

    def close(self):
        for fd in (self.reader, self.writer):
            try:
                os.close(fd)
            except OSError:
                pass


@pytest.fixture
def stalled():
    pipe = Pipe(is_full=True)
    yield pipe
    pipe.close()


def messages(text):
    return [line.split(" ", 1)[1] for line in text.splitlines() if re.match(r"\d{4}-\d\d-\d\dT", line)]


def broken_table(nr):
    """A table with so many problems, each of which is a line of the log."""
    return {"functions": {f"f{i}": {"versions": {"1": {"endpoints": ["nonsense"]}}} for i in range(nr)}}


def speaks_clear(world):
    """The URL of an https endpoint that speaks http."""

    def answer(c):
        c.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        c.wait_for_end()

    return world.fake(answer).url.replace("http:", "https:")


@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's report would find the pipe full")
def test_a_standard_error_that_nobody_reads_stops_nothing(world, stalled):
    demo = world.demo()
    weir = world.weir(tables.one(demo), stderr=stalled.writer)
    assert weir.call().status == 200
    for _ in range(6):
        assert weir.reload(broken_table(600)).status == 400
    assert weir.metrics().value("weir_log_lost_lines_total") > 0
    with weir.connect() as fresh:
        fresh.send_request()
        assert fresh.read_answer().status == 200
    assert weir.reload(tables.one(demo)).status == 200
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0


@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's report would find the terminal held")
@pytest.mark.parametrize("is_held", [True, False])
def test_a_terminal_that_takes_no_more_stops_nothing(world, is_held):
    """Held (Ctrl-S), or its other end is not read: then a write to it hangs for ever, whatever poll had said."""
    master, slave = os.openpty()
    if is_held:
        termios.tcflow(slave, termios.TCOOFF)
    demo = world.demo()
    weir = world.weir(tables.one(demo), stderr=slave)
    for _ in range(6):
        assert weir.reload(broken_table(600)).status == 400
    assert weir.metrics().value("weir_log_lost_lines_total") > 0
    assert weir.call().status == 200
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0
    os.close(slave)
    os.close(master)


@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's report would find the pipe full")
def test_a_worker_that_warns_of_every_connection_stops_nobody(world, stalled):
    """An https endpoint that speaks http: each invocation fails and is worth a warning."""
    table = tables.table(
        {"hello": tables.function({"1": world.demo()}), "wrong": tables.function({"1": speaks_clear(world)})},
        [tables.route("/", qualifier="1"), tables.route("/wrong", "wrong", "1")],
    )
    weir = world.weir(table, {"upstream": {"retries": 0}}, workers=1, stderr=stalled.writer)
    with weir.connect() as c:
        for _ in range(50):
            c.send_request(target="/wrong")
            assert c.read_answer().status == 502
    assert weir.call().status == 200
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0


def test_warnings_of_connections_are_one_a_second_and_endpoint(world):
    weir = world.weir(tables.one(speaks_clear(world)), {"upstream": {"retries": 0}}, workers=1)
    with weir.connect() as c:

        def is_counted():
            for _ in range(20):
                c.send_request()
                assert c.read_answer().status == 502
            return "more such since the last line)" in weir.stderr()

        wait_until(is_counted, "a second line says how many were left out")
    lines = [m for m in messages(weir.stderr()) if m.startswith("warning TLS with ")]
    failures = weir.metrics().value("weir_errors_total", reason="tls")
    told = sum(1 + int((re.search(r"\(and (\d+) more", line) or [0, 0])[1]) for line in lines)
    assert len(lines) <= failures / 5 and told <= failures


def test_a_reader_that_returns_is_told_how_many_lines_were_lost(world, stalled):
    weir = world.weir(tables.one(world.demo()), stderr=stalled.writer)
    for _ in range(6):
        assert weir.reload(broken_table(600)).status == 400
    assert weir.metrics().value("weir_log_lost_lines_total") > 0
    text = ""

    def is_told():
        nonlocal text
        text += stalled.read()
        told = sum(map(int, re.findall(r"warning (\d+) lines? of this log were lost", text)))
        return told > 0 and told == weir.metrics().value("weir_log_lost_lines_total")

    wait_until(is_told, "the log says how many lines were lost")
    first = messages(text)
    assert first[0].startswith("info listening on ") or first[0].startswith("info admin on ")
    for line in text.splitlines()[1:]:
        assert re.match(r"\d{4}-\d\d-\d\dT\S+ (info|warning|error) ", line), line
    weir.signal(signal.SIGTERM)

    def has_ended():
        stalled.read()
        return not weir.is_running()

    wait_until(has_ended, "weir has ended")
    assert weir.wait() == 0


def test_errors_at_the_start_are_all_there_and_in_order_before_the_end(world):
    pipe = Pipe()
    weir = world.weir(broken_table(200), stderr=pipe.writer, wait=False)
    world.things.remove(weir)
    text = pipe.read_to_end()
    assert weir.wait() == 1
    named = [int(n) for n in re.findall(r"error cannot start: .*functions\.f(\d+)\.", text)]
    assert named == list(range(200))


def test_of_very_many_problems_the_log_has_the_first_and_their_number(world):
    weir = world.weir(broken_table(700), wait=False)
    world.things.remove(weir)
    assert weir.wait() == 1
    assert weir.stderr().count("error cannot start: ") == 501
    assert "200 more problems; `weir check` prints them all" in weir.stderr()
    checked = subprocess.run(
        [WEIR, "check", "--settings", weir.settings_path], capture_output=True, text=True, cwd=weir.folder
    )
    assert checked.returncode == 1 and "700 problems" in checked.stderr and checked.stderr.count("\n") == 701


@pytest.mark.parametrize("stderr", ["/dev/full", None])
def test_a_standard_error_that_takes_nothing_stops_nothing(world, stderr):
    """/dev/full, and a pipe whose reader has gone."""
    if stderr:
        fd = os.open(stderr, os.O_WRONLY)
    else:
        reader, fd = os.pipe()
        os.close(reader)
    weir = world.weir(tables.one(world.demo()), stderr=fd)
    os.close(fd)
    assert weir.call().status == 200
    assert weir.reload().status == 200
    wait_until(lambda: weir.metrics().value("weir_log_lost_lines_total") > 0, "lines are counted as lost")
    weir.stop()


def test_closed_standard_descriptors_are_no_sockets(world):
    """What is meant for people must not go to a client whose connection has the number 1 or 2."""
    demo = world.demo()
    folder = world.folder / "weir-1"
    weir = world.weir(
        tables.one(demo),
        {"log": {"access": "-"}},
        workers=1,
        command=["/bin/sh", "-c", f'exec "{WEIR}" run --settings "{folder / "settings.json"}" <&- >&- 2>&-'],
    )
    for fd in range(3):
        assert os.readlink(f"/proc/{weir.pid}/fd/{fd}") == "/dev/null"
    assert weir.call().status == 200
    weir.stop()


def test_one_reader_of_both_logs_that_stalls_holds_the_end_up_for_seconds_only(world, stalled):
    weir = world.weir(tables.one(world.demo()), {"log": {"access": "-"}}, stderr=stalled.writer, stdout=stalled.writer)
    for _ in range(10):
        assert weir.call().status == 200
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0


def test_the_log_file_has_a_size_limit(world):
    """A write beyond RLIMIT_FSIZE is an error, not a signal that ends weir."""
    demo = world.demo()
    folder = world.folder / "weir-1"
    # In units of 512 bytes; the documents are written by the test itself.
    weir = world.weir(
        tables.one(demo),
        workers=1,
        command=["/bin/sh", "-c", f'ulimit -f 8; exec "{WEIR}" run --settings "{folder / "settings.json"}"'],
    )
    weir.allow_error("access log|too large")
    for _ in range(60):
        assert weir.call().status == 200
    weir.wait_for_words("cannot be written: File too large")
    assert weir.call().status == 200
    weir.stop()
