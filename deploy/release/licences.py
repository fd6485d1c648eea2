"""The note of what listenwatch.pyz and the Debian package bring along: each Python package and its licence, as its wheel says it."""

from __future__ import annotations

from collections.abc import Iterable
from email import message_from_string
from pathlib import Path


def note(needed: Path, folders: Iterable[str]) -> list[str]:
    """A line for each package in these folders of ``needed``: name, version, licence, and the files with its text and notices."""
    places = [path for folder in folders for path in (needed / folder).glob("*.dist-info")]
    return [_line(path, needed) for path in sorted(places, key=lambda path: (path.name.lower(), str(path)))]


def _line(folder: Path, needed: Path) -> str:
    metadata = message_from_string((folder / "METADATA").read_text(encoding="utf-8"))
    texts = sorted(str(path.relative_to(needed)) for path in folder.rglob("*") if path.is_file() and path.name != "METADATA")
    if not texts:
        raise SystemExit(f"release: {folder.name} brings no text of its licence")
    stated = metadata.get("License-Expression") or metadata.get("License") or ""
    named = [text.rpartition(":: ")[2] for text in metadata.get_all("Classifier", []) if text.startswith("License ::")]
    licence = stated if stated and "\n" not in stated else ", ".join(named)
    if not licence:
        raise SystemExit(f"release: {folder.name} names no licence")
    return f"{metadata['Name']} {metadata['Version']}: {licence} ({', '.join(texts)})"
