"""The rules of the tree as functions: each takes a file (or its text) and returns a list of complaints.

test_rules.py shows that each of them can fail; test_tree.py applies them to the tree.
"""

import json
import os
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEIR_BUILD", ROOT / "build"))

PRODUCT = ("base", "experiment", "router", "metrics", "conf", "store", "control", "splitcheck", "proxy")
FILE_LINES_MAX = 800
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 80

# Which folders' headers a folder may include: base <- experiment <- router, metrics <- conf <- control <- proxy; base <- store <- control; base <- splitcheck.
MAY_INCLUDE = {
    "base": {"base"},
    "experiment": {"experiment", "base"},
    "router": {"router", "experiment", "base"},
    "metrics": {"metrics", "base"},
    "conf": {"conf", "router", "experiment", "metrics", "base"},
    "store": {"store", "base"},
    "control": {"control", "store", "conf", "router", "experiment", "metrics", "base"},
    "splitcheck": {"splitcheck", "base"},
    "proxy": {"proxy", "splitcheck", "control", "store", "conf", "router", "experiment", "metrics", "base"},
}

# The rooms of proxy/ and which of them each may know, itself aside (docs/architecture.md): arrows point down only.
ROOMS = {
    "io": set(),
    "tls": {"io"},
    "http": {"io"},
    "payload": set(),
    "worker": {"tls", "http", "io"},
    "upstream": {"worker", "tls", "http", "io"},
    "exchange": {"payload", "upstream", "worker", "tls", "http", "io"},
    "client": {"payload", "exchange", "upstream", "worker", "tls", "http", "io"},
    "async": {"exchange", "upstream", "worker", "tls", "http", "io"},
    "admin": {"worker", "tls", "http", "io"},
    "server": {"payload", "admin", "async", "client", "exchange", "upstream", "worker", "tls", "http", "io"},
}
# Files that are still in a circle of calls and includes: this list only ever shrinks.
IN_CIRCLES = set()

# Which product files may include a library's headers. What is not a key here is the C library's, POSIX' or Linux'.
LIBRARIES = {
    r"llhttp\.h": r"proxy/http/http1\w*\.[ch]|splitcheck/link\.[ch]",
    r"openssl/.*": r"proxy/tls/.*|control/.*|proxy/exchange/(pintoken|override)\.c|splitcheck/secure\.[ch]",
    r"jansson\.h": r"(conf|control|proxy/payload)/.*|splitcheck/(findings|selftest)\.[ch]|store/(etcdjson|fleetjson|pieces)\.c",
    r"uv(/.*)?\.h": r"(proxy|store|splitcheck)/.*",
    r"sqlite3\.h": r"store/.*",
    r"curl/.*": r"store/httpclient\.c",
    r"yaml\.h": r"control/yamldoc\.c",
    r"ares.*\.h": r"proxy/io/dns\w*\.[ch]",
    r"uthash\.h": r"proxy/.*\.c",
    r"xxhash\.h": r"router/hash\.h",
    r"cmocka\.h": r"tests/.*",
}

BANNED = {
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "strcpy": "memcpy with a known length",
    "stpcpy": "memcpy with a known length",
    "strcat": "memcpy with a known length",
    "atoi": "strtoul, which can tell an error",
    "atol": "strtoul, which can tell an error",
    "atoll": "strtoull, which can tell an error",
    "strtok": "strchr",
    "alloca": "an array with a bound, or malloc",
    "gets": "fgets",
    "localtime": "localtime_r",
    "gmtime": "gmtime_r",
    "asctime": "strftime",
    "ctime": "strftime",
    "rand": "base/prng.h",
}


def files(*suffixes, folders=PRODUCT + ("tests", "bench")):
    """All files below the folders with one of the suffixes, as paths relative to the root."""
    found = []
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                found.append(path.relative_to(ROOT))
    return sorted(found)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def blank_out(match):
    """Spaces instead of what matched, but the same lines."""
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments(text):
    """C text with comments blanked; strings stay. Line numbers stay true."""
    token = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/'
    return re.sub(
        token,
        lambda m: blank_out(m) if m.group(0).startswith("/") else m.group(0),
        text,
        flags=re.DOTALL,
    )


def code_only(text):
    """C text with comments and what is inside strings blanked."""
    text = without_comments(text)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank_out, text)


