"""The tree keeps its rules: include direction, names, lengths, banned functions, layout, headers that stand alone."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rules

SOURCES = rules.files(".c", ".h")
PRODUCT_SOURCES = rules.files(".c", ".h", folders=rules.PRODUCT)
PRODUCT_HEADERS = rules.files(".h", folders=rules.PRODUCT)
# What clang-format lays out.
LAID_OUT = rules.files(".c") + PRODUCT_HEADERS
TEXTS = rules.files(".c", ".h", ".py", ".sh", ".txt") + rules.files(
    ".sh", ".md", ".cmake", ".json", folders=("scripts", "docs", "cmake", "examples", "packaging")
)


def complaints_of(check, paths):
    return [complaint for path in paths for complaint in check(path, rules.read(path))]


def expect_none(complaints):
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def test_there_is_something_to_check():
    assert len(PRODUCT_SOURCES) > 10


def test_includes_point_one_way():
    expect_none(complaints_of(rules.check_include_direction, SOURCES))


def test_rooms_of_proxy_know_only_those_below():
    expect_none(complaints_of(rules.check_rooms, PRODUCT_SOURCES))


def test_headers_do_not_include_each_other_in_a_circle():
    graph = {
        str(path): [name for _, name, is_quoted in rules.includes(rules.read(path)) if is_quoted]
        for path in rules.files(".h")
    }
    expect_none(rules.find_cycle(graph))


def test_libraries_stay_in_their_files():
    expect_none(complaints_of(rules.check_libraries, SOURCES))


def test_no_banned_function_is_called():
    expect_none(complaints_of(rules.check_banned, SOURCES))


def test_typedefs_are_function_types():
    expect_none(complaints_of(rules.check_typedef, PRODUCT_SOURCES))


def test_files_open_with_a_comment():
    expect_none(complaints_of(rules.check_opening_comment, SOURCES))


def test_include_guards_are_named_after_the_file():
    expect_none(complaints_of(rules.check_include_guard, PRODUCT_HEADERS))


def test_no_open_ends():
    expect_none(complaints_of(rules.check_open_ends, TEXTS))


def test_files_are_not_too_long():
    expect_none(complaints_of(rules.check_file_length, SOURCES + rules.files(".py")))


def test_lines_are_not_too_wide():
    product = [path for path in LAID_OUT if path.parts[0] in rules.PRODUCT]
    expect_none(complaints_of(rules.check_columns, product))


def test_functions_are_not_too_long():
    expect_none(complaints_of(rules.check_function_length, SOURCES))


def test_stems_are_unique():
    expect_none(rules.check_unique_stems(PRODUCT_SOURCES))


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this is no Debian system")
def test_headers_come_from_packages_that_are_installed_on_purpose():
    """A library that a machine has by chance is missing on the next: each header's package is in scripts/install-deps.sh."""
    wanted = set(re.findall(r"^(?:build|test) (\S+) ", rules.read("scripts/install-deps.sh"), re.MULTILINE))
    wanted |= {"libc6-dev", "linux-libc-dev"}
    multiarch = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True).stdout.strip()
    names = {name for path in SOURCES for _, name, quoted in rules.includes(rules.read(path)) if not quoted}
    places = [f"{folder}/{name}" for folder in ("/usr/include", f"/usr/include/{multiarch}") for name in sorted(names)]
    paths = [path for path in places if os.path.exists(path)]
    found = subprocess.run(["dpkg-query", "-S", *paths], capture_output=True, text=True).stdout
    packages = {line.split(": ")[1]: line.split(":")[0] for line in found.splitlines()}
    assert "libc6-dev" in packages.values()
    expect_none(
        [
            f"{path} is from {package}, which scripts/install-deps.sh does not name"
            for path, package in packages.items()
            if package not in wanted
        ]
    )


def nm_program():
    """Objects that are optimised across files need the nm of the compiler that made them."""
    cache = (rules.BUILD / "CMakeCache.txt").read_text()
    name = "llvm-nm" if re.search(r"^CMAKE_C_COMPILER:\w+=.*clang", cache, re.MULTILINE) else "gcc-nm"
    return shutil.which(name) or "nm"


def libraries():
    """The static libraries that the build has now: a folder may hold those of an older configuration too."""
    targets = (rules.BUILD / "CMakeFiles" / "TargetDirectories.txt").read_text()
    names = sorted(set(re.findall(r"/(weir_\w+)\.dir$", targets, re.MULTILINE)))
    archives = [rules.BUILD / f"lib{name}.a" for name in names]
    return [archive for archive in archives if archive.exists()]


