"""The fast way: the tests are collected once, and a fork swaps the code of one function for the mutant's.

Only for mutants inside functions. Left to the slow way: test_verdict_mutations for the model, because
it records calls while it is collected, that is by the unbroken model.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.operators import mutants_of

Lines = set[tuple[str, int]]


def note(path: Path, number: int, said: str) -> None:
    """Keeps each result as it comes, if MUTANTS_LOG names a file."""
    if log := os.environ.get("MUTANTS_LOG"):
        with Path(log).open("a") as stream:
            print(json.dumps([str(path), number, said]), file=stream)


def in_child(work: Callable[[], object], limit: int) -> object:
    """What ``work`` returns in a fork, or None if it crashed or took too long."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            signal.alarm(limit)
            said = json.dumps(work()).encode()
            with os.fdopen(writes, "wb") as stream:
                stream.write(said)
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def functions(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """The functions and methods a module defines, also below lru_cache and property."""
    for owner in (module, *(v for v in vars(module).values() if isinstance(v, type))):
        for value in vars(owner).values():
            found = getattr(value, "fget", value)
            found = getattr(found, "__wrapped__", getattr(found, "__func__", found))
            if isinstance(found, types.FunctionType) and found.__module__ == module.__name__:
                yield found


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def break_function(path: Path, name: str, number: int, enums: dict[str, list[str]]) -> None:
    """Swaps the code of every function of the module for the mutant's, and forgets what is cached."""
    tree, found = mutants_of(path, enums)
    found[number].apply()
    mutant = compile(ast.fix_missing_locations(tree), str(path), "exec")
    by_name = {code.co_qualname: code for code in codes(mutant)}
    for function in functions(sys.modules[name]):
        function.__code__ = by_name[function.__qualname__]
    for module in [m for n, m in sys.modules.items() if n.startswith("listenwatch")]:
        for value in vars(module).values():
            if callable(getattr(value, "cache_clear", None)):
                value.cache_clear()


DATA = {
    "backports": ("test_mutants_eras", "test_eras"),
    "eras": ("test_mutants_eras", "test_eras"),
    "families": ("test_mutants_tables", "test_model_families"),
}
"""Modules of plain data, whose new values can take the place of the old everywhere, and their tests."""


def break_data(path: Path, name: str, number: int, enums: dict[str, list[str]]) -> None:
    """Runs the broken module and puts what it makes wherever the old values were imported."""
    tree, found = mutants_of(path, enums)
    found[number].apply()
    broken = types.ModuleType(name)
    old = dict(vars(sys.modules[name]))
    exec(compile(ast.fix_missing_locations(tree), str(path), "exec"), vars(broken))
    for other in [m for n, m in sys.modules.items() if n.startswith(("listenwatch", "tests.unit"))]:
        for key, value in list(vars(other).items()):
            for mine, was in old.items():
                imported = value is was and not isinstance(was, int | str)
                own = other.__name__ == name and mine == key
                if (imported or own) and not mine.startswith("__"):
                    setattr(other, key, vars(broken)[mine])


class Session:
    """A pytest plugin that tries the mutants instead of running the tests."""

    def __init__(
        self,
        package: Path,
        jobs: list[tuple[Path, int, set[int]]],
        enums: dict[str, list[str]],
        limit: int,
    ) -> None:
        self.package, self.jobs, self.enums, self.limit = package, jobs, enums, limit
        self.results: list[tuple[Path, int, str]] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """All of it: which test runs which line, then every mutant against the tests that run it."""
        began = time.monotonic()
        items = session.items
        traced = in_child(lambda: [self.trace(item) for item in items], 600)
        assert isinstance(traced, list)
        lines: list[Lines] = [{(p, n) for p, n in ran} for _, ran in traced]
        seconds = [taken for taken, _ in traced]
        print(f"traced in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        scores = [0] * len(items)
        for path, number, span in self.jobs:
            wanted = {(str(path), line) for line in span}
            model = path.parent != self.package
            chosen = [
                i
                for i, item in enumerate(items)
                if (wanted & lines[i] or item.path.stem in DATA.get("" if span else path.stem, ()))
                and not (model and "test_verdict_mutations" in item.nodeid)
            ]
            chosen.sort(key=lambda i: seconds[i] / (1 + scores[i]))
            said = in_child(lambda p=path, n=number, c=chosen, d=not span: self.attempt(p, n, items, c, d), self.limit)  # type: ignore[misc]
            name = "crash or time limit"
            if isinstance(said, int):
                name = items[said].nodeid if said >= 0 else ""
                scores[max(said, 0)] += said >= 0
            self.results.append((path, number, name))
            note(path, number, name)
        return True

    def trace(self, item: pytest.Item) -> tuple[float, list[tuple[str, int]]]:
        """How long a test takes, and the lines of the package's functions it runs."""
        ran: Lines = set()
        inside = str(self.package)
        for module in [m for n, m in sys.modules.items() if n.startswith("listenwatch")]:
            for value in vars(module).values():
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()

        def each_line(frame: types.FrameType, event: str, argument: object) -> object:
            ran.add((frame.f_code.co_filename, frame.f_lineno))
            return each_line

        def each_call(frame: types.FrameType, event: str, argument: object) -> object:
            if frame.f_code.co_filename.startswith(inside):
                return each_line(frame, event, argument)
            return None

        began = time.monotonic()
        sys.settrace(each_call)  # type: ignore[arg-type]
        runtestprotocol(item, log=False, nextitem=None)
        sys.settrace(None)
        return time.monotonic() - began, sorted(ran)

    def attempt(self, path: Path, number: int, items: list[pytest.Item], chosen: list[int], data: bool) -> int:
        """The first test that fails, or -1."""
        name = ".".join(path.relative_to(self.package.parent).with_suffix("").parts)
        if data:
            break_data(path, name, number, self.enums)
        else:
            break_function(path, name, number, self.enums)
        for i in chosen:
            if any(report.failed for report in runtestprotocol(items[i], log=False, nextitem=None)):
                return i
        return -1
