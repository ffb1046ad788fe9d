"""The figures of the bench. Timed ones are cells, measured in rounds: in each round every cell once, in random order, and within a cell
every proxy right after the other, in random order too; ratios are taken within a round. Counts are taken once, as they do not depend on
how busy the machine is."""

import json
import random
import subprocess
import time

from proxies import ALIAS, FUNCTION, PROXIES, Haproxy, Nginx, Relay, Weir
from rig import Trouble, memory_kb

MIB = 1 << 20
SMALL = ("-u", "/f/0?s=200")
BOTH_WAYS = ("-u", "/f/0?s=1024", "-s", 1024, "-b", 1024)
INVOKE = ("-u", f"/2015-03-31/functions/{FUNCTION}/invocations?Qualifier={ALIAS}", "-s", 1024, "-b", 1024)


class Cell:
    """One timed figure: what the generator does, and which configuration of which proxies it does it to."""

    def __init__(self, name, title, *options, variant="plain", proxies=PROXIES, unit="request", per=1.0, own=None):
        self.name, self.title, self.options = name, title, options
        self.variant, self.proxies, self.unit, self.per = variant, proxies, unit, per
        self.own = own  # the cell of the same proxy that this one is compared with, instead of the relay


PEERS_AND_WEIR = (Nginx, Haproxy, Weir)
CELLS = (
    Cell("get64", "GET, 200 B answer, 64 connections", *SMALL),
    Cell("post64", "POST, 1 KiB both ways, 64 connections", *BOTH_WAYS),
    Cell("get512", "GET, 512 connections", *SMALL, "-c", 512),
    Cell("post512", "POST, 512 connections", *BOTH_WAYS, "-c", 512),
    Cell("once", "GET, a connection per request", *SMALL, "-x", variant="once"),
    Cell("down", "1 MiB down, 16 connections", "-u", f"/f/0?s={MIB}", "-s", MIB, "-c", 16, unit="MB", per=MIB / 1e6),
    Cell("up", "1 MiB up, 16 connections", "-u", "/f/0?s=2", "-s", 2, "-b", MIB, "-c", 16, unit="MB", per=MIB / 1e6),
    Cell("two", "GET, two workers", *SMALL, variant="two", proxies=PEERS_AND_WEIR, own="get64"),
    Cell("hot", "{functions} functions, one hot", *SMALL, variant="many", proxies=PEERS_AND_WEIR, own="get64"),
    Cell(
        "turn", "{functions} functions, {turn} in turn", "-u", "/f/%d?s=200", "-k", "{turn}",
        variant="many", proxies=PEERS_AND_WEIR, own="get64",
    ),
    Cell("invoke", "Invoke, 1 KiB both ways, 64 connections", *INVOKE, proxies=(Weir,), own="post64"),
)  # fmt: skip
TLS_CELLS = (
    Cell("tls", "TLS 1.3, GET, 64 kept connections", *SMALL, "-T", variant="tls"),
    Cell("full", "TLS 1.3, full handshake (P-256) and GET", *SMALL, "-T", "-x", variant="tls-once", unit="handshake"),
    Cell("resumed", "TLS 1.3, resumed handshake and GET", *SMALL, "-T", "-x", "-R", variant="tls-once", unit="handshake"),
)

MODES = {
    "smoke": dict(
        rounds=1, rounds_s=0, window_ms=0, warm_ms=0, latency_rounds=1, latency_ms=200, latency_rate=2000, call_cells=1,
        few=200, many=1200, traced=(100, 400), functions=50, turn=20, idle=100, active=50, changes=1, change_rate=1000, change_ms=900, call_ms=900, split=1000, settle_s=0.1,
        counted=("relay", "weir"), posts=(),
    ),
    "quick": dict(
        rounds=2, rounds_s=45, window_ms=250, warm_ms=120, latency_rounds=3, latency_ms=700, latency_rate=None, call_cells=2,
        few=2000, many=12000, traced=(500, 2500), functions=10000, turn=1000, idle=10000, active=4000, changes=1,
        change_rate=10000, change_ms=5000, call_ms=1500, split=10000, settle_s=0.3, counted=None, posts=("weir",),
    ),
    "full": dict(
        rounds=5, rounds_s=1150, window_ms=500, warm_ms=250, latency_rounds=9, latency_ms=2500, latency_rate=None, call_cells=3,
        few=2000, many=22000, traced=(500, 4500), functions=10000, turn=1000, idle=10000, active=4000, changes=5,
        change_rate=10000, change_ms=9000, call_ms=3000, split=10000, settle_s=0.3, counted=None, posts=None,
    ),
}  # fmt: skip


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def settled_memory_kb(proxy, settle_s):
    """Its memory once that stays the same: the generator is done before the proxy is."""
    last = None
    for _ in range(20):
        time.sleep(settle_s)
        now = memory_kb(proxy.pids())
        if last is not None and abs(now - last) <= now / 200:
            break
        last = now
    return now


