"""What ``make lab`` has checked in its machine fails when anything there is not as it has to be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.fake import program

SCRIPT = ROOT / "vagrant/check-exercises"
EXERCISES = "listenwatch/labs/exercises"
NAMES = ("01-first", "02-second")

# A listenwatch of which each file says how it is graded: "passed", "not yet", or a status alone.
LISTENWATCH = """
case "$2 $3" in
"start "*) mkdir "$3"; cp "$EXERCISES/$3/starter.py" "$3/file.py" ;;
"check --all") set -- */file.py ;;
"check "*) set -- "$3 $4" ;;
esac
[ "$2" = start ] && exit
status=0
for each; do
    name=${each%% *}; name=${name%%/*}
    read -r grade <"${each##* }"
    case $grade in [0-9]) exit "$grade" ;; esac
    echo "$name: $grade, 1 of 2 points"
    [ "$grade" = passed ] || status=1
done
exit $status
"""


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A lab with two exercises in which all is well."""
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "listenwatch", LISTENWATCH)
    program(tmp_path / "bin", "id", "echo 0")
    for name in NAMES:
        for file, grade in (("starter", "not yet"), ("cheat", "not yet"), ("solution", "passed")):
            path = tmp_path / EXERCISES / name / f"{file}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{grade}\n")
    (tmp_path / "vagrant").mkdir()
    shutil.copy(SCRIPT, tmp_path / "vagrant")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("EXERCISES", str(tmp_path / EXERCISES))
    return tmp_path


def run(lab: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([lab / "vagrant" / SCRIPT.name], capture_output=True, text=True, check=False)


def test_all_is_well(lab: Path) -> None:
    done = run(lab)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 starters failed, 2 solutions passed, no cheat did" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("file", "grade", "said"),
    [
        ("starter", "passed", "not every one of the 2 exercises is 'not yet'"),
        ("starter", "skipped", "not every one of the 2 exercises is 'not yet'"),
        ("starter", "3", "check --all ended with 3 instead of 1"),
        ("cheat", "passed", "02-second/cheat.py: status 0"),
        ("cheat", "3", "02-second/cheat.py: status 3"),
        ("solution", "not yet", "check --all ended with 1 instead of 0"),
    ],
)
def test_one_that_does_what_it_should_not_is_named(lab: Path, file: str, grade: str, said: str) -> None:
    (lab / EXERCISES / NAMES[1] / f"{file}.py").write_text(f"{grade}\n")
    done = run(lab)
    assert done.returncode == 4
    assert said in done.stderr
