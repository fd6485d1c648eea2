"""The MkDocs hook: puts the generated parts into the pages that name them."""

from __future__ import annotations

from typing import Any

from docs.generated import fill


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs' event for each page's text."""
    return fill(markdown)
