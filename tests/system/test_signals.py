"""Signals: one that arrives at any moment does what it should."""

import os
import re
import shutil
import signal
import subprocess

import pytest
from harness import tables
from harness.places import ADDRESS, WEIR
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

ENDS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
IGNORED = ["USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "RTMIN"]


def blocking(numbers):
    """A command that starts weir with signals blocked: what arrives before its first instruction waits."""
    script = (
        "import os, signal, sys\n"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, {[int(n) for n in numbers]})\n"
        f"for n in {[int(n) for n in numbers]}: os.kill(os.getpid(), n)\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    return [shutil.which("python3"), "-c", script]


def start(world, before=(), settings=None, table=None, **more):
    path = world.folder / "weir-1" / "settings.json"
    command = [*before, WEIR, "run", "--settings", path]
    return world.weir(table or tables.one(world.demo()), settings, command=command, **more)


def slow_start(tmp_path):
    """Arguments of start for a weir whose start takes for ever: the system's authorities are in a pipe."""
    pipe = tmp_path / "authorities"
    os.mkfifo(pipe)
    env = {**os.environ, "SSL_CERT_FILE": str(pipe), "SSL_CERT_DIR": str(tmp_path)}
    return {"table": tables.one(f"https://{ADDRESS}:1"), "env": env, "wait": False}


@pytest.mark.parametrize("number", ENDS)
def test_each_signal_of_the_end_drains(world, number):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect() as c:
        c.send_request("POST", headers=[("Content-Length", "2")])
        c.send(b"a")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
        weir.signal(number)
        weir.wait_for_words("draining: ")
        c.send(b"b")
        assert c.read_answer().status == 200
    weir.stop(number)
    assert "drained, bye" in weir.stderr()


@pytest.mark.parametrize("name", IGNORED)
def test_a_signal_without_use_is_logged_and_ignored(world, name):
    weir = world.weir(tables.one(world.demo()))
    number = getattr(signal, f"SIG{name}", 16)
    weir.signal(number)
    words = {"RTMIN": f"signal {int(number)}", "IO": "SIGPOLL"}.get(name, f"SIG{name}")
    weir.wait_for_words(f"{words} is ignored")
    assert weir.call().status == 200


def test_a_window_that_changes_its_size_is_no_news(world):
    weir = world.weir(tables.one(world.demo()))
    weir.signal(signal.SIGWINCH)
    weir.signal(signal.SIGUSR2)
    weir.wait_for_words("SIGUSR2 is ignored")
    assert "WINCH" not in weir.stderr()


def test_sighup_before_weir_is_ready_is_a_reload_once_it_is(world):
    weir = start(world, blocking([signal.SIGHUP]))
    weir.wait_for_words("weir is ready")
    wait_until(lambda: weir.metrics().value("weir_table_reloads_total", result="ok") >= 1, "the table was read again")
    assert weir.call().status == 200


def test_other_signals_before_weir_is_ready_do_no_harm(world):
    weir = start(world, blocking([signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM]))
    assert weir.call().status == 200
    weir.wait_for_words("SIGUSR2 is ignored")


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_of_the_end_before_the_start_is_complete_ends_weir(world, number):
    weir = start(world, blocking([number]), wait=False)
    assert weir.wait() == 0
    weir.check_end(0)
    assert re.search(r"ended by SIG\w+ before it was ready|drained, bye", weir.stderr()), weir.stderr()


def test_a_start_that_takes_long_ends_at_once(world, tmp_path):
    weir = start(world, **slow_start(tmp_path))
    wait_until(lambda: b"weir-signals" in threads_of(weir), "the signals' thread runs")
    weir.signal(signal.SIGHUP)
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0
    assert "ended by SIGTERM before it was ready" in weir.stderr()


def threads_of(weir):
    names = []
    for task in os.listdir(f"/proc/{weir.pid}/task"):
        try:
            with open(f"/proc/{weir.pid}/task/{task}/comm", "rb") as f:
                names.append(f.read().strip())
        except OSError:
            pass
    return names


def test_signals_that_the_parent_ignores_or_blocks_count(world):
    """As under nohup, and in the background of a shell without job control."""
    script = (
        "import os, signal, sys\n"
        "for n in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT): signal.signal(n, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    weir = start(world, [shutil.which("python3"), "-c", script])
    weir.signal(signal.SIGHUP)
    wait_until(lambda: weir.metrics().value("weir_table_reloads_total", result="ok") >= 1, "the table was read again")
    weir.stop(signal.SIGINT)


def test_two_signals_of_the_end_at_once_end_weir_at_once(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect() as c:
        c.send_request(target="/?fail=stall")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
        weir.signal(signal.SIGTERM)
        weir.wait_for_words("draining: ")
        weir.signal(signal.SIGQUIT)
        assert weir.wait() == 0


def test_a_second_signal_ends_the_wait_for_who_reads_the_logs(world):
    reader, writer = os.pipe()
    weir = start(world, settings={"log": {"access": "-"}}, stdout=writer)
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"-" * 65536):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    assert weir.call().status == 200
    weir.signal(signal.SIGTERM)
    weir.wait_for_words("drained, bye")
    weir.signal(signal.SIGTERM)
    weir.stop()
    os.close(reader)
    os.close(writer)


def test_a_reload_that_hangs_does_not_keep_weir_from_its_end(world, tmp_path):
    """The second signal is heard though the first is not."""
    slow = slow_start(tmp_path)
    weir = start(world, env=slow["env"])
    weir.write_table(slow["table"])
    weir.signal(signal.SIGHUP)
    wait_until(lambda: is_hanging_in_open(weir), "the reload hangs")
    weir.signal(signal.SIGTERM)
    weir.signal(signal.SIGINT)
    assert weir.wait() == 0


def is_hanging_in_open(weir):
    """By the number of the system call that a thread waits in: openat, on x86 or ARM."""
    for task in os.listdir(f"/proc/{weir.pid}/task"):
        try:
            with open(f"/proc/{weir.pid}/task/{task}/syscall") as f:
                if f.read().split()[0] in ("257", "56"):
                    return True
        except OSError:
            pass
    return False


# ---- As process 1 ----

UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--map-root-user", "--user"]


def can_unshare():
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.fixture
def first(world):
    """Starts weir as process 1 of a namespace; its number out here is that of unshare's child."""
    if not can_unshare():
        pytest.skip("no process namespaces here")

    def begin(**more):
        env = {**os.environ, **more.pop("env", {})}
        # LeakSanitizer looks at the process from a thread of its own, which it may not as process 1.
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        weir = start(world, UNSHARE, env=env, **more)

        def child():
            with open(f"/proc/{weir.pid}/task/{weir.pid}/children") as f:
                return f.read().split()

        weir.inner = int(wait_until(child, "there is a process 1")[0])
        return weir

    return begin


def test_as_process_1_weir_reloads_ignores_and_drains(world, first):
    weir = first()
    os.kill(weir.inner, signal.SIGUSR2)
    weir.wait_for_words("SIGUSR2 is ignored")
    os.kill(weir.inner, signal.SIGHUP)
    wait_until(lambda: weir.metrics().value("weir_table_reloads_total", result="ok") >= 1, "the table was read again")
    assert weir.call().status == 200
    os.kill(weir.inner, signal.SIGTERM)
    assert weir.wait() == 0
    assert "drained, bye" in weir.stderr()


def test_as_process_1_weir_ends_while_it_starts(world, first, tmp_path):
    weir = first(**slow_start(tmp_path))
    # unshare blocks it, too, but not where it starts weir.
    wait_until(lambda: is_weir(weir.inner) and is_blocking(weir.inner, signal.SIGTERM), "weir is in its main")
    os.kill(weir.inner, signal.SIGTERM)
    assert weir.wait() == 0
    assert "ended by SIGTERM before it was ready" in weir.stderr()


def is_weir(pid):
    return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == WEIR.name


def is_blocking(pid, number):
    with open(f"/proc/{pid}/status") as f:
        mask = int(re.search(r"^SigBlk:\s+(\S+)", f.read(), re.M)[1], 16)
    return mask >> (number - 1) & 1