class Figures:
    """Measures everything of one run into self.results, which report.py turns into tables."""

    def __init__(self, rig, mode, installed):
        self.rig, self.mode, self.installed = rig, MODES[mode], installed
        self.running = {}
        self.results = dict(
            samples=[], latency=[], calls={}, errors={}, instructions={}, instructions_post={}, memory={}, changes=[], split=[]
        )

    def variant_options(self, proxy, variant):
        return {
            "plain": {},
            "once": {"once": proxy is Relay},
            "two": {"workers": 2},
            "many": {"functions": self.mode["functions"]},
            "tls": {"tls": "p256"},
            "tls-once": {"tls": "p256", "once": proxy is Relay},
        }[variant]

    def instance(self, proxy, variant):
        """A running proxy, started at its first use and kept to the end of the rounds."""
        options = self.variant_options(proxy, variant)
        key = (proxy.name, *sorted((name, value) for name, value in options.items() if value))
        if key not in self.running:
            self.running[key] = proxy(self.rig, **options).start()
        return self.running[key]

    def stop_all(self):
        for proxy in self.running.values():
            proxy.stop()
        self.running.clear()

    def cell_options(self, cell):
        return [word.format(**self.mode) if word == "{turn}" else word for word in map(str, cell.options)]

    def title(self, cell):
        return cell.title.format(**self.mode)

    # --- timed: rounds of cells

    def rounds(self, cells):
        """At least so many rounds, and more until the time is used up."""
        number = 0
        work = [(cell, [proxy for proxy in cell.proxies if proxy in self.installed]) for cell in cells]
        for cell, proxies in work:  # the first use starts a proxy, and fills its pools
            for proxy in proxies:
                self.rig.load(self.instance(proxy, cell.variant), *self.cell_options(cell), "-n", 200)
        began, foreign = time.monotonic(), self.rig.foreign_seconds()
        while number < self.mode["rounds"] or time.monotonic() - began < self.mode["rounds_s"]:
            for cell, proxies in random.sample(work, len(work)):
                for proxy in random.sample(proxies, len(proxies)):
                    self.sample(cell, proxy, number)
                    if cell.own and proxy is Weir:  # what it is compared with, as its neighbour
                        self.sample(self.cell_named(cell.own), proxy, number, f"{cell.name}'s {cell.own}")
            number += 1
            say(f"round {number} done")
        foreign = self.rig.foreign_seconds() - foreign
        self.results["foreign"] = foreign / (time.monotonic() - began)

    @staticmethod
    def cell_named(name):
        return next(cell for cell in CELLS if cell.name == name)

    def sample(self, cell, proxy, number, name=None):
        running = self.instance(proxy, cell.variant)
        window = ("-t", self.mode["window_ms"], "-w", self.mode["warm_ms"])
        if not self.mode["window_ms"]:  # judged by counts: a window may pass without an answer on a busy machine
            window = ("-n", 200)
        result = self.rig.load(running, *self.cell_options(cell), *window)
        if proxy is Weir:
            running.trim_log()
        result.pop("slice_slowest_us")
        result["cost"] = result["cpu_us"] / cell.per
        self.results["samples"].append(dict(cell=name or cell.name, proxy=proxy.name, round=number, **result))
        if result["failed"]:
            say(f"{cell.name}, {proxy.name}: {result['failed']} failed: {result['error']}")

    # --- latency at a fixed rate, well below what any of them can do

    def latency(self):
        rate = self.mode["latency_rate"] or self.thirty_percent()
        self.results["latency_rate"] = rate
        names = [None, *self.installed]
        for number in range(self.mode["latency_rounds"]):
            for proxy in random.sample(names, len(names)):
                running = self.instance(proxy, "plain") if proxy else None
                result = self.rig.load(running, *SMALL, "-r", rate, "-t", self.mode["latency_ms"])
                result.pop("slice_slowest_us")
                name = proxy.name if proxy else "direct"
                self.results["latency"].append(dict(proxy=name, round=number, **result))
            say(f"latency at {rate} requests/s, round {number + 1} done")

    def thirty_percent(self):
        best = max(
            (s["rate"] for s in self.results["samples"] if s["cell"] == "get64" and s["proxy"] != "relay"), default=20000
        )
        return int(0.3 * best / 100) * 100

    # --- counts

    def counted(self, key="counted"):
        """The proxies that the mode names, or all: perf and callgrind take seconds a proxy."""
        names = self.mode[key]
        return [proxy for proxy in self.installed if names is None or proxy.name in names]

    def calls(self):
        cells = {"get64": SMALL, "post64": BOTH_WAYS, "once": (*SMALL, "-x")}
        for name, options in list(cells.items())[: self.mode["call_cells"]]:
            for proxy in self.counted():
                running = self.instance(proxy, "once" if name == "once" else "plain")
                found = self.rig.calls(running, options, self.mode["few"], self.mode["many"])
                self.results["calls"].setdefault(name, {})[proxy.name] = found
        requests = self.mode["traced"][1]
        for proxy in self.counted():  # reads that found nothing, and the like
            traced = self.rig.trace(self.instance(proxy, "plain"), SMALL, requests)
            self.results["errors"][proxy.name] = {
                name: round(errors / requests, 3) for name, (_, errors) in traced.items() if errors > requests / 1000
            }
        say("system calls counted")

    def instructions(self):
        """Of a GET and of a POST."""
        for key, mode_key, options in (("instructions", "counted", SMALL), ("instructions_post", "posts", BOTH_WAYS)):
            for proxy in self.counted(mode_key):
                self.count_instructions(proxy, key, options)
        say("instructions counted")

    def count_instructions(self, proxy, key, options):
        try:
            found = self.rig.instructions(
                lambda: proxy(self.rig, single=True), (*options, "-c", 16), *self.mode["traced"]
            )
        except (Trouble, OSError) as problem:
            say(f"no instructions of {proxy.name}: {problem}")
        else:
            self.results[key][proxy.name] = round(found)

    def memory(self):
        room = {"idle": self.rig.descriptors - 1000, "active": self.rig.descriptors // 2 - 1000}
        for proxy in self.installed:
            if proxy is Relay:
                continue
            figures = {}
            for kind, flag, target in (("idle", "-i", "/f/0?s=200"), ("active", "-a", "/f/0?s=200&d=60000")):
                count = min(self.mode[kind], room[kind])
                running = proxy(self.rig).start()
                before = settled_memory_kb(running, self.mode["settle_s"])
                holder, is_complete = self.rig.hold(running, flag, "-c", count, "-u", target)
                after = settled_memory_kb(running, self.mode["settle_s"])
                self.rig.release(holder)
                running.stop()
                figures |= {"start_kb": before, f"{kind}_kb": after, f"{kind}_count": count}
                figures[f"{kind}_each_kb"] = (after - before) / count if is_complete else None
            self.results["memory"][proxy.name] = figures
        say("memory measured")

    def split(self):
        """How many of so many invocations at 5 % reached version 2."""
        for proxy in self.installed:
            for workers in (1, 2) if proxy is not Relay else ():
                running = proxy(self.rig, workers=workers).start()
                result = self.rig.load(running, *SMALL, "-n", self.mode["split"], "-c", 32)
                got = result["versions"].get("2", {}).get("answers", 0)
                self.results["split"].append(
                    dict(proxy=proxy.name, workers=workers, of=self.mode["split"], got=got, failed=result["failed"])
                )
                running.stop()
        say("split counted")

    # --- new weights under load

    def changes(self):
        for proxy in self.installed:
            if proxy is Relay:
                continue
            running = proxy(self.rig, functions=self.mode["functions"], weights=(100, 0)).start()
            for way in proxy.ways:
                for number in range(self.mode["changes"]):
                    found = self.change(running, way)
                    if found is None:
                        break
                    self.results["changes"].append(dict(proxy=proxy.name, way=way, round=number, **found))
            running.stop()
        say("changes of weights measured")

    def await_version(self, proxy, version):
        """What changes slowly must have changed before the next change begins."""
        for _ in range(100):
            result = self.rig.load(proxy, *SMALL, "-n", 50, "-c", 5)
            if list(result["versions"]) == [version]:
                return
            time.sleep(0.2)
        raise Trouble(f"{proxy.name} still does not send everything to version {version}")

    def change(self, proxy, way):
        """From all to one version to all to the other, while 64 connections are busy at a fixed rate."""
        old, new = ("1", "2") if proxy.weights == (100, 0) else ("2", "1")
        options = (*SMALL, "-c", 64, "-r", self.mode["change_rate"], "-w", 300, "-H", proxy.version_header)
        options += ("-t", self.mode["change_ms" if way in ("reload", "file and SIGHUP") else "call_ms"])
        proxy.prepare((100, 0) if new == "1" else (0, 100))
        load = subprocess.Popen(
            self.rig.load_command(proxy.port, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        begin = int(load.stdout.readline().split()[1])
        time.sleep(0.6)
        called = time.monotonic_ns()
        try:
            proxy.change(way, proxy.weights)
        except (Trouble, OSError) as problem:
            load.communicate()
            say(f"{proxy.name}, {way}: not possible: {problem}")
            proxy.weights = (100, 0) if old == "1" else (0, 100)
            return None
        returned = time.monotonic_ns()
        result = json.loads(load.communicate(timeout=60)[0].strip().splitlines()[-1])
        self.await_version(proxy, new)
        versions, slices = result["versions"], result["slice_slowest_us"]
        here = int((called - begin) / 1e6 / result["slice_ms"])
        ms_after = lambda version, key: (versions[version][key] - called) / 1e6 if version in versions else None
        return dict(
            call_ms=(returned - called) / 1e6,
            first_new_ms=ms_after(new, "first_answer_ns"),
            last_old_ms=ms_after(old, "last_sent_ns"),
            slowest_before_ms=max(slices[: here - 1]) / 1e3,
            slowest_ms=max(slices[here - 1 : here + 1 + int(500 / result["slice_ms"])]) / 1e3,
            failed=result["failed"],
            resent=result["resent"],
            reconnects=result["connections"],
        )