def symbols_of(archive, which):
    """{stem: [symbol]} of a static library: those that it defines (which is --defined-only) or needs (--undefined-only)."""
    text = subprocess.run(
        [nm_program(), which, "--extern-only", archive],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    symbols = {}
    stem = None
    for line in text.splitlines():
        member = re.fullmatch(r"(?:.*[(:])?([\w.-]+)\.c\.o\)?:", line)
        if member:
            stem = member.group(1)
        elif len(line.split()) >= 2 and stem:
            symbols.setdefault(stem, []).append(line.split()[-1])
    return symbols


def test_exports_carry_the_stem_of_their_file():
    archives = libraries()
    assert archives, f"no static libraries in {rules.BUILD}: build first"
    complaints = []
    nr_symbols = 0
    for archive in archives:
        for stem, symbols in symbols_of(archive, "--defined-only").items():
            nr_symbols += len(symbols)
            complaints += rules.check_prefix(stem, symbols)
    assert nr_symbols > 0
    expect_none(complaints)


def graph_of_files():
    """{file: {file}}: which source calls which other, from the static libraries; which file includes which header."""
    archives = libraries()
    home = {}
    for archive in archives:
        for stem, symbols in symbols_of(archive, "--defined-only").items():
            home.update(dict.fromkeys(symbols, f"{stem}.c"))
    graph = {}
    for archive in archives:
        for stem, symbols in symbols_of(archive, "--undefined-only").items():
            graph.setdefault(f"{stem}.c", set()).update(home[symbol] for symbol in symbols if symbol in home)
    for path in PRODUCT_SOURCES:
        known = graph.setdefault(path.name, set())
        known.update(Path(name).name for _, name, is_quoted in rules.includes(rules.read(path)) if is_quoted)
    return {name: known - {name} for name, known in graph.items()}


def test_files_know_each_other_in_one_direction_only():
    graph = graph_of_files()
    assert sum(map(len, graph.values())) > 100
    circles = rules.circles_of(graph)
    expect_none([f"a circle: {', '.join(sorted(circle))}" for circle in circles if not circle <= rules.IN_CIRCLES])
    done = rules.IN_CIRCLES - set().union(*circles)
    assert not done, f"no longer in a circle: take {sorted(done)} off rules.IN_CIRCLES"


def compile_all(compiler, jobs):
    """Compiles (label, text or path) without output; the messages of those that fail."""
    flags = rules.compile_flags()

    def one(job):
        label, text = job
        done = subprocess.run(
            [compiler, "-fsyntax-only", "-O1", *flags, "-x", "c", "-" if text else label],
            input=text,
            capture_output=True,
            text=True,
            cwd=rules.ROOT,
        )
        return "" if done.returncode == 0 else f"{label}:\n{done.stderr}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [message for message in pool.map(one, jobs) if message]


@pytest.mark.parametrize("compiler", ["gcc", pytest.param("clang", marks=pytest.mark.slow)])
def test_each_header_compiles_alone(compiler):
    headers = rules.files(".h")
    jobs = [(str(path), f'#include "{path}"\nint not_empty;\n') for path in headers]
    expect_none(compile_all(compiler, jobs))


@pytest.mark.slow
def test_clang_has_no_warnings_either():
    jobs = [(str(path), None) for path in rules.files(".c")]
    expect_none(compile_all("clang", jobs))


def clang_format():
    """Layout differs between major versions: only the one that .clang-format was written for may judge."""
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path:
            version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            if re.search(r"version 14\.", version):
                return path
    return None


@pytest.mark.skipif(clang_format() is None, reason="clang-format 14 is not installed")
def test_layout_is_what_clang_format_says():
    done = subprocess.run(
        [clang_format(), "--dry-run", "-Werror", *map(str, LAID_OUT)],
        capture_output=True,
        text=True,
        cwd=rules.ROOT,
    )
    lines = re.findall(r"^(.*?):(\d+):\d+: error", done.stderr, re.MULTILINE)
    files = {file: [line for name, line in lines if name == file] for file, _ in lines}
    expect_none([f"{file}: make format would change lines {', '.join(at[:9])}" for file, at in files.items()])
    assert done.returncode == 0, done.stderr
