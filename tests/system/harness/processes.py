"""Starting, watching and ending the programs under test."""

import glob
import json
import os
import re
import resource
import signal
import subprocess

from . import client
from .places import ADDRESS, DEMO, LOAD, WEIR, free_port
from .waiting import LIMIT_S, wait_until

SANITIZER_REPORT = re.compile(
    r"ERROR: AddressSanitizer|runtime error:|WARNING: ThreadSanitizer|ERROR: LeakSanitizer|FATAL: ThreadSanitizer"
)


class Process:
    """A child whose output goes to files in a folder of its own."""

    def __init__(self, folder, name, arguments, nofile=None, stdin=None, stdout=None, stderr=None, env=None):
        self.folder = folder
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        self.stderr_path = folder / f"{name}.stderr"
        self.stdout_path = folder / f"{name}.stdout"

        def limit_descriptors():
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))

        with open(self.stderr_path, "wb") as err, open(self.stdout_path, "wb") as out:
            self.child = subprocess.Popen(
                [str(a) for a in arguments],
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or out,
                stderr=stderr or err,
                cwd=folder,
                env=env,
                preexec_fn=limit_descriptors,
            )

    @property
    def pid(self):
        return self.child.pid

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    def is_running(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, limit_s=LIMIT_S):
        """The exit status."""
        try:
            return self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {limit_s} s; its log:\n{self.stderr()[-4000:]}") from None

    def kill(self):
        if self.is_running():
            self.child.kill()
            self.child.wait()

    def sanitizer_reports(self):
        """What sanitizers wrote, on standard error or in the file that their options name."""
        found = []
        if SANITIZER_REPORT.search(self.stderr()):
            found.append(self.stderr())
        for options in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
            match = re.search(r"(?:^|[: ])log_path=([^: ]+)", os.environ.get(options, ""))
            for path in glob.glob(f"{match[1]}*.{self.pid}") if match else []:
                with open(path, errors="replace") as f:
                    found.append(f.read())
        return "\n".join(found)

    # ---- From /proc ----

    def status_kib(self, key):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(rf"^{key}:\s+(\d+) kB", f.read(), re.M)[1])

    def rss_kib(self):
        return self.status_kib("VmRSS")

    def peak_rss_kib(self):
        return self.status_kib("VmHWM")

    def forget_peak_rss(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as f:
            f.write("5")

    def cpu_ticks(self):
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def nr_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Demo(Process):
    """weir-demo: an endpoint."""

    def __init__(self, folder, version, do=None, idle_close_ms=None, address=ADDRESS, port=None):
        self.version = str(version)
        self.port = port or free_port(address)
        self.address = address
        arguments = [DEMO, "--address", address, "--port", self.port, "--version", self.version]
        if do:
            arguments += ["--do", do]
        if idle_close_ms:
            arguments += ["--idle-close", idle_close_ms]
        super().__init__(folder, f"demo-{self.version}-{self.port}", arguments)
        wait_until(lambda: "listens on" in self.stdout() or not self.is_running(), f"{self.name} listens")
        assert self.is_running(), self.stderr()

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def count(self):
        return client.call(self.port, target="/_count", address=self.address).json()

    def reset(self):
        return client.call(self.port, target="/_reset", address=self.address).json()

    def wait_for(self, condition, what):
        """Waits until the counters satisfy the condition; returns them."""

        def check():
            counters = self.count()
            return counters if condition(counters) else None

        return wait_until(check, f"{self.name}: {what}")

    def stop(self):
        self.signal(signal.SIGTERM)
        status = self.wait()
        reports = self.sanitizer_reports()
        assert not reports, reports
        assert status == 0, f"{self.name} ended with {status}: {self.stderr()}"


class Load(Process):
    """weir-load, told by commands what to do. Results are of everything since its start."""

    def __init__(self, folder, port, connections=1, path="/", method="GET", address=ADDRESS, **more):
        arguments = [LOAD, "--address", address, "--port", port, "--connections", connections]
        arguments += ["--path", path, "--method", method, "--timeout", LIMIT_S * 1000]
        for name, value in more.items():
            arguments.append("--" + name.replace("_", "-"))
            if value is not True:
                arguments.append(value)
        super().__init__(folder, f"load-{id(self)}", arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, command):
        self.child.stdin.write(command.encode() + b"\n")
        self.child.stdin.flush()

    def result(self):
        line = self.child.stdout.readline()
        assert line, f"weir-load ended: {self.stderr()}"
        return json.loads(line)

    def run(self, n):
        self.tell(f"run {n}")
        return self.result()

    def stop(self):
        self.child.stdin.close()
        self.wait()
        self.child.stdout.close()


def merge(base, extra):
    """Settings over settings, object by object."""
    out = dict(base)
    for key, value in (extra or {}).items():
        out[key] = merge(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


class Weir(Process):
    """weir run, with a settings and a table document of its own."""

    def __init__(self, folder, table, settings=None, arguments=(), workers=2, nofile=None, wait=True, env=None, command=None, **pipes):
        folder.mkdir(parents=True, exist_ok=True)
        self.table_path = folder / "table.json"
        self.settings_path = folder / "settings.json"
        self.access_log_path = folder / "access.log"
        self.port = free_port()
        self.admin_port = free_port()
        self.allowed_errors = []
        self.settings = merge(
            {
                "listeners": [{"address": f"{ADDRESS}:{self.port}"}],
                "admin": {"address": f"{ADDRESS}:{self.admin_port}"},
                "workers": workers,
                "table": {"file": str(self.table_path)},
                "log": {"access": str(self.access_log_path)},
            },
            settings,
        )
        self.write_table(table)
        self.settings_path.write_text(json.dumps(self.settings))
        command = command or [WEIR, "run", "--settings", self.settings_path, *arguments]
        super().__init__(folder, "weir", command, nofile=nofile, env=env, **pipes)
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self):
        def is_ready():
            if not self.is_running():
                raise AssertionError(f"weir ended with {self.child.returncode} at its start:\n{self.stderr()}")
            try:
                return self.admin("/readyz").status == 200
            except OSError:
                return False

        wait_until(is_ready, "weir is ready")

    # ---- Talking to it ----

    def connect(self, **more):
        return client.Connection(self.port, **more)

    def call(self, method="GET", target="/", **more):
        return client.call(self.port, method, target, **more)

    def invoke(self, function, body=b"{}", query="", **more):
        return self.call("POST", f"/2015-03-31/functions/{function}/invocations{query}", body=body, **more)

    def admin(self, target, method="GET", body=None, headers=(), host=ADDRESS):
        return client.call(self.admin_port, method, target, headers, body, host)

    def load(self, **more):
        return Load(self.folder, self.port, **more)

    # ---- Its documents ----

    def write_table(self, table):
        """Puts the document in place by renaming, as an editor does. A str is taken as it is."""
        text = table if isinstance(table, str) else json.dumps(table)
        fresh = self.table_path.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self.table_path)

    def generation(self):
        return int(self.metrics().value("weir_table_generation"))

    def reload(self, table=None):
        """POST /reload, after writing the table if there is one. The answer."""
        if table is not None:
            self.write_table(table)
        return self.admin("/reload", "POST", b"")

    def must_reload(self, table):
        answer = self.reload(table)
        assert answer.status == 200, answer

    # ---- What it says ----

    def metrics(self, of_all=False):
        answer = self.admin("/metrics?all=1" if of_all else "/metrics")
        assert answer.status == 200, answer
        return Metrics(answer.body.decode())

    def settled_metrics(self):
        """The metrics once every invocation that was picked has been accounted for: an answer is with its client a moment
        before it is counted."""

        def settled():
            metrics = self.metrics()
            begun = metrics.value("weir_invocations_total") + (metrics.value("weir_repeated_invocations_total") or 0)
            return metrics if metrics.value("weir_invocation_duration_seconds_count") == begun else None

        return wait_until(settled, "all invocations are accounted for")

    def expect_metric(self, expected, name, **labels):
        wait_until(
            lambda: self.metrics().value(name, **labels) == expected,
            f"{name} {labels or ''} is {expected}",
            LIMIT_S / 2,
        )

    def access_log(self):
        """The lines that are complete."""
        text = self.access_log_path.read_text() if self.access_log_path.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def wait_for_log(self, n):
        """Waits until the access log has n lines; returns them."""
        return wait_until(lambda: len(self.access_log()) >= n and self.access_log(), f"the access log has {n} lines")

    def wait_for_words(self, words):
        """Waits until the process log has the words: a line gets there a moment after the event."""
        wait_until(lambda: words in self.stderr(), f"the log says {words!r}")

    def allow_error(self, pattern):
        """The process log may hold error lines that match."""
        self.allowed_errors.append(pattern)

    def stop(self, number=signal.SIGTERM, limit_s=LIMIT_S):
        """Ends weir and checks that it ended well."""
        if self.is_running():
            self.signal(number)
        status = self.wait(limit_s)
        self.check_end(status)

    def end(self):
        """The test is over: weir ends well, but what clients have left running is not waited for long."""
        if self.is_running():
            self.signal(signal.SIGTERM)
            try:
                self.child.wait(2)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGTERM)
        self.check_end(self.wait())

    def check_end(self, status):
        reports = self.sanitizer_reports()
        assert not reports, reports
        assert status == 0, f"weir ended with {status}; its log:\n{self.stderr()[-4000:]}"
        for line in self.stderr().splitlines():
            if re.match(r"\S+ error ", line) and not any(re.search(p, line) for p in self.allowed_errors):
                raise AssertionError(f"an error in weir's log: {line}")


class Metrics:
    """Prometheus text: samples by name and labels."""

    LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
    LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            if line and not line.startswith("#"):
                match = self.LINE.fullmatch(line)
                assert match, f"metrics line {line!r}"
                self.samples.append((match[1], dict(self.LABEL.findall(match[2] or "")), float(match[3])))

    def find(self, name, **labels):
        return [
            (have, value)
            for sample, have, value in self.samples
            if sample == name and all(have.get(k) == v for k, v in labels.items())
        ]

    def value(self, name, **labels):
        """The sum over all samples with these labels; 0 where there is none."""
        return sum(value for _, value in self.find(name, **labels))
