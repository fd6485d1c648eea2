"""The documentation: every link leads somewhere, every command line parses, every Python example runs."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import time
from itertools import takewhile
from pathlib import Path

import pytest

from docs.generated import MARKER, PARTS, fill, newest, source_link
from listenwatch import cli
from listenwatch.verdict.difference import Field, Where, Witness
from listenwatch.verdict.excuses import Excuse
from listenwatch.version import __version__
from tests import ROOT

PAGES = ROOT / "docs" / "pages"
FILES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted(PAGES.rglob("*.md"))]
by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
OTHERS = sorted({*(ROOT / "vagrant").glob("*.md"), *(ROOT / "listenwatch" / "labs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")})

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")


def text_of(path: Path) -> str:
    """A page as the site shows it: the generated parts in their places."""
    return fill(path.read_text()) if path.is_relative_to(PAGES) else path.read_text()


def anchors_of(text: str) -> set[str]:
    """What ``#...`` can name: headings, and ids that are written out."""
    text = FENCE.sub("", text)
    anchors = set(re.findall(r'\{#([\w.-]+)\}|id="([\w.-]+)"', text))
    named = {anchor for pair in anchors for anchor in pair if anchor}
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", re.sub(r"\{#.*?\}", "", heading)).strip().lower()
        named.add(re.sub(r"[-\s]+", "-", words))
    return named


@by_file
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(FENCE.sub("", text_of(path))):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        assert target.exists(), f"{link}: no such file"
        assert not path.is_relative_to(PAGES) or target.is_relative_to(PAGES), f"{link} leaves the site"
        assert not anchor or anchor in anchors_of(text_of(target)), f"{link}: no such place"


def test_a_broken_link_is_noticed() -> None:
    assert LINK.findall("see [it](no/where.md#x)") == ["no/where.md#x"]
    assert "x" not in anchors_of("# One\n```\n# x\n```\n") and "one" in anchors_of("# One\n")


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md$", (ROOT / "docs" / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {str(path.relative_to(PAGES)) for path in PAGES.rglob("*.md")}


# ---- command lines -----------------------------------------------------------------------------


def command_lines(text: str) -> list[str]:
    """Each ``listenwatch ...`` of a page: after a prompt, as code within a sentence or a table, or indented."""
    lines = re.findall(r"^ {4,}(?:\$ )?((?:\w+ )*listenwatch .+)$", FENCE.sub("", text), re.MULTILINE)
    for language, block in FENCE.findall(text):
        if language == "console":
            lines += re.findall(r"^[#$] (.+)$", block, re.MULTILINE)
    lines += re.findall(r"`(listenwatch [^`]*)`", FENCE.sub("", text))
    return [line for line in lines if "listenwatch " in line]


def arguments_of(line: str) -> list[str]:
    """What is given to listenwatch in a shell's line: up to a pipe, a comment or the like."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&()<>")
    lexer.whitespace_split = True
    words = list(lexer)
    start = next(n for n, word in enumerate(words) if Path(word).name == "listenwatch")
    return list(takewhile(lambda word: word not in ("|", ";", "&", "&&", ")", "<", ">"), words[start + 1 :]))


def check(line: str) -> None:
    """Parse the line with the parser of its command; SystemExit if that refuses it."""
    arguments = arguments_of(line)
    if arguments and arguments[0] == "COMMAND":
        return
    name, rest = cli._command_of(arguments)
    if arguments == [name]:
        return  # the command is named, not called: it may need arguments
    cli.parser_of(name).parse_args(rest)
    if "--" in rest and "listenwatch" in (inner := " ".join(rest[rest.index("--") :])):
        check(inner)


@pytest.mark.parametrize("path", [*FILES, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_command_lines_parse(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in command_lines(path.read_text()):
        try:
            check(line)
        except SystemExit:
            pytest.fail(f"{line}\n{capsys.readouterr().err}")


def test_the_documentation_shows_every_command() -> None:
    shown = {cli._command_of(arguments_of(line))[0] for path in FILES for line in command_lines(path.read_text())
             if arguments_of(line)[:1] != ["COMMAND"]}  # fmt: skip
    assert shown == set(cli.COMMANDS)


@pytest.mark.parametrize("line", ["listenwatch watch --no-such", "listenwatch lab march 7", "listenwatch frobnicate"])
def test_a_line_that_does_not_parse_is_noticed(line: str) -> None:
    with pytest.raises(SystemExit):
        check(line)


# ---- the readme, examples, generated parts -----------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def python_of(path: Path) -> list[str]:
    """The blocks of Python on a page."""
    return [block for language, block in FENCE.findall(path.read_text()) if language == "python"]


@by_file
def test_python_examples_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with a ``>>>`` prompt, where the recording is; what they print must be what is printed there."""
    monkeypatch.chdir(PAGES / "assets")
    prompts = "".join(block for block in python_of(path) if ">>> " in block)
    example = doctest.DocTestParser().get_doctest(prompts, {}, path.name, str(path), 0)
    result = doctest.DocTestRunner(verbose=False).run(example)
    assert result.failed == 0


@by_file
def test_other_python_is_python(path: Path) -> None:
    for block in python_of(path):
        if ">>> " not in block:
            compile(block, str(path), "exec")


def test_the_screen_of_the_recording_is_real(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a terminal of 80 columns shows it."""
    monkeypatch.setattr("listenwatch.commands.reporting.width_of", lambda stream: 80)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert cli.main(["replay", str(PAGES / "assets" / "trace.jsonl")]) == 0
    out, err = capsys.readouterr()
    page = (PAGES / "how-to" / "record-and-replay.md").read_text()
    assert out in page
    assert all(line in page for line in err.splitlines())
    monkeypatch.undo()
    time.tzset()


def test_every_generated_part_is_used_once() -> None:
    used = [name for path in PAGES.rglob("*.md") for name in MARKER.findall(path.read_text())]
    assert sorted(used) == sorted(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_generated_parts_are_tables_or_headings(name: str) -> None:
    part = PARTS[name]()
    rows = [line for line in part.splitlines() if line.startswith("|")]
    assert rows or part.count("\n### ") > 20
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in rows}
    assert len(cells) <= 2, "a cell holds an unescaped bar"  # tables of two shapes at most


def test_commands_are_complete() -> None:
    part = PARTS["commands"]()
    for name in cli.COMMANDS:
        assert f"{{#listenwatch-{name}}}" in part
        for option in re.findall(r"--[\w-]+", cli.parser_of(name).format_usage()):
            assert option in part


def test_rules_link_to_the_release_that_has_them() -> None:
    assert f"linux/v{newest()}/C/ident/inet_listen)" in source_link("inet_listen(), net/ipv4/af_inet.c", newest())
    old = source_link("reqsk_queue_alloc(), net/core/request_sock.c", "4.3")
    assert "linux/v4.3/source/net/core/request_sock.c)" in old


def test_licence_and_changelog_name_this_version() -> None:
    assert "MIT License" in (ROOT / "LICENSE").read_text()
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_files_that_contributing_names_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:listenwatch|probes|tests|docs)/[\w./-]+\.\w+)`", text)
    assert len(named) > 15
    for name in named:
        pattern = re.sub(r"\b(?:SUBJECT|FILE|NAME|PAGE|PART)(?=\.)", "*", name).replace("_PART", "_*").replace("test_NAME", "test_*")
        assert list(ROOT.glob(pattern)), f"{name}: no such file"


def test_the_architecture_names_every_room() -> None:
    text = (PAGES / "explanation" / "architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "listenwatch").glob("*/__init__.py")}
    assert {room for room in rooms if f"`listenwatch/{room}/`" not in text} == set()


def test_every_json_key_of_a_call_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "--json", str(PAGES / "assets" / "trace.jsonl")]) == 0
    page = fill((PAGES / "reference" / "json.md").read_text())
    for line in capsys.readouterr().out.splitlines():
        fields = json.loads(line)
        for key in {*fields, *fields.get("summary", ()), *fields.get("environment", ())} - {"summary"}:
            assert f"`{key}`" in page, key


def test_every_value_of_a_difference_and_an_excuse_is_described() -> None:
    page = (PAGES / "reference" / "json.md").read_text()
    for value in (*Where, *Field, *Witness):
        assert f"`{value.value}`" in page, value
    excuses = (PAGES / "explanation" / "verdict.md").read_text()
    for excuse in Excuse:
        assert f"`{excuse.value}`" in excuses, excuse