def includes(text):
    """(line, name, is_quoted) of each #include."""
    found = []
    for number, line in enumerate(without_comments(text).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            found.append((number, match.group(2), match.group(1) == '"'))
    return found


def check_include_direction(path, text):
    folder = Path(path).parts[0]
    complaints = []
    for line, name, is_quoted in includes(text):
        if not is_quoted:
            continue
        target = name.split("/")[0]
        if folder in MAY_INCLUDE:
            if "/" not in name or target not in MAY_INCLUDE:
                complaints.append(f'{path}:{line}: "{name}" is not named folder/file.h')
            elif target not in MAY_INCLUDE[folder]:
                complaints.append(f"{path}:{line}: {folder}/ may not know {name}")
        if not (ROOT / name).exists() and not (ROOT / path).parent.joinpath(name).exists():
            if not (BUILD / "generated" / name).exists():
                complaints.append(f"{path}:{line}: {name} does not exist")
    return complaints


def room_of(name):
    """The room of a file of proxy/; None for proxy/main.c and files elsewhere."""
    parts = Path(name).parts
    return parts[1] if len(parts) == 3 and parts[0] == "proxy" else None


def check_rooms(path, text):
    """Files of proxy/ know their own room and those below."""
    room = room_of(path)
    if room is None:
        return []
    if room not in ROOMS:
        return [f"{path}: proxy/{room} is no room of ROOMS"]
    may_know = ROOMS[room] | {room}
    return [
        f"{path}:{line}: proxy/{room} may not know {name}"
        for line, name, is_quoted in includes(text)
        if is_quoted and room_of(name) and room_of(name) not in may_know
    ]


def check_libraries(path, text):
    complaints = []
    if Path(path).parts[0] not in PRODUCT:
        return complaints
    for line, name, _ in includes(text):
        for library, allowed in LIBRARIES.items():
            if re.fullmatch(library, name) and not re.fullmatch(allowed, str(path)):
                complaints.append(f"{path}:{line}: {name} belongs in {allowed} only")
    return complaints


def check_banned(path, text):
    complaints = []
    for number, line in enumerate(code_only(text).split("\n"), 1):
        for name, instead in BANNED.items():
            if re.search(rf"(?<![\w.>]){name}\s*\(", line):
                complaints.append(f"{path}:{number}: {name} is banned: use {instead}")
    return complaints


def check_typedef(path, text):
    """A typedef hides what a thing is; only function types get one."""
    complaints = []
    code = code_only(text)
    for match in re.finditer(r"^\s*typedef\b([^;]*);", code, flags=re.MULTILINE):
        if "(" not in match.group(1) or "{" in match.group(1):
            number = code.count("\n", 0, match.start(1)) + 1
            complaints.append(f"{path}:{number}: typedef of something that is not a function type")
    return complaints


def check_opening_comment(path, text):
    if not text.startswith("/*"):
        return [f"{path}:1: a file opens with a comment that says what it decides"]
    return []


def check_include_guard(path, text):
    guard = "WEIR_" + re.sub(r"\W", "_", str(path)).upper()
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        return [f"{path}: the include guard should be {guard}"]
    return []


def check_open_ends(path, text):
    words = "|".join(("TO" "DO", "FIX" "ME"))
    return [
        f"{path}:{number}: unfinished business belongs in an issue, not in the tree"
        for number, line in enumerate(text.split("\n"), 1)
        if re.search(rf"\b({words})\b", line)
    ]


def check_columns(path, text):
    """One width for all lines, but for tables that keep clang-format out."""
    table = r"/\* clang-format off \*/.*?/\* clang-format on \*/"
    return [
        f"{path}:{number}: {len(line)} columns; {COLUMNS_MAX} fit"
        for number, line in enumerate(re.sub(table, blank_out, text, flags=re.DOTALL).split("\n"), 1)
        if len(line.rstrip()) > COLUMNS_MAX
    ]


def check_file_length(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        return [f"{path}: {lines} lines; more than {FILE_LINES_MAX} is two files"]
    return []


def function_lengths(text):
    """(line, name, lines between the braces) of each function. clang-format puts a function's braces, and only those,
    in the first column."""
    found = []
    start = None
    lines = code_only(text).split("\n")
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            before = " ".join(lines[max(0, start - 6) : start - 1])
            names = re.findall(r"(\w+)\s*\(", re.split(r"[;}]", before)[-1])
            found.append((start, names[0] if names else "?", number - start - 1))
            start = None
    return found


def check_function_length(path, text):
    return [
        f"{path}:{line}: {name} has {length} lines; more than {FUNCTION_LINES_MAX} is two functions"
        for line, name, length in function_lengths(text)
        if length > FUNCTION_LINES_MAX
    ]


def check_prefix(stem, symbols):
    """What a file exports starts with the file's stem."""
    return [
        f"{stem}.c exports {symbol}: it should be {stem}_... or static"
        for symbol in symbols
        if symbol != stem and not symbol.startswith(stem + "_")
    ]


def check_unique_stems(paths):
    """A stem names one .c and one .h at most: it is the prefix of what they export."""
    seen = {}
    complaints = []
    for path in paths:
        key = (path.stem, path.suffix)
        if key in seen:
            complaints.append(f"{path} and {seen[key]} share a stem")
        seen[key] = path
    folders = {}
    for path in paths:
        folders.setdefault(path.stem, set()).add(path.parent)
    complaints += [
        f"{stem} is in several folders" for stem, where in folders.items() if len(where) > 1
    ]
    return complaints


def find_cycle(graph):
    """A cycle of the graph {node: [node]} as a list of nodes, or []."""
    done = set()

    def visit(node, trail):
        if node in trail:
            return trail[trail.index(node) :] + [node]
        if node in done:
            return []
        for following in graph.get(node, []):
            cycle = visit(following, trail + [node])
            if cycle:
                return cycle
        done.add(node)
        return []

    for node in graph:
        cycle = visit(node, [])
        if cycle:
            return cycle
    return []


def circles_of(graph):
    """The circles of the graph {node: {node}} as sets of nodes that all reach each other (Tarjan's algorithm)."""
    index, low, stack, circles = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for following in graph.get(node, ()):
            if following not in index:
                visit(following)
                low[node] = min(low[node], low[following])
            elif following in stack:
                low[node] = min(low[node], index[following])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                circles.append(set(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return circles


def compile_flags():
    """The include folders, definitions and warnings that the build uses, from its compile commands: what both compilers
    understand."""
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    flags = {}  # a dict keeps the order and drops repetitions
    for entry in commands:
        words = shlex.split(entry["command"])
        for word, following in zip(words, words[1:]):
            if word == "-isystem":
                flags[(word, following)] = None
            elif re.match(r"-(I|D|W(?!l,)|std=)", word) and "_FORTIFY_SOURCE" not in word:
                flags[(word,)] = None
    return [word for flag in flags for word in flag]
