"""What the pages for users say is so: examples pass `weir check`, printed transcripts are what is printed, every key, code, option
and setting is described."""

import json
import re
import shutil
import subprocess

import pytest
from harness import places

pytestmark = pytest.mark.fast
PAGES = ("README.md", "docs/table.md", "docs/health.md", "docs/function-urls.md", "docs/operations.md")


def read(name):
    return (places.ROOT / name).read_text(encoding="utf-8")


def blocks(name, language="json"):
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.DOTALL | re.MULTILINE)


def sources(pattern):
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(places.ROOT.glob(pattern)))


def weir(*arguments, cwd=None):
    return subprocess.run([str(places.WEIR), *arguments], capture_output=True, text=True, cwd=cwd)


def check(folder, text):
    (folder / "bad.json").write_text(text)
    return weir("check", "--table", "bad.json", cwd=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the PEM files that the longest example names."""
    folder = tmp_path_factory.mktemp("documentation")
    key = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=weir -days 2"
    subprocess.run([*key.split(), "-keyout", "weir.key", "-out", "weir.pem"], check=True, capture_output=True, cwd=folder)
    shutil.copy(folder / "weir.pem", folder / "authority.pem")
    return folder


TABLES = [(name, text) for name in PAGES for text in blocks(name) if text.startswith('{') and '"functions"' in text]


@pytest.mark.parametrize("name, text", TABLES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(TABLES)])
def test_a_table_in_a_page_is_right_or_wrong_as_the_page_says(folder, name, text):
    done = check(folder, text)
    transcript = re.search(r"^\$ weir check --table bad.json\n(.*?)^```$", read(name), re.DOTALL | re.MULTILINE)
    if done.returncode == 0:
        assert done.stdout == "the documents are fine\n"
    else:
        assert transcript and done.stderr == transcript[1]


def test_the_wrong_table_and_the_right_ones_were_found(folder):
    statuses = [check(folder, text).returncode for _, text in TABLES]
    assert statuses.count(1) == 1 and statuses.count(0) >= 5


def keys_of(value):
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_of(inner)}
    return {key for inner in value for key in keys_of(inner)} if isinstance(value, list) else set()


def test_every_key_of_the_table_is_described_with_its_range_and_is_in_the_longest_example():
    page = read("docs/table.md")
    text = sources("conf/tabledoc*.c")
    paths = set(re.findall(r'\.path = "([\w.]+)"', text)) | set(re.findall(r'NUMBER\("([\w.]+)"', text))
    assert len(paths) > 30
    example = keys_of(json.loads(max(blocks("docs/table.md"), key=len)))
    for path in paths:
        row = re.search(rf"^\|.*`{re.escape(path)}`.*\|$", page, re.MULTILINE)
        assert row or path in ("health_check", "ejection"), f"{path} is not described"
        assert path.rsplit(".", 1)[-1] in example, f"{path} is not in the example"


def test_every_code_of_a_problem_is_described():
    page = read("docs/table.md")
    calls = r'(?:jsondoc_problem\(\s*doc, [^,]+,|report\(\s*(?:problems|row, doc, at),|problems_add\(\s*&?problems,)\s*"(\w+)"'
    text = sources("conf/tabledoc*.c") + sources("conf/jsondoc.c") + sources("conf/rows.c") + sources("conf/file.c") + sources("proxy/server/documents.c")
    codes = set(re.findall(calls, text)) | set(re.findall(r'^    \{json_error_\w+, "(\w+)"', text, re.MULTILINE))
    assert {"weight_sum", "file_missing", "unknown_key", "too_deep", "no_table", "wrong_type"} <= codes
    assert not [code for code in sorted(codes) if f"`{code}`" not in page]


def test_the_manual_page_has_every_command_and_option_and_no_fault():
    page = read("docs/weir.1").replace("\\-", "-")
    usage = weir("--help").stdout
    words = set(re.findall(r"--[a-z]+", usage)) | set(re.findall(r"^(?:usage:)? +weir ([a-z]+)", usage, re.MULTILINE))
    assert {"--table", "--version", "run", "check", "settings"} <= words
    assert not [word for word in sorted(words) if word not in page]
    assert f'"{weir("--version").stdout.strip()}"' in page
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-z", places.ROOT / "docs/weir.1"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""


def test_every_answer_that_weir_makes_for_an_endpoint_is_in_the_list_of_troubles():
    page = read("docs/operations.md")
    text = re.search(r"struct failure failure_of.*?^}", read("proxy/exchange/failure.c"), re.DOTALL | re.MULTILINE)[0]
    messages = re.findall(r'"(\w+Exception)",\s*"([^"]+)"', text)
    assert len(messages) >= 8
    for kind, message in messages:
        if "out of memory" not in message:
            assert re.search(rf"^\| \d+ `{kind}` \| `{re.escape(message)}`", page, re.MULTILINE), message


def test_links_of_the_pages_for_users_lead_somewhere():
    for name in ("README.md", "CHANGELOG.md", "docs/table.md", "docs/operations.md"):
        for target, place in re.findall(r"\]\(([^):#]*)(?:#([^)]*))?\)", read(name)):
            page = (places.ROOT / name).parent / target if target else places.ROOT / name
            assert page.exists(), f"{name}: {target}"
            headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE) if place else []
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not place or place in anchors, f"{name}: {target}#{place}"
