"""listenwatch as it is installed: a wheel, run from an empty folder, reads nothing of the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenwatch import cli
from tests import ROOT
from tests.helpers.calls import call, recorded
from tests.helpers.wheel import Installed, install


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("wheel"))


def test_it_is_the_installed_package_that_runs(installed: Installed) -> None:
    printed = installed.python("import listenwatch; print(listenwatch.__file__)")
    assert Path(printed.strip()) == installed.package / "__init__.py"


def test_all_the_data_of_the_checkout_is_in_it(installed: Installed) -> None:
    def files(package: Path) -> set[str]:
        paths = (path for path in package.rglob("*") if path.is_file())
        return {str(path.relative_to(package)) for path in paths if "__pycache__" not in path.parts}

    assert files(installed.package) == files(ROOT / "listenwatch")
    assert {"py.typed", "labs/kernel_modules/broken.h"} <= files(installed.package)
    assert {f"bpf/listen.{machine}.bpf.o" for machine in ("x86_64", "aarch64", "riscv64")} <= files(installed.package)


def test_reading_the_checkout_would_be_noticed(installed: Installed) -> None:
    assert not installed.noted.exists()
    installed.python(f"open({str(ROOT / 'pyproject.toml')!r}).close()")
    assert installed.noted.read_text().splitlines() == [str(ROOT / "pyproject.toml")]
    installed.noted.unlink()


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_every_command_has_its_help(installed: Installed, command: str) -> None:
    done = installed.run(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: listenwatch")


@pytest.mark.parametrize(
    ("line", "statuses", "shown"),
    [
        ("predict --backlog 511", {0}, "511"),
        ("rules", {0}, "__sys_listen"),
        ("lab list", {0}, "01-first-look"),
        ("lab start 1", {0}, "Your file: 01-first-look/first_look.py"),
        ("lab hint 1", {0}, "Hint 1 of"),
        ("lab solution 14", {0}, "backlog"),
        ("features", {0, 3}, "kprobe"),
        ("verify --list", {0}, "clamp"),
        ("sockets", {0, 1, 4}, ""),
    ],
)
def test_what_needs_no_privilege(
    installed: Installed, line: str, statuses: set[int], shown: str
) -> None:
    done = installed.run(*line.split())
    assert done.returncode in statuses, done.stderr
    assert shown in done.stdout


def test_a_recording_is_replayed(installed: Installed) -> None:
    recording = installed.folder / "calls.jsonl"
    recording.write_bytes(recorded([call()]))
    done = installed.run("replay", str(recording))
    assert (done.returncode, "1 agree, 0 disagree" in done.stderr) == (0, True), done.stderr
