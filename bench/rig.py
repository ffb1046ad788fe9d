"""The tools of the bench: C programs built, processes started on their core, the load generator run, and what a proxy uses
counted: CPU time (by the generator), system calls (perf or strace), user instructions (callgrind), memory (smaps)."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent

PROXY_CORE, LOAD_CORE = "1", "0"

PROGRAMS = {
    "origin": ["origin.c", "net.c"],
    "relay": ["relay.c", "net.c", "-lssl", "-lcrypto"],
    "load": ["load.c", "client.c", "tally.c", "net.c", "-lssl", "-lcrypto"],
}
C_FLAGS = "-std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wshadow -Wformat=2 -Werror".split()

# The calls that proxies make per request, by name; all others are counted together. (The kernel takes its time to end each
# tracepoint, so the list is short.)
CALL_NAMES = """accept4 close connect epoll_ctl epoll_pwait epoll_wait futex getsockopt io_uring_enter ioctl read readv
    recvfrom recvmsg sendmsg sendto setsockopt shutdown socket write writev""".split()


class Trouble(Exception):
    """Something that the bench needs did not work."""


def children_of(pid):
    """The process and all below it."""
    below = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            below.setdefault(int(stat[stat.rindex(")") + 2 :].split()[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += below.get(pid, [])
    return found


def memory_kb(pids):
    """Proportional set size: pages shared by processes are counted once."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1))
    return total


def busy_seconds():
    """What all cores have worked since boot, and what was taken from them by the machine's host."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """What a living process has used, from its own clock."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


