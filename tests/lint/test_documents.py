"""What the pages for developers name is there: files, links and their places, functions, settings, tests."""

import functools
import re

import pytest
from rules import PRODUCT, ROOT, files

DOCUMENTS = ["docs/architecture.md", "docs/forwarding.md", "docs/threat-model.md", "SECURITY.md"]
SUFFIXES = ("c", "h", "py", "md", "in", "sh", "json")
NOT_OURS = {"getaddrinfo", "epoll_wait", "epoll_ctl", "malloc_trim", "uv_run", "uv_tcp_t", "uv_async_send", "uv_async"}


@functools.cache
def text_of(*folders):
    return "\n".join((ROOT / path).read_text(encoding="utf-8") for path in files(".c", ".h", ".py", folders=folders))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def words(text):
    """What stands in backticks, outside of blocks of code."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def places(text):
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_known_file(word):
    if "/" in word or (ROOT / word).exists():
        return (ROOT / word).exists()
    return any(path.name == word for path in files(f".{word.rsplit('.', 1)[1]}", folders=(*PRODUCT, "tests", "docs")))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", read(name)):
        if "://" not in target and target:
            assert (ROOT / name).parent.joinpath(target).exists(), target
    for target, place in re.findall(r"\]\(([^)#]*)#([^)]*)\)", read(name)):
        page = (ROOT / name).parent.joinpath(target) if target else ROOT / name
        assert place in places(page.read_text(encoding="utf-8")), f"{target}#{place}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name):
    for word in words(read(name)):
        if re.fullmatch(rf"[\w./-]+\.({'|'.join(SUFFIXES)})", word) or re.fullmatch(r"[\w-]+/([\w-]+/?)*", word):
            assert is_known_file(word), word


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tests_that_are_named_exist(name):
    for word in words(read(name)):
        if re.fullmatch(r"test_\w+", word):
            assert f"def {word}(" in text_of("tests"), word
        elif re.fullmatch(r"t_\w+", word):
            assert (ROOT / "tests" / "unit" / f"{word}.c").exists(), word


@pytest.mark.parametrize("name", DOCUMENTS)
def test_functions_that_are_named_exist(name):
    for word in words(read(name)):
        if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", word) and not word.startswith(("test_", "t_", "weir_")) and word not in NOT_OURS:
            assert re.search(rf"\b{word}\b", text_of(*PRODUCT, "tests")), word


@pytest.mark.parametrize("name", DOCUMENTS)
def test_settings_that_are_named_exist(name):
    known = read("docs/settings.md")
    for word in words(read(name)):
        if re.fullmatch(r"(limits|timeouts|upstream|forwarded|log|tls|admin)\.\w{3,}", word):
            assert f"`{word}`" in known, word
