"""Files that are written: no link is followed, and nobody's file taken over, where everybody may plant one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from listenwatch.errors import UsageError
from listenwatch.linux.output_file import NotFollowed, write_file
from listenwatch.report.json_sinks import RecordingFile


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder like /tmp."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_a_recording_follows_no_link_in_a_sticky_folder(shared: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (shared / "trace.jsonl").symlink_to(target)
    (shared / "dangling").symlink_to(tmp_path / "made")
    for name in ("trace.jsonl", "dangling"):
        with pytest.raises(UsageError, match="symbolic link in a folder that everybody may write to"):
            RecordingFile(str(shared / name))
    assert target.read_text() == "kept" and not (tmp_path / "made").exists()


@pytest.mark.parametrize("path", ["shared/folder/file", "own/file", "link"])
def test_a_link_anywhere_in_the_path_counts(
    path: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder, as what another link leads to, and as the last of several."""
    (tmp_path / "target").mkdir()
    (shared / "folder").symlink_to(tmp_path / "target")
    (shared / "file").symlink_to(tmp_path / "target/file")
    (tmp_path / "own").symlink_to(shared / "folder")
    (tmp_path / "link").symlink_to("shared/file")
    for start in (tmp_path, Path()):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(NotFollowed):
            write_file(start / path, b"x")
    assert not list((tmp_path / "target").iterdir())


def test_links_of_ones_own_are_followed(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "folder").symlink_to("target")
    (tmp_path / "file").symlink_to(tmp_path / "folder/../target/new")
    write_file(tmp_path / "file", b"longer")
    write_file(tmp_path / "file", b"short")
    assert (tmp_path / "target/new").read_bytes() == b"short"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels"):
        write_file(tmp_path / "loop", b"")


@pytest.mark.parametrize(
    ("path", "error"), [("", FileNotFoundError), ("a/", IsADirectoryError), ("/", IsADirectoryError),
                        ("no/file", FileNotFoundError), (".", FileNotFoundError), ("file/x", NotADirectoryError)],
)  # fmt: skip
def test_a_path_that_names_no_file(
    path: str, error: type[OSError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(UsageError) as raised:
        RecordingFile(path)
    assert os.strerror({FileNotFoundError: 2, NotADirectoryError: 20, IsADirectoryError: 21}[error]) in str(raised)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_file_is_not_written(shared: Path) -> None:
    (shared / "planted").touch()
    os.chown(shared / "planted", 12345, 12345)
    with pytest.raises(UsageError, match="another user's file"):
        RecordingFile(str(shared / "planted"))


def test_a_second_name_of_ones_own_file_is_not_written(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (shared / "planted").hardlink_to(tmp_path / "precious")
    with pytest.raises(NotFollowed):
        write_file(shared / "planted", b"x")
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o600), (0o000, 0o600), (0o277, 0o400)])
def test_only_the_owner_reads_a_recording(mask: int, mode: int, shared: Path) -> None:
    with umask(mask):
        recording = RecordingFile(str(shared / "trace.jsonl"))
    assert stat.S_IMODE((shared / "trace.jsonl").stat().st_mode) == mode
    recording._stream.close()


def test_pipes_and_devices_are_written() -> None:
    """/dev/stdout is a link to a link in /proc, which names an open file."""
    script = "from listenwatch.report.json_sinks import RecordingFile as R; R('/dev/stdout')._stream.write('seen')"
    line = ["/bin/sh", "-c", f'exec "$0" -c "{script}"', sys.executable]
    assert subprocess.run(line, capture_output=True, check=True, text=True).stdout == "seen"
    RecordingFile("/dev/null")._stream.close()
