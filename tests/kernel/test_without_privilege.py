"""Every command as a user who has nothing: no capability, no home, no entry in /etc/passwd, and a folder that is root's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch import cli
from listenwatch.features import survey
from listenwatch.features.answers import Answer
from listenwatch.features.evidence import Evidence
from listenwatch.linux.privileges import IN_NAMESPACES, to_attach
from tests import ROOT
from tests.helpers.privileges import ENVIRONMENT, python_of_nobody
from tests.helpers.watching import PATIENCE, needs
from tests.require import require

UID = 64321
ANSWERS = str(ROOT / "tests/data/answers/gvisor.jsonl.gz")
VECTOR = str(ROOT / "tests/vectors/6.1/kprobe.jsonl.gz")


def with_capabilities(names: tuple[str, ...]) -> str:
    """The end of a refusal."""
    return f"run it as root, or with {', '.join(names[:-1])} and {names[-1]}"


TO_ATTACH, TO_RUN = with_capabilities(to_attach()), with_capabilities(IN_NAMESPACES)
NO_HOME = "this user has no home directory: set XDG_CACHE_HOME to a folder of yours"
REFUSED = {
    "watch": f"{TO_ATTACH}; a command of your own takes no privilege: listenwatch watch -- COMMAND",
    "watch -o /listenwatch.jsonl -- true": "cannot write /listenwatch.jsonl: Permission denied",
    "overflow": TO_ATTACH, "exporter": TO_ATTACH, "identify": TO_RUN, "conformance --build /nowhere": "/nowhere", "verify": TO_RUN, "verify --generate 1": TO_RUN,
    "lab check 1": TO_RUN, "lab prove 1": TO_RUN, "lab start 1": "name a folder of yours",
    "lab list": NO_HOME.replace("CACHE", "STATE"), "lab hint 1": NO_HOME.replace("CACHE", "STATE"),
    "guest --list": NO_HOME, "guest -- true": NO_HOME, "matrix": NO_HOME,
    "replay /root/calls.jsonl": "cannot read /root/calls.jsonl: ",
}  # fmt: skip
WORKS = {
    "predict --backlog 511": 0, "rules": 0, "schema call-3": 0, f"replay {VECTOR}": 0, "features": 0,
    "check --server nginx": 0, f"judge {ANSWERS} --as gvisor": 0,
    "sockets": 4, "top --count 1": 4,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _needs() -> None:
    needs("setpriv")
    python_of_nobody()


def as_user(*environment: str) -> list[str]:
    """The command line that runs another as that user."""
    return ["env", "-i", "PATH=/usr/bin:/bin", *environment, "setpriv", f"--reuid={UID}", f"--regid={UID}",
            "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]  # fmt: skip


def run(*arguments: str, environment: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A command of listenwatch as that user; what it prints says of no fault of listenwatch's own."""
    line = [*as_user(*ENVIRONMENT, *environment), python_of_nobody(), "-m", "listenwatch", *arguments]
    done = subprocess.run(line, cwd="/", capture_output=True, text=True, timeout=PATIENCE, check=False)
    for printed in (done.stdout, done.stderr):
        assert "Traceback" not in printed and "an error of listenwatch itself" not in printed, printed
    return done


def test_every_command_is_tried() -> None:
    assert {line.split()[0] for line in (*REFUSED, *WORKS)} == set(cli.COMMANDS)


@pytest.mark.parametrize("line", REFUSED)
def test_it_says_in_one_line_what_it_takes(line: str) -> None:
    done = run(*line.split())
    assert done.returncode in (2, 3)
    assert done.stdout == ""
    assert re.fullmatch(rf"listenwatch: .*{re.escape(REFUSED[line])}.*\n", done.stderr), done.stderr


@pytest.mark.parametrize("line", WORKS)
def test_it_works(line: str) -> None:
    done = run(*line.split())
    assert done.returncode == WORKS[line], done.stderr
    if WORKS[line] == 0:
        assert done.stdout
    else:
        assert re.search(r"^listenwatch: not seen: .*run it as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE", done.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """One that everybody can write to, as /tmp is."""
    for place in (tmp_path, *tmp_path.parents[:2]):
        place.chmod(0o755)
    tmp_path.chmod(0o1777)
    yield tmp_path


def test_a_command_is_watched_and_its_recording_replayed(folder: Path) -> None:
    require("kernel", survey.seccomp(Evidence()).answer is Answer.YES, "no seccomp notification here")
    recording = str(folder / "calls.jsonl")
    watched = run("watch", "-o", recording, "--", python_of_nobody(), "-c", "import socket; socket.socket().listen(5)")
    assert watched.returncode == 0 and "1 agree, 0 disagree" in watched.stderr, watched.stderr
    again = run("replay", "--json", recording)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == Path(recording).read_text().splitlines()[1:]


def test_a_folder_that_is_not_its_own_is_named(folder: Path) -> None:
    for place, purpose in (("/root/cache", "looked at"), ("/nowhere", "written")):
        done = run("guest", "--list", environment=(f"XDG_CACHE_HOME={place}",))
        assert done.returncode == 3
        refused = f"{place}/listenwatch cannot be {purpose} (Permission denied): set XDG_CACHE_HOME to a folder of yours"
        assert done.stderr == f"listenwatch: {refused}\n"
    done = run("lab", "hint", "1", environment=(f"XDG_STATE_HOME={folder}",))
    assert done.returncode == 0 and done.stdout.startswith("Hint 1 of "), done.stderr
