"""What a run of the bench found, as Markdown tables and a picture. Ratios are taken within a round, where both sides have seen the same
machine, and the median of them is given; so a quotient of two medians in a table need not be its ratio."""

from statistics import median
from xml.sax.saxutils import escape

from figures import CELLS, TLS_CELLS

BUSY = 0.93  # from here on the generator and the endpoints are what limits the rate
# Per cell: the most that weir's cost may be, as a multiple of the relay's or of its own in another cell.
TARGETS = {
    "get64": 1.20, "post64": 1.25, "get512": 1.30, "post512": 1.35, "once": 1.30, "down": 1.00, "up": 1.00,
    "two": 1.10, "hot": 1.05, "turn": 1.10, "tls": 1.40, "full": 1.05, "resumed": 1.05,
}  # fmt: skip


def number(value, digits=None):
    """Three figures or so, with thin groups of thousands."""
    if value is None:
        return "–"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", " ")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


class Report:
    def __init__(self, results):
        self.results = results
        self.names = [name for name in ("relay", "nginx", "haproxy", "weir") if name in results["versions"]]
        self.peers = [name for name in self.names if name in ("nginx", "haproxy")]
        self.cells = [cell for cell in CELLS + TLS_CELLS if any(s["cell"] == cell.name for s in results["samples"])]

    # --- samples

    def by_round(self, cell, name, key="cost"):
        return {s["round"]: s[key] for s in self.results["samples"] if s["cell"] == cell and s["proxy"] == name}

    def typical(self, cell, name, key="cost"):
        values = self.by_round(cell, name, key).values()
        return median(values) if values else None

    def ratio(self, cell, name, other_cell, other_name):
        """The median of the ratios within the rounds; None where there is nothing to compare."""
        own, other = self.by_round(cell, name), self.by_round(other_cell, other_name)
        ratios = [own[r] / other[r] for r in own if other.get(r)]
        return median(ratios) if ratios else None

    def best_peer(self, cell):
        costs = {name: self.typical(cell, name) for name in self.peers}
        costs = {name: cost for name, cost in costs.items() if cost}
        return min(costs, key=costs.get) if costs else None

    def title(self, cell):
        return cell.title.format(**self.results["mode_values"])

    # --- tables

    def main_table(self):
        rows = []
        for cell in self.cells:
            best = self.best_peer(cell.name)
            costs = [number(self.typical(cell.name, name)) for name in self.names]
            target = TARGETS.get(cell.name)
            if cell.own:
                against = self.ratio(cell.name, "weir", f"{cell.name}'s {cell.own}", "weir")
                word = f"{number(against, 2)} of its {cell.own}"
            else:
                against = self.ratio(cell.name, "weir", cell.name, "relay")
                word = f"{number(against, 2)} × relay"
            beside = self.ratio(cell.name, "weir", cell.name, best) if best else None
            rows.append(
                [
                    f"{self.title(cell)} (µs/{cell.unit})", *costs, word,
                    f"{number(beside, 2)} × {best}" if beside else "–",
                    f"≤ {target:.2f}" if target else "–",
                ]
            )  # fmt: skip
        return table(["CPU time of the proxy", *self.names, "weir, ratio", "weir, to best peer", "target"], rows)

    def spread_table(self):
        """Every proxy's ratio to the relay, with the range between the quarters of the rounds."""
        rows = []
        for cell in self.cells:
            if cell.own:
                continue
            row = [self.title(cell)]
            for name in self.names[1:]:
                own, relay = self.by_round(cell.name, name), self.by_round(cell.name, "relay")
                ratios = sorted(own[r] / relay[r] for r in own if relay.get(r))
                if not ratios:
                    row.append("–")
                    continue
                low, high = ratios[len(ratios) // 4], ratios[(3 * len(ratios)) // 4 - (len(ratios) % 4 == 0)]
                row.append(f"{median(ratios):.2f} ({low:.2f}–{high:.2f})")
            rows.append(row)
        return table(["× relay: median (middle half)", *self.names[1:]], rows)

    def rate_table(self):
        rows = []
        for cell in self.cells:
            row = [self.title(cell)]
            for name in self.names:
                rate, busy = self.typical(cell.name, name, "rate"), self.typical(cell.name, name, "load_busy")
                if rate is None:
                    row.append("–")
                else:
                    row.append(f"{number(rate)}" if busy < BUSY else f"(≥ {number(rate)})")
            rows.append(row)
        return table(["requests per second", *self.names], rows)

    def calls_table(self):
        rows = []
        for cell, by_name in self.results["calls"].items():
            title = next(c.title for c in CELLS if c.name == cell)
            for name, counts in by_name.items():
                ordered = sorted(counts.items(), key=lambda item: -item[1])
                which = ", ".join(f"{call} {n:.2f}" for call, n in ordered if n >= 0.005)
                failing = self.results["errors"].get(name, {}) if cell == "get64" else {}
                in_vain = ", ".join(f"{call} {n:.3f}" for call, n in failing.items())
                rows.append([title, name, f"{sum(counts.values()):.2f}", which, in_vain or "–"])
        return table(["figure", "proxy", "calls per request", "which", "of these in vain"], rows)

    def latency_table(self):
        samples = self.results["latency"]
        keys = ("p50_us", "p99_us", "p999_us")
        direct = {s["round"]: s for s in samples if s["proxy"] == "direct"}
        rows = []
        for name in ["direct", *self.names]:
            own = [s for s in samples if s["proxy"] == name]
            if not own:
                continue
            added = [
                number(median(s[key] - direct[s["round"]][key] for s in own), 0) if name != "direct" else "–" for key in keys
            ]
            cost = number(median(s["cpu_us"] for s in own)) if name != "direct" else "–"
            rows.append([name, *(number(median(s[key] for s in own), 0) for key in keys), *added, cost])
        head = ["µs", "p50", "p99", "p99.9", "added p50", "added p99", "added p99.9", "CPU µs/request"]
        return table(head, rows)

    def memory_table(self):
        rows = []
        for name, m in self.results["memory"].items():
            rows.append(
                [
                    name, number(m["start_kb"] / 1000, 1), number(m["idle_each_kb"], 2),
                    f"{number(m['idle_kb'] / 1000, 1)} ({m['idle_count']})", number(m["active_each_kb"], 2),
                ]
            )  # fmt: skip
        head = ["proxy", "at start, MB", "idle connection, kB", "with idle connections, MB", "invocation in flight, kB"]
        return table(head, rows)

    def changes_table(self):
        rows, groups = [], {}
        for found in self.results["changes"]:
            groups.setdefault((found["proxy"], found["way"]), []).append(found)
        for (name, way), found in groups.items():
            typical = lambda key: number(median([f[key] for f in found if f[key] is not None] or [None]), 2)
            most = lambda key: sum(f[key] for f in found)
            rows.append(
                [
                    name, way, typical("call_ms"), typical("first_new_ms"), typical("last_old_ms"),
                    most("failed"), most("resent"), most("reconnects"), typical("slowest_ms"), typical("slowest_before_ms"),
                ]
            )  # fmt: skip
        head = ["proxy", "way", "call, ms", "first new answer, ms", "last request to the old, ms", "failed", "resent"]
        return table([*head, "reconnects", "slowest request, ms", "slowest before, ms"], rows)

    def split_table(self):
        rows = [[s["proxy"], s["workers"], s["of"], s["got"], s["got"] - s["of"] // 20] for s in self.results["split"]]
        return table(["proxy", "workers", "invocations", "to version 2", "off by"], rows)

    def markdown(self, level="##"):
        """The tables, under headings of a level; the run's own line is no heading within a page that has one."""
        results = self.results
        machine = results["machine"]
        parts = [
            f"# bench: {results['mode']} run of {results['when']}\n" if level == "##" else "",
            f"A {results['mode']} run of {results['when']}: weir at commit {results['commit']}; " + ", ".join(f"{k} {v}" for k, v in results["versions"].items()) + ". "
            f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; "
            f"{results['rounds']} rounds of {results['mode_values']['window_ms']} ms windows; "
            f"others on the machine used {max(0, 100 * results.get('foreign', 0)):.0f} % of one core.\n",
            "The proxy runs on one core, generator and endpoints on the other. nginx and HAProxy run without access log, request id and "
            "forwarded headers; weir always has them, and its metrics, on.\n",
        ]
        if results["samples"]:
            parts.append(self.main_table())
        parts += [f"{level} Targets\n", self.target_table()]
        sections = (
            ("Ratios to the relay", self.spread_table, "samples"),
            ("Requests per second (in brackets where the generator was what limited them)", self.rate_table, "samples"),
            ("System calls per request", self.calls_table, "calls"),
            ("User instructions per request", self.instructions_table, "instructions"),
            (f"Latency at {results.get('latency_rate')} requests/s, 64 connections, open loop", self.latency_table, "latency"),
            ("Memory (proportional set size)", self.memory_table, "memory"),
            (
                f"New weights with {results['mode_values']['functions']} functions, 64 connections, "
                f"{results['mode_values']['change_rate']} requests/s",
                self.changes_table,
                "changes",
            ),
            ("Split at 5 %, 32 connections", self.split_table, "split"),
        )
        for title, make, key in sections:
            if results[key]:
                parts += [f"{level} {title}\n", make()]
        return "\n".join(part for part in parts if part)

    def instructions_table(self):
        """Of a GET with a 200 B answer and of a POST with 1 KiB both ways."""
        post = self.results.get("instructions_post", {})
        rows = [[k, number(v, 0), number(post.get(k), 0)] for k, v in self.results["instructions"].items()]
        return table(["proxy", "GET", "POST, 1 KiB both ways"], rows)

    def own_memory(self, key):
        return self.results["memory"].get("weir", {}).get(key)

    def added(self, name, key):
        """Median over the rounds of what a proxy adds to the endpoints' own latency."""
        samples = self.results["latency"]
        direct = {s["round"]: s[key] for s in samples if s["proxy"] == "direct"}
        values = [s[key] - direct[s["round"]] for s in samples if s["proxy"] == name]
        return median(values) if values else None

    def changed(self, way, key, how=median):
        values = [c[key] for c in self.results["changes"] if c["proxy"] == "weir" and c["way"] == way]
        values = [value for value in values if value is not None]
        return how(values) if values else None

    def target_rows(self):
        """(figure, measured, the most it may be, digits) of weir; None where it was not measured."""
        for cell in self.cells:
            if cell.name in TARGETS:
                other = (f"{cell.name}'s {cell.own}", "weir") if cell.own else (cell.name, "relay")
                against = f"its own {cell.own}" if cell.own else "the relay"
                title = f"{self.title(cell)}: CPU, multiple of {against}"
                yield title, self.ratio(cell.name, "weir", *other), TARGETS[cell.name], 2
        for cell in CELLS:
            counts = self.results["calls"].get(cell.name, {}).get("weir")
            if counts and cell.name != "once":
                yield f"{cell.title}: system calls a request", sum(counts.values()), 4.2, 2
        for name, by_name in (("GET", "instructions"), ("POST", "instructions_post")):
            yield f"{name}: user instructions", self.results.get(by_name, {}).get("weir"), 6500, 0
        yield "kB an idle connection", self.own_memory("idle_each_kb"), 1.0, 2
        idle, start = self.own_memory("idle_kb"), self.own_memory("start_kb")
        yield f"MB with {self.own_memory('idle_count')} idle connections", idle and idle / 1000, 16.0, 1
        yield "MB at start", start and start / 1000, 5.0, 1
        yield "kB an invocation in flight", self.own_memory("active_each_kb"), 4.5, 2
        yield "new weights by the alias API: ms until in force", self.changed("alias API", "first_new_ms"), 2.0, 2
        for key, word in (("failed", "failed"), ("reconnects", "connections made anew")):
            yield f"new weights by the alias API: {word}", self.changed("alias API", key, sum), 0, 0
        slowest, before = (self.changed("alias API", key) for key in ("slowest_ms", "slowest_before_ms"))
        yield f"new weights by the alias API: slowest request, ms ({number(before)} before it)", slowest, 5.0, 2
        for key, word in (("p50_us", "p50"), ("p99_us", "p99")):
            relay = self.added("relay", key)
            peers = [value for value in (self.added(name, key) for name in self.peers) if value is not None]
            most = (relay and 1.1 * relay) if key == "p50_us" else min(peers, default=None)
            yield f"µs added to {word} at 30 % load", self.added("weir", key), most, 0
        splits = [s for s in self.results["split"] if s["proxy"] == "weir"]
        if splits:
            yield "split: invocations off", max(abs(s["got"] - s["of"] // 20) for s in splits), 1, 0

    def target_table(self):
        rows = []
        for title, found, most, digits in self.target_rows():
            if found is not None and most is not None:
                verdict = "yes" if round(found, digits) <= round(most, digits) else "no"
                rows.append([title, number(found, digits), number(most, digits), verdict])
        return table(["weir", "measured", "at most", "reached"], rows)

    # --- picture

    def picture(self):
        """Bars of CPU time as multiples of the relay's, one group per cell."""
        cells = [cell for cell in self.cells if not cell.own]
        names = [name for name in ("weir", *self.peers) if name in self.names]
        colours = {"weir": "#1b6e8c", "nginx": "#9aa5ab", "haproxy": "#c9ced1"}
        left, scale, bar, gap, top = 260, 200, 13, 16, 64
        group = len(names) * bar + gap
        height = top + len(cells) * group + 30
        ratios = {(c.name, n): self.ratio(c.name, n, c.name, "relay") for c in cells for n in names}
        most = max((r for r in ratios.values() if r), default=2)
        width = int(left + scale * max(most, 1.5) + 70)
        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            '<text x="12" y="22" font-size="15" font-weight="bold">Proxy CPU time, as a multiple of a bare relay\'s</text>',
        ]
        for i, name in enumerate(names):
            x = 12 + i * 130
            label = f"{name} {self.results['versions'][name]}"
            out.append(f'<rect x="{x}" y="34" width="11" height="11" fill="{colours[name]}"/>')
            out.append(f'<text x="{x + 16}" y="44">{escape(label)}</text>')
        for i, cell in enumerate(cells):
            y = top + i * group
            out.append(f'<text x="{left - 8}" y="{y + (group - gap) / 2 + 4}" text-anchor="end">{escape(self.title(cell))}</text>')
            for j, name in enumerate(names):
                ratio = ratios[cell.name, name]
                if not ratio:
                    continue
                here = y + j * bar
                out.append(f'<rect x="{left}" y="{here}" width="{scale * ratio:.1f}" height="{bar - 2}" fill="{colours[name]}"/>')
                out.append(f'<text x="{left + scale * ratio + 5:.1f}" y="{here + 10}">{ratio:.2f}</text>')
        x, bottom = left + scale, top + len(cells) * group - gap + 4
        out.append(f'<line x1="{x}" y1="{top - 6}" x2="{x}" y2="{bottom}" stroke="#b03a2e" stroke-dasharray="4 3"/>')
        out.append(f'<text x="{x}" y="{bottom + 14}" text-anchor="middle" fill="#b03a2e">relay</text>')
        return "\n".join([*out, "</svg>"]) + "\n"
