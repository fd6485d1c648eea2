"""The note of what is brought along with its licences."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.release.licences import note


def package(folder: Path, name: str, metadata: str, *texts: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    (info / "licenses").mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{metadata}\n\nLicense: in the text, not a field\n")
    for text in texts:
        (info / text).touch()


def test_each_package_with_its_licence_and_its_texts(tmp_path: Path) -> None:
    both = "License-Expression: A OR B\nClassifier: License :: OSI Approved :: C"
    package(tmp_path / "all", "zoo", both, "licenses/LICENSE", "NOTICE")
    package(tmp_path / "all", "Bar", "License: BSD", "LICENSE")
    package(tmp_path / "arm", "foo", "License: The terms\n        of many lines\nClassifier: License :: OSI Approved :: MIT License", "LICENSE")
    assert note(tmp_path, ("all", "arm")) == [
        "Bar 1.0: BSD (all/Bar-1.0.dist-info/LICENSE)",
        "foo 1.0: MIT License (arm/foo-1.0.dist-info/LICENSE)",
        "zoo 1.0: A OR B (all/zoo-1.0.dist-info/NOTICE, all/zoo-1.0.dist-info/licenses/LICENSE)",
    ]


@pytest.mark.parametrize(
    ("metadata", "texts", "message"), [("License: MIT", (), "brings no text"), ("Summary: x", ("LICENSE",), "names no licence")]
)
def test_what_brings_no_licence_is_not_packed(metadata: str, texts: tuple[str, ...], message: str, tmp_path: Path) -> None:
    package(tmp_path / "all", "foo", metadata, *texts)
    with pytest.raises(SystemExit, match=message):
        note(tmp_path, ("all",))
