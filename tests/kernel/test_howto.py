"""How-to pages tried word for word: their files are written, their lines are run, and what they print is what stands below."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from listenwatch.pytest_plugin.session_client import FOLDER
from tests import ROOT
from tests.helpers.plugin import needs_seccomp
from tests.helpers.watching import PATIENCE, needs, needs_kernel

pytestmark = pytest.mark.kernel

PAGES = ROOT / "docs" / "pages" / "how-to"
FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^```console\n\$ (.+?)\n```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOMAXCONN = 4096
"""As the pages have it; their servers run in a namespace of their own."""


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder outside the tree."""
    needs_kernel()
    needs_seccomp()
    needs("unshare")
    monkeypatch.delenv(FOLDER, raising=False)
    with tempfile.TemporaryDirectory(prefix="howto-") as name:
        yield Path(name)


def written(page: str, project: Path) -> str:
    """The page, its files written."""
    text = (PAGES / page).read_text()
    for name, content in FILE.findall(text):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return text


def run(line: str, project: Path, somaxconn: int = SOMAXCONN) -> subprocess.CompletedProcess[str]:
    """A line of a shell, with our programs first; what a terminal shows is in ``stdout``."""
    inside = f"echo {somaxconn} > /proc/sys/net/core/somaxconn; ip link set lo up; {line}"
    # pytest prints whole messages where it is told that it runs in CI; the pages show what a terminal shows.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "80", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        ["unshare", "--net", "sh", "-c", inside], cwd=project, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=2 * PATIENCE, check=False,
    )  # fmt: skip


def as_printed(text: str) -> list[str]:
    """Lines without what differs each time: pids, ports, and how wide a column is."""
    text = re.sub(r"python[\d.]*\[", "python[", text)
    return [re.sub(r"\d+", "N", " ".join(line.split())) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("page", ["tests-fail-when-clamped.md", "check-a-configuration.md"])
def test_a_page_word_for_word(page: str, project: Path) -> None:
    text = written(page, project)
    lines = RUN.findall(text)
    assert len(lines) == 2
    for line, expected in lines:
        done = run(line, project)
        printed = as_printed(done.stdout)
        for each in as_printed(expected):
            assert each in printed, f"{line}: {each}\n{done.stdout}"


# -- recipes: the steps as they stand, but for what installs; that is what runs this test


def steps_of_github(project: Path) -> list[str]:
    workflow = yaml.safe_load((project / ".github/workflows/listen.yml").read_text())
    return [step["run"] for step in workflow["jobs"]["listen"]["steps"] if "run" in step]


def steps_of_gitlab(project: Path) -> list[str]:
    steps: list[str] = yaml.safe_load((project / ".gitlab-ci.yml").read_text())["listen"]["script"]
    return steps


def steps_of_image(project: Path) -> list[str]:
    steps = []
    for line in (project / "Dockerfile").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word in ("RUN", "CMD"):
            steps.append(shlex.join(yaml.safe_load(rest)) if word == "CMD" else rest)
    return steps


def steps_of_tox(project: Path) -> list[str]:
    parser = configparser.ConfigParser()
    parser.read(project / "tox.ini")
    steps = parser["testenv:listen"]["commands"].strip().splitlines()
    return [f"pip install {shlex.join(parser['testenv:listen']['deps'].split())}", *steps]


RECIPES: dict[str, Any] = {
    "github": steps_of_github, "gitlab": steps_of_gitlab, "image": steps_of_image, "tox": steps_of_tox,
}  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe(recipe: str, project: Path) -> None:
    written("ci-recipes.md", project)
    install, *steps = RECIPES[recipe](project)
    assert re.match(r"pip install .*\[check\]", install) and len(steps) == 2
    for step in steps:
        done = run(step, project)
        assert done.returncode == 0, f"{step}\n{done.stdout}"
    check, tests = steps
    clamped = run(tests, project, somaxconn=128)
    assert clamped.returncode == 1 and "net.core.somaxconn is 128 in its network namespace" in clamped.stdout, clamped.stdout
    if "--somaxconn" not in check:
        said = run(check, project, somaxconn=128)
        assert said.returncode == 5 and "clamped by net.core.somaxconn, 128" in said.stdout, said.stdout


def test_the_recipe_for_code_scanning(project: Path) -> None:
    written("ci-recipes.md", project)
    workflow = yaml.safe_load((project / ".github/workflows/scan.yml").read_text())
    install, check = (step["run"] for step in workflow["jobs"]["scan"]["steps"] if "run" in step)
    assert install == 'pip install "$LISTENWATCH[check]"'
    for somaxconn, status, rules in (SOMAXCONN, 0, []), (128, 5, ["clamped"]):
        assert run(check, project, somaxconn).returncode == status
        (scan,) = json.loads((project / "listen.sarif").read_text())["runs"]
        assert [result["ruleId"] for result in scan["results"]] == rules
