#!/usr/bin/python3
"""Finds what the tests do not see: changes FILE in one place at a time, and names the changes that every test lets pass.

usage: mutate.py FILE [--most N] [--seed N] [--lines A-B] [--unit] [--list] [--tests TEST...] [--quick] [--jobs N]

A change (mutant) turns a comparison, a condition or a constant: < into <=, == into !=, && into ||, if (x) into if (!(x)), 7 into 8,
true into false. Each is compiled by itself and linked into the programs of a build of the tree below build/mutate/, and the tests that reach its line (by gcov, once a tree) are run:
unit tests first, then modules of tests/system, unless --unit leaves those out. Without a survivor the exit status is 0, else 1.

--tests names them instead, and nothing is measured first: unit tests (t_framing), modules (test_split) and parts of modules
(test_upstream_side:"idle or lifetime", as pytest's -k understands it). They run in this order until one fails. What survives
them may still be killed by others.

--most N takes N of the mutants at random (--seed repeats the same choice), --lines those of some lines, --list only prints them.
--quick builds without sanitizers, which takes half the time; only what survives then is tried with them.
--jobs N tries N mutants at a time.
"""

import argparse
import gzip
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "build" / "mutate"
TREE, COVERAGE, REACHED = BASE / "tree", BASE / "coverage", BASE / "reached"
MADE, PLAIN = BASE / "made", BASE / "plain"  # where mutants are built, with sanitizers and without
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
# What whole-program tests look for beside weir, by the names of targets and of files.
HELPERS = {"weir-demo": "weir-demo", "weir-load": "weir-load", "weir-nomem": "weir-nomem.so"}
UNIT_LIMIT_S, SYSTEM_LIMIT_S = 60, 600
# Modules that start no weir of this tree, or measure.
NOT_REACHING = {"test_image", "test_packaging", "test_bench_smoke", "test_soak", "test_make_run", "test_documentation"}

