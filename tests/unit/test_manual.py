"""The man pages: one for each command, complete, and set by man without a complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.release import manual
from listenwatch import cli
from listenwatch.commands.parser import parsers_of
from tests.require import require

PAGES = manual.pages("2026-01-02")
NAMES = ["listenwatch", *(f"listenwatch-{name}" for name in cli.COMMANDS)]


def shown(text: str, tmp_path: Path) -> str:
    """A page as man prints it, on a line as wide as needed: no word is broken."""
    require("man", shutil.which("man") is not None, "it shows the pages: run 'apt-get install man-db'")
    file = tmp_path / "page.1"
    file.write_text(text)
    line = ["man", "--warnings=w", "--local-file", "--pager=cat", str(file)]
    environment = {"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "MANROFFOPT": "-rHY=0", "GROFF_NO_SGR": "1"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(".\b", "", done.stdout)


def words(text: str) -> str:
    return " ".join(text.split())


def test_there_is_one_for_each_command() -> None:
    assert list(PAGES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_has_all_that_the_help_has(name: str, tmp_path: Path) -> None:
    page = words(shown(PAGES[name], tmp_path))
    command = name.partition("-")[2]
    parser = cli.parser_of(command) if command else cli._top_parser()
    for inner in parsers_of(parser):
        for line in f"{inner.description}\n{inner.epilog}".splitlines():
            text = re.sub(r"^(examples|commands|exit status)[:,] ?", "", words(line))
            assert text[:1].upper() + text[1:] in page or text in page
        for action in inner._actions:
            assert all(option in page for option in action.option_strings)
            if action.help and not isinstance(action.choices, dict):
                assert words(manual.help_of(action, inner)) in page
    for other in NAMES:
        assert other == name or f"{other}(1)" in page


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_sections_of_a_man_page(name: str) -> None:
    sections = re.findall(r"^\.SH (.*)$", PAGES[name], re.MULTILINE)
    assert sections[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"]
    assert sections[-3:] == ["EXAMPLES", "EXIT STATUS", "SEE ALSO"]
    assert re.search(rf"^\.SH NAME\n{re.escape(manual.escaped(name))} \\- \S", PAGES[name], re.MULTILINE)


def test_examples_stay_as_they_are(tmp_path: Path) -> None:
    page = shown(PAGES["listenwatch-watch"], tmp_path)
    example = "  listenwatch watch -o trace.jsonl --duration 5m -n 'redis*' -P 6379,6380"
    assert any(line.endswith(example) for line in page.splitlines())


@pytest.mark.parametrize("text", ["--json 'redis*' \"x\" `id` a^b ~/x \\n", ".TH is text", "'quoted' at the start", "→ ≤"])
def test_nothing_is_read_as_roff(text: str, tmp_path: Path) -> None:
    page = shown("\n".join(['.TH X 1 "2026-01-02"', ".SH NAME", "x \\- y", ".PP", manual.escaped(text), ""]), tmp_path)
    assert text in page


def test_pages_do_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert manual.pages("2026-01-02") == PAGES
    assert [path.name for path in manual.build(tmp_path / "man", 0)] == [f"{name}.1" for name in NAMES]
    assert '"1970-01-01"' in (tmp_path / "man/listenwatch.1").read_text()