class Rig:
    """One run's scratch folder, endpoints and ports."""

    def __init__(self, weir):
        self.weir = weir
        self.folder = Path(tempfile.mkdtemp(prefix="weir-bench-"))
        self.programs = ROOT / "build" / "bench"
        self.next_port = 17100 + os.getpid() % 100 * 120  # two runs on one machine keep apart
        self.processes = []
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self.descriptors = limit

    def __enter__(self):
        try:
            self.build()
            self.make_certificates()
            self.origins = [self.port(), self.port()]
            self.origin = self.spawn([self.programs / "origin", *self.origins], LOAD_CORE)
            for port in self.origins:
                self.wait_for_port(port, self.origin)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def build(self):
        self.programs.mkdir(parents=True, exist_ok=True)
        for name, (*sources, ) in PROGRAMS.items():
            target = self.programs / name
            newest = max(path.stat().st_mtime for path in BENCH.glob("*.[ch]"))
            if target.exists() and target.stat().st_mtime > newest:
                continue
            words = [str(BENCH / word) if word.endswith(".c") else word for word in sources]
            subprocess.run(["cc", *C_FLAGS, f"-I{ROOT}", "-o", target, *words], check=True)

    def make_certificates(self):
        self.certificates = {}
        for kind, key in (("p256", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["rsa:2048"])):
            certificate, secret = self.folder / f"{kind}.crt", self.folder / f"{kind}.key"
            command = ["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "2", "-subj", "/CN=localhost"]
            subprocess.run(
                [*command, "-keyout", secret, "-out", certificate], check=True, stderr=subprocess.DEVNULL
            )
            (self.folder / f"{kind}.pem").write_text(certificate.read_text() + secret.read_text())
            self.certificates[kind] = (certificate, secret)

    def port(self):
        """A port that nothing listens on, below those that the kernel gives to clients."""
        while True:
            port = self.next_port
            self.next_port += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    if self.next_port > 30000:
                        raise Trouble("no free port") from None

    # --- processes

    def spawn(self, command, cores, log=None):
        """Starts a program on its cores, in a session of its own."""
        with open(log or os.devnull, "ab") as out:
            process = subprocess.Popen(
                ["taskset", "-c", cores, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def end(self, process, how=signal.SIGTERM, patience_s=5):
        """Ends a process that spawn started, and those below it."""
        family = children_of(process.pid) if process.poll() is None else []
        if family:
            process.send_signal(how)
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in family[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if process in self.processes:
            self.processes.remove(process)

    def foreign_seconds(self):
        """CPU time of everything on this machine that is not the bench, since boot; differences of it mean something."""
        own = os.times()
        used = own.user + own.system + own.children_user + own.children_system
        living = [pid for process in self.processes for pid in children_of(process.pid)]
        return busy_seconds() - used - sum(map(cpu_seconds, living))

    @staticmethod
    def wait_for_port(port, process, limit_s=60, log=None):
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        tail = log.read_text(errors="replace")[-800:] if log and log.exists() else ""
        raise Trouble(f"{' '.join(map(str, process.args[3:6]))} does not listen on port {port}: {tail}")

    # --- the load generator

    def load_command(self, port, *options, pids=()):
        command = ["taskset", "-c", LOAD_CORE, self.programs / "load", "-p", port, "-O", self.origin.pid]
        if pids:
            command += ["-P", ",".join(map(str, pids))]
        return [str(word) for word in (*command, *options)]

    def load(self, proxy, *options, prefix=()):
        """One run of the generator against a proxy (or, with None, straight at the endpoints)."""
        if proxy:
            port, pids = proxy.port, proxy.pids()
            if proxy.version_header:
                options = (*options, "-H", proxy.version_header)
        else:
            port, pids = self.origins[0], ()
        command = [*map(str, prefix), *self.load_command(port, *options, pids=pids)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        lines = done.stdout.strip().splitlines()
        if done.returncode or not lines:
            raise Trouble(f"{' '.join(command)}: {done.stderr[-500:]}")
        return self.digest(json.loads(lines[-1]))

    @staticmethod
    def digest(result):
        answers, seconds = max(1, result["answers"]), max(1e-9, result["seconds"])
        result["cpu_us"] = result["proxy_cpu_ns"] / answers / 1e3
        result["rate"] = result["answers"] / seconds
        result["proxy_busy"] = result["proxy_cpu_ns"] / 1e9 / seconds
        result["load_busy"] = (result["load_cpu_ns"] + result["origin_cpu_ns"]) / 1e9 / seconds
        return result

    # --- counting

    def calls(self, proxy, options, few, many):
        """System calls per request by name: the difference of two runs, so that what a run begins and ends with drops out."""
        count = self.count_by_perf if self.has_tracepoints() else self.count_by_strace
        self.load(proxy, *options, "-n", few)
        less, more = count(proxy, options, few), count(proxy, options, many)
        names = set(less) | set(more)
        per_request = {name: (more.get(name, 0) - less.get(name, 0)) / (many - few) for name in names}
        return {name: round(n, 3) for name, n in per_request.items() if n >= 0.001}

    @staticmethod
    def has_tracepoints():
        if not shutil.which("perf"):
            return False
        probe = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"]
        done = subprocess.run(probe, capture_output=True, text=True)
        return done.returncode == 0 and re.match(r"\d", done.stderr.strip()) is not None

    def count_by_perf(self, proxy, options, requests):
        """At full speed: the kernel counts."""
        out = self.folder / "perf.csv"
        events = ",".join(["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in CALL_NAMES)])
        pids = ",".join(map(str, proxy.pids()))
        self.load(
            proxy, *options, "-n", requests, prefix=["perf", "stat", "-x,", "-o", out, "-e", events, "-p", pids]
        )
        counts = {}
        for line in out.read_text().splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[0].isdigit():
                counts[fields[2].replace("syscalls:sys_enter_", "")] = int(fields[0])
        total = counts.pop("raw_syscalls:sys_enter")
        counts["other"] = total - sum(counts.values())
        return counts

    @contextlib.contextmanager
    def strace(self, proxy, *options):
        """Traces all threads of a proxy while the block runs."""
        pids = proxy.pids()
        words = [word for pid in pids for word in ("-p", str(pid))]
        command = ["taskset", "-c", LOAD_CORE, "strace", "-f", *map(str, options), *words]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            for _ in pids:  # "Process N attached", once per process
                tracer.stderr.readline()
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=20)

    def trace(self, proxy, options, requests):
        """(calls, errors) by name, by strace: every thread is stopped at every call, so batches are larger than they are at
        full speed."""
        out = self.folder / "strace.txt"
        with self.strace(proxy, "-c", "-o", out):
            self.load(proxy, *options, "-n", requests)
        counts = {}
        for line in out.read_text().splitlines():
            match = re.fullmatch(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(\d+)?\s+(\w+)\s*", line)
            if match and match.group(3) != "total":
                counts[match.group(3)] = (int(match.group(1)), int(match.group(2) or 0))
        return counts

    def count_by_strace(self, proxy, options, requests):
        return {name: calls for name, (calls, _) in self.trace(proxy, options, requests).items()}

    def instructions(self, make_proxy, options, few, many):
        """User instructions per request: two runs under callgrind, side by side, as counts do not mind a busy machine."""
        runs = []
        for requests in (few, many):
            proxy = make_proxy()
            out = proxy.folder / "callgrind.out"
            wrap = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "-q"]
            runs.append((proxy.start(wrap=wrap, cores="0,1"), requests, out))
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda run: self.load(run[0], *options, "-n", run[1]), runs))
        totals = []
        for (proxy, _, out), result in zip(runs, results):
            proxy.stop(patience_s=30)
            if result["failed"]:
                raise Trouble(f"{proxy.name} under callgrind: {result['error']}")
            text = out.read_text() if out.exists() else ""
            found = re.findall(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
            if not found:
                raise Trouble(f"{proxy.name}: callgrind left no figures")
            totals.append(max(map(int, found)))
        return (totals[1] - totals[0]) / (many - few)

    def hold(self, proxy, *options):
        """Connections that the generator opens and keeps: (process, whether all could be opened)."""
        command = self.load_command(proxy.port, *options)
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return holder, holder.stdout.readline().strip() == "READY"

    @staticmethod
    def release(holder):
        holder.communicate(timeout=60)