TOKEN = re.compile(
    r"""(?P<skip>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:\\\n|[^\n])*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\d(?:\w|\.)*)
    |(?P<operator><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[<>!(){}\[\];,?:=+*/%&|^~.-])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
TURNED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+": "-", "-": "+"}


class Mutant:
    def __init__(self, text, start, end, new):
        self.start, self.end, self.new = start, end, new
        self.line = text.count("\n", 0, start) + 1
        line_start = text.rfind("\n", 0, start) + 1
        self.source = text[line_start : text.find("\n", start)].strip()
        self.old = text[start:end]

    def apply(self, text):
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self):
        old = " ".join(self.old.split())
        return f"{self.line}: {old} -> {' '.join(self.new.split())}    {self.source}"


def closing(tokens, at):
    """The index of the parenthesis that closes the one at index at."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i].group(), 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def is_binary(tokens, i):
    """Whether the operator at i stands between two values: not the sign of a number, and no pointer in a declaration."""
    before = tokens[i - 1]
    return before.lastgroup in ("word", "number") and before.group() != "return" or before.group() in (")", "]")


def mutants_of(text):
    tokens = [m for m in TOKEN.finditer(text) if m.lastgroup != "skip"]
    found = []
    for i, token in enumerate(tokens):
        word = token.group()
        if word in ("if", "while") and tokens[i + 1].group() == "(":
            start, end = tokens[i + 1].end(), tokens[closing(tokens, i + 1)].start()
            found.append(Mutant(text, start, end, f"!({text[start:end]})"))
        elif word in TURNED and is_binary(tokens, i):
            found.append(Mutant(text, token.start(), token.end(), TURNED[word]))
        elif word in ("true", "false"):
            found.append(Mutant(text, token.start(), token.end(), "false" if word == "true" else "true"))
        elif token.lastgroup == "number" and re.fullmatch(r"\d+", word):
            found.append(Mutant(text, token.start(), token.end(), str(int(word) + 1)))
        elif token.lastgroup == "number" and re.fullmatch(r"0x[0-9a-fA-F]+", word):
            found.append(Mutant(text, token.start(), token.end(), hex(int(word, 16) ^ 1)))
    return found


def run(command, limit_s=None, **more):
    """The command's status; a command over its limit has failed, with everything that it started."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **more)
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return -1


def quiet(command, limit_s=None, **more):
    return run(command, limit_s, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def copy_tree():
    """A copy of the files that git knows, as they are now. Answers a digest of them all."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    digest = hashlib.sha256()
    wanted = {name for name in names if name and (ROOT / name).is_file()}
    for name in sorted(wanted):
        data, target = (ROOT / name).read_bytes(), TREE / name
        digest.update(name.encode() + b"\0" + data)
        if not target.exists() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    for path in list(TREE.rglob("*.[ch]")):
        if str(path.relative_to(TREE)) not in wanted and "build" not in path.relative_to(TREE).parts:
            path.unlink()
    (TREE / "build").mkdir(exist_ok=True)
    link = TREE / "build" / "llhttp"
    if not link.exists():
        link.symlink_to(ROOT / "build" / "llhttp")
    return digest.hexdigest()


def configure(folder, *flags):
    command = ["cmake", "-S", TREE, "-B", folder, "-DCMAKE_BUILD_TYPE=Debug", "-DWEIR_WERROR=OFF", *flags]
    command += ["-G", "Unix Makefiles", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]  # both say how a mutant is made: class Works
    if shutil.which("ccache"):
        command.append("-DCMAKE_C_COMPILER_LAUNCHER=ccache")
    if quiet(command) != 0:
        sys.exit(f"{folder} cannot be configured")


def build(folder, targets):
    jobs = ["--parallel", str(os.cpu_count())]
    return quiet(["cmake", "--build", folder, *jobs, "--target", *targets]) == 0


def environment(folder, **more):
    return {
        **os.environ,
        **more,
        "WEIR_BIN": f"{folder}/weir",
        "WEIR_DEMO": f"{folder}/weir-demo",
        "WEIR_BUILD": str(folder),
        "WEIR_PRESET": "asan" if folder == MADE else "debug",
        "ASAN_OPTIONS": "exitcode=99",
        "UBSAN_OPTIONS": "exitcode=99",
    }


def pytest_of(module, *more):
    module, _, part = module.partition(":")
    return [PYTHON, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *more, f"tests/system/{module}.py"] + (["-k", part] if part else [])


def unit_tests():
    return sorted(path.stem for path in (TREE / "tests" / "unit").glob("t_*.c"))


def system_modules():
    return sorted({path.stem for path in (TREE / "tests" / "system").glob("test_*.py")} - NOT_REACHING)


def note_reach(digest, is_unit_only):
    """Runs every test once in a build that counts lines; the counts of each lie in a folder of their own."""
    stamp = BASE / "stamp"
    seen = stamp.read_text().split() if stamp.exists() else []
    wanted = [digest, "unit" if is_unit_only else "all"]
    if seen and seen[0] == digest and seen[1] in (wanted[1], "all"):
        return
    shutil.rmtree(REACHED, ignore_errors=True)
    configure(COVERAGE, "-DCMAKE_C_FLAGS=--coverage")
    if not build(COVERAGE, ["tests"]):
        sys.exit("the tree does not build")
    for name in unit_tests():
        print(f"what {name} reaches", file=sys.stderr)
        if quiet([COVERAGE / "tests" / "unit" / name], 300, cwd=TREE, env=environment(COVERAGE, GCOV_PREFIX=f"{REACHED}/{name}")) != 0:
            print(f"mutate: {name} fails as the tree is", file=sys.stderr)
    for name in [] if is_unit_only else system_modules():
        print(f"what {name} reaches", file=sys.stderr)
        command = [word for word in pytest_of(name, "-n", "3") if word != "-x"]
        if quiet(command, 900, cwd=TREE, env=environment(COVERAGE, GCOV_PREFIX=f"{REACHED}/{name}")) not in (0, 5):
            print(f"mutate: {name} fails as the tree is", file=sys.stderr)
    stamp.write_text(" ".join(wanted))


def reach_of(file):
    """{line: [test]}: who runs it."""
    reach = {}
    notes = list(COVERAGE.rglob(f"{file}.gcno"))
    if not notes:
        sys.exit(f"{file} is no part of the build")
    for folder in sorted(REACHED.iterdir()):
        for counts in folder.rglob(f"{file}.gcda"):
            shutil.copy(notes[0], counts.with_suffix(".gcno"))
            done = subprocess.run(["gcov", "--json-format", "--stdout", counts], capture_output=True, cwd=TREE)
            text = gzip.decompress(done.stdout) if done.stdout[:2] == b"\x1f\x8b" else done.stdout
            for source in json.loads(text)["files"] if text else []:
                if source["file"].endswith(file):
                    for line in source["lines"]:
                        if line["count"] > 0:
                            reach.setdefault(line["line_number"], []).append(folder.name)
    return reach


class Works:
    """A build of the tree, and how to make its programs with a mutant of file in the place of file. What is made lies in a folder a mutant."""

    def __init__(self, folder, file):
        self.folder, self.file = folder, TREE / file
        entry = next(e for e in json.loads((folder / "compile_commands.json").read_text()) if e["file"] == str(self.file))
        self.compiling = shlex.split(entry["command"])
        if self.compiling[0].endswith("ccache"):
            self.compiling.pop(0)
        self.compiled_in = entry["directory"]

    def compile(self, text, into):
        source = into / self.file.name
        source.write_text(text)
        words = [str(source) if word == str(self.file) else word for word in self.compiling]
        words[words.index("-o") + 1] = str(into / "mutant.o")
        return quiet(words, cwd=self.compiled_in) == 0

    def program(self, name, into):
        """Links the program; it answers its path."""
        rules = next(self.folder.rglob(f"CMakeFiles/{name}.dir/link.txt"))
        words = shlex.split(rules.read_text())
        words[words.index("-o") + 1] = str(into / name)
        at = next(i for i, word in enumerate(words) if word.endswith(".a"))
        # What archives hold of it is not taken then.
        if quiet([*words[:at], into / "mutant.o", *words[at:]], cwd=rules.parents[2]) != 0:
            sys.exit(f"{name} cannot be linked: {' '.join(words)}")
        return into / name

    def passes(self, test, into, limit_s):
        """Whether a unit test, a module or a part of a module passes with the mutant in place."""
        if test.startswith("t_"):
            return quiet([self.program(test, into)], limit_s, cwd=TREE, env=environment(self.folder)) == 0
        jobs = [] if ":" in test else ["-n", "3"]
        env = {**environment(self.folder), "WEIR_BIN": str(into / "weir")}
        return quiet(pytest_of(test, *jobs), limit_s, cwd=TREE, env=env) in (0, 5)

    def killer(self, text, tests, limits):
        """The first test that fails with text in file; "" when none does, None when it does not even compile."""
        with tempfile.TemporaryDirectory(dir=BASE) as into:
            if not self.compile(text, Path(into)):
                return None
            if any(test.startswith("test_") for test in tests):
                self.program("weir", Path(into))
                for name in HELPERS.values():
                    (Path(into) / name).symlink_to(self.folder / name)
            for test in tests:
                limit_s = limits.get(test, UNIT_LIMIT_S if test.startswith("t_") else SYSTEM_LIMIT_S)
                if not self.passes(test, Path(into), limit_s):
                    return test
        return ""


def check_named(tests, works):
    """Named tests have to be there, and to pass as the tree is. Answers how long each may take with a mutant in place."""
    limits = {}
    for name in tests:
        if name.partition(":")[0] not in unit_tests() + system_modules():
            sys.exit(f"there is no test {name}")
    for name in tests:
        began = time.monotonic()
        if works.killer(works.file.read_text(), [name], {}) != "":
            sys.exit(f"{name} fails as the tree is")
        limits[name] = 15 + 8 * (time.monotonic() - began)
    return limits


def build_for(tests, folder):
    units = [name for name in tests if name.startswith("t_")]
    if not build(folder, units + ([] if len(units) == len(tests) else ["weir", *HELPERS])):
        sys.exit("the tree does not build")


def reaching(mutant, reach, text):
    """Tests that reach the mutant's lines, or the nearest line before it that counts (a condition over several lines has one)."""
    last = mutant.line + text.count("\n", mutant.start, mutant.end)
    lines = [line for line in range(mutant.line, last + 1) if line in reach]
    if not lines:
        lines = [line for line in range(mutant.line - 1, max(0, mutant.line - 6), -1) if line in reach][:1]
    return sorted({test for line in lines for test in reach[line]}, key=lambda name: (not name.startswith("t_"), name))


def try_all(file, mutants, tests_of, builds, limits, jobs):
    text = (TREE / file).read_text()
    survivors, killed, senseless = [], 0, 0

    def killer_of(mutant):
        killer = ""
        for works in builds:
            if killer == "":
                killer = works.killer(mutant.apply(text), tests_of(mutant, text), limits)
        return killer

    with ThreadPoolExecutor(jobs) as pool:
        for number, (mutant, killer) in enumerate(zip(mutants, pool.map(killer_of, mutants)), 1):
            tests = tests_of(mutant, text)
            if killer is None:
                senseless += 1
            elif killer == "":
                survivors.append((mutant, tests))
            else:
                killed += 1
            word = {None: "does not compile", "": "SURVIVES" if tests else "SURVIVES: no test reaches it"}.get(killer, f"killed by {killer}")
            print(f"{number}/{len(mutants)} {file}:{mutant}: {word}", flush=True)
    print(f"{file}: {killed} killed, {len(survivors)} survived, {senseless} do not compile; of {len(mutants)}")
    for mutant, tests in survivors:
        print(f"survivor: {file}:{mutant}    ({len(tests)} tests tried)")
    return survivors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", default="")
    parser.add_argument("--unit", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--tests", nargs="+", default=[], metavar="TEST")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    file = os.path.relpath(ROOT / options.file, ROOT)
    if not (ROOT / file).is_file() or not file.endswith(".c"):
        parser.error(f"{options.file} is no C source of this tree")

    mutants = mutants_of((ROOT / file).read_text())
    if options.lines:
        first, last = (int(word) for word in options.lines.split("-"))
        mutants = [mutant for mutant in mutants if first <= mutant.line <= last]
    if options.most and options.most < len(mutants):
        chosen = random.Random(options.seed).sample(range(len(mutants)), options.most)
        mutants = [mutants[i] for i in sorted(chosen)]
    if options.list:
        print(*(f"{file}:{mutant}" for mutant in mutants), sep="\n")
        return 0

    BASE.mkdir(parents=True, exist_ok=True)
    digest = copy_tree()
    folders = [PLAIN, MADE] if options.quick else [MADE]
    if not options.tests:
        note_reach(digest, options.unit)
    if options.quick:
        configure(PLAIN)
    configure(MADE, "-DWEIR_SANITIZE=address,undefined")  # what only a sanitizer sees is seen
    if options.tests:
        tests = sorted(options.tests, key=lambda name: not name.startswith("t_"))
        for folder in folders:
            build_for(tests, folder)
        builds = [Works(folder, file) for folder in folders]
        limits = check_named(tests, builds[0])
        return 1 if try_all(file, mutants, lambda mutant, text: tests, builds, limits, options.jobs) else 0
    for folder in folders:
        if not build(folder, ["tests"]):
            sys.exit("the tree does not build")
    reach = reach_of(file)

    def reaching_tests(mutant, text):
        return [name for name in reaching(mutant, reach, text) if name.startswith("t_") or not options.unit]

    return 1 if try_all(file, mutants, reaching_tests, [Works(folder, file) for folder in folders], {}, options.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
