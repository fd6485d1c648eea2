"""The examples of the package's docstring: run as they stand, those that need root apart."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import listenwatch


def run_examples(wanted: Callable[[str], bool]) -> int:
    """Run the examples of each paragraph that is wanted; how many there were. AssertionError for a wrong one."""
    paragraphs = [p for p in (listenwatch.__doc__ or "").split("\n\n") if ">>>" in p and wanted(p)]
    text = "\n\n".join(paragraphs)
    names = {"listenwatch": listenwatch}
    test = doctest.DocTestParser().get_doctest(text, names, "listenwatch", None, None)
    told: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)
    return len(test.examples)


def needs_root(paragraph: str) -> bool:
    """Whether a paragraph attaches the probe."""
    return "listenwatch.watch(" in paragraph
