"""A kernel with a bug for an exercise: why it cannot be had, and what if it does not go away again."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenwatch.errors import ObserveError, Skip
from listenwatch.labs.modules import compiled, loaded
from tests.helpers.fake import program


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for tools; insmod and rmmod in it note what they are told."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("insmod", "rmmod"):
        program(tmp_path, name, f'echo {name} "$@" >>{tmp_path}/told')
    return tmp_path


def source(folder: Path, text: str = "first") -> Path:
    path = folder / "bug.c"
    path.write_text(text)
    return path


# $2 is -C, $4 M=place
MAKE = 'place=${4#M=}; cp "$place/bug.c" "$place/bug.ko"; echo compiled >>"$0.runs"'


def test_it_is_compiled_again_only_when_its_source_has_changed(tools: Path) -> None:
    program(tools, "make", MAKE)
    runs = tools / "make.runs"
    first = compiled(source(tools))
    assert compiled(source(tools)) == first and first.read_text() == "first"
    assert runs.read_text().count("compiled") == 1
    assert compiled(source(tools, "second")).read_text() == "second"
    assert runs.read_text().count("compiled") == 2
    assert [path.name for path in first.parent.iterdir()] == ["bug.ko"]


def test_one_that_does_not_compile_is_skipped_for_the_first_error_and_nothing_is_kept(
    tools: Path,
) -> None:
    program(tools, "make", "echo 'x.c:1: error: no such thing' >&2; echo 'make: *** [all] 2' >&2; exit 2")
    with pytest.raises(Skip, match=r"no kernel module can be .* here: x\.c:1: error: no such"):
        compiled(source(tools))
    program(tools, "make", MAKE)
    assert compiled(source(tools)).exists()


def test_it_is_loaded_with_its_parameters_and_always_taken_out(tools: Path) -> None:
    with loaded(Path("bug.ko"), "bug=3"):
        assert (tools / "told").read_text() == "insmod bug.ko bug=3\n"
    with pytest.raises(ZeroDivisionError), loaded(Path("bug.ko")):
        raise ZeroDivisionError
    assert (tools / "told").read_text().count("rmmod bug\n") == 2


def test_one_the_kernel_does_not_take_is_skipped(tools: Path) -> None:
    program(tools, "insmod", "echo 'Key was rejected by service' >&2; exit 1")
    with pytest.raises(Skip, match=r"cannot load bug.ko: Key was rejected"), loaded(Path("bug.ko")):
        raise AssertionError("it was not loaded")


def test_one_that_stays_in_the_kernel_is_said_and_ends_the_run(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tools, "rmmod", "echo 'bug is in use' >&2; exit 1")
    with pytest.raises(ObserveError, match="nothing can be judged"), loaded(Path("bug.ko")):
        pass
    assert "bug is in use: its bug is still in the kernel: restart" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError), loaded(Path("bug.ko")):
        raise ZeroDivisionError  # not hidden by rmmod's
    assert "its bug is still in the kernel" in capsys.readouterr().err
