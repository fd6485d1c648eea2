"""Breaks the model and the check one small change at a time, and asks the unit tests to notice."""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import multiprocessing
import os
import signal
import sys
import time
import types
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import hypothesis
import jsonschema  # noqa: F401  loaded once for all children
import psutil  # noqa: F401
import pytest
import tabulate

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.operators import enum_members, mutants_of
from tests.mutation.warm import DATA, Session, in_child, note

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "listenwatch"
MODULES = [*sorted((PACKAGE / "model").glob("*.py")), PACKAGE / "verdict.py"]
PATTERNS = (
    *("test_mutants_*", "test_model_*", "test_predict", "test_verdict*", "test_queues"),
    *("test_eras", "test_bind_conflict", "test_kernel"),
)
TIME_LIMIT = 60
"""Seconds after which an endless loop counts as noticed."""
NOTHING_NOTICED = ""
OPTIONS = (
    *("-x", "-q", "--no-header", "-W", "ignore", "--assert=plain", "--tb=no"),
    *("-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception"),
    *("-p", "no:faulthandler", "-p", "no:junitxml", "-p", "no:doctest", "-p", "no:logging"),
)
"""What makes pytest start fast, where no one reads what it says."""


class Mutated(importlib.machinery.SourceFileLoader):
    """Loads a module with one mutant in it, from its source and never from a cache."""

    def __init__(self, name: str, path: Path, number: int, enums: dict[str, list[str]]) -> None:
        super().__init__(name, str(path))
        self.number, self.enums = number, enums

    def get_code(self, fullname: str) -> types.CodeType:
        """The code of the mutant."""
        path = Path(self.path)
        tree, found = mutants_of(path, self.enums)
        found[self.number].apply()
        code: types.CodeType = compile(ast.fix_missing_locations(tree), str(path), "exec")
        return code


class Finder(importlib.abc.MetaPathFinder):
    """Puts the mutant where the import system looks first."""

    def __init__(self, loader: Mutated) -> None:
        self.loader = loader

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the one module that is broken."""
        if fullname != self.loader.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.loader.path, loader=self.loader)


class Fewer:
    """A plugin that lets hypothesis try fewer examples."""

    def __init__(self, examples: int) -> None:
        self.examples = examples

    def pytest_sessionstart(self) -> None:
        """After conftest.py has set the profile of every day."""
        profiles = hypothesis.settings
        profiles.register_profile(
            "mutants", profiles.get_profile("listenwatch"), max_examples=self.examples
        )
        profiles.load_profile("mutants")


class Job(NamedTuple):
    """One mutant to try, or with ``number`` None the unbroken package."""

    path: Path
    number: int | None
    files: list[str]
    examples: int


def _warm_up() -> None:
    """Has pytest and its plugins load what they need, then forgets the project's own modules."""
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*OPTIONS, "--co", "tests/unit/test_model_unix.py"])
    for name in [name for name in sys.modules if name.split(".")[0] in ("listenwatch", "conftest")]:
        del sys.modules[name]
    for name in [n for n in sys.modules if n.startswith("tests.") and "mutation" not in n]:
        del sys.modules[name]
    kept = sys.modules.get("tests")
    if kept is not None:
        for attribute in ("unit", "conftest", "require"):
            vars(kept).pop(attribute, None)


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _attempt(job: Job, enums: dict[str, list[str]], answer: int) -> None:
    """In a child: runs the test files in order until one fails, and writes its name."""
    signal.alarm(TIME_LIMIT)
    with Path(os.devnull).open("w") as null:
        for stream in (1, 2):
            os.dup2(null.fileno(), stream)
    if job.number is not None:
        sys.meta_path.insert(0, Finder(Mutated(_module(job.path), job.path, job.number, enums)))
    for file in job.files:
        if pytest.main([*OPTIONS, file], plugins=[Fewer(job.examples)]):
            os.write(answer, file.encode())
            return


def _try(job: Job, enums: dict[str, list[str]]) -> str:
    """Which file noticed; the process is fresh, so nothing of the package is imported yet."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        with contextlib.suppress(BaseException):
            _attempt(job, enums, writes)
            code = 0
        os._exit(code)
    os.close(writes)
    with os.fdopen(reads) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    return said or ("crash or time limit" if status else NOTHING_NOTICED)


def _spans(path: Path) -> dict[int, set[int]]:
    """For each line inside a function the lines of the statement it belongs to."""
    spans: dict[int, set[int]] = {}
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        first = function.body[0].lineno
        for line in range(first, (function.end_lineno or first) + 1):
            spans[line] = set(range(first, (function.end_lineno or first) + 1))
    return spans


def _slowly(
    jobs: list[tuple[Path, int]], files: list[str], examples: int, enums: dict[str, list[str]]
) -> list[tuple[str, int, str]]:
    """A fresh import for each mutant; the files that noticed most in a module come first."""
    noticed: dict[Path, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    found = []
    for path, mutant in jobs:
        score = noticed[path]
        order = sorted(files, key=lambda f, p=path, s=score: (-s[f], p.stem not in f, "mutants" not in f, f))  # type: ignore[misc]
        said = _try(Job(path, mutant, order, examples), enums)
        if said:
            score[said] += 1
        found.append((str(path.relative_to(PACKAGE)), mutant, said))
        note(path, mutant, said)
        if len(found) % 20 == 0:
            print(f"{os.getpid()}: {len(found)} of {len(jobs)}", file=sys.stderr, flush=True)
    return found


def _worker(
    jobs: list[tuple[Path, int, int]], files: list[str], examples: int, once: bool
) -> list[tuple[str, int, str]]:
    """Tries its share: what is at module level slowly, what is inside functions quickly.

    What survives the quick way is tried again in the slow one.
    """
    enums = enum_members(PACKAGE)
    spans = {path: _spans(path) for path in MODULES}
    gc.freeze()
    quick = [
        (path, number, spans[path].get(line, set()))
        for path, number, line in jobs
        if line in spans[path] or path.stem in DATA
    ]
    slow = [(p, n) for p, n, line in jobs if line not in spans[p] and p.stem not in DATA]

    def quickly() -> list[tuple[str, int, str]]:
        session = Session(PACKAGE, quick, enums, TIME_LIMIT)
        with contextlib.redirect_stdout(io.StringIO()):
            pytest.main([*OPTIONS, *files], plugins=[Fewer(examples), session])
        return [(str(path), number, said) for path, number, said in session.results]

    tried = in_child(quickly, 3600) if quick else []
    assert isinstance(tried, list)
    found = _slowly(slow, files, examples, enums)
    print(f"{os.getpid()}: quick ones done", file=sys.stderr, flush=True)
    again = [(Path(path), number) for path, number, said in tried if not said]
    if once:
        return found + [(str(Path(p).relative_to(PACKAGE)), n, said) for p, n, said in tried]
    found += _slowly(again, files, examples, enums)
    return found + [
        (str(Path(path).relative_to(PACKAGE)), number, said) for path, number, said in tried if said
    ]


def main() -> int:
    """Tries every mutant, tells what survived, and fails if one did that is not known as equivalent."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="stems such as queues; all without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--examples", type=int, default=100, help="of each hypothesis test")
    parser.add_argument("--again", type=Path, help="try only the survivors of this report")
    parser.add_argument("--once", action="store_true", help="no second, slower try of survivors")
    parser.add_argument("--report", type=Path, help="write the survivors here, as JSON")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    began = time.monotonic()
    _warm_up()
    files = sorted(
        {
            str(path.relative_to(ROOT))
            for pattern in PATTERNS
            for path in ROOT.glob(f"tests/unit/{pattern}.py")
        }
    )
    enums = enum_members(PACKAGE)
    if said := _try(Job(PACKAGE, None, files, arguments.examples), enums):
        print(f"the tests fail without any mutant: {said}")
        return 1
    texts = {}
    for path in MODULES:
        if arguments.modules and path.stem not in arguments.modules:
            continue
        for number, mutant in enumerate(mutants_of(path, enums)[1]):
            source = path.read_text().split("\n")[mutant.line - 1].strip()
            name = str(path.relative_to(PACKAGE))
            texts[name, number] = (mutant.line, source, mutant.text)
    keys = list(texts)
    if arguments.again:
        before = [(m, n) for m, n, *_ in json.loads(arguments.again.read_text())]
        keys = [key for key in keys if key in before]
    print(f"{len(keys)} mutants, ready after {time.monotonic() - began:.0f} s", file=sys.stderr)
    jobs = [(PACKAGE / name, number, texts[name, number][0]) for name, number in keys]
    with multiprocessing.get_context("fork").Pool(arguments.jobs) as pool:
        parts = pool.starmap(
            _worker,
            [
                (jobs[i :: arguments.jobs], files, arguments.examples, arguments.once)
                for i in range(arguments.jobs)
            ],
            chunksize=1,
        )
    results = [each for part in parts for each in part]
    return _tell(results, texts, arguments.report, time.monotonic() - began)


def _tell(
    results: list[tuple[str, int, str]],
    texts: dict[tuple[str, int], tuple[int, str, str]],
    report: Path | None,
    seconds: float,
) -> int:
    """Prints the figures and each survivor."""
    rows: dict[str, list[int]] = {}
    survivors = []
    for name, number, said in sorted(results):
        line, source, text = texts[name, number]
        equivalent = not said and (name, source, text) in EQUIVALENT
        for row in (rows.setdefault(name, [0, 0, 0, 0]), rows.setdefault("~all", [0, 0, 0, 0])):
            row[0] += 1
            row[1 if said else 3 if equivalent else 2] += 1
        if not said and not equivalent:
            survivors.append((name, number, line, source, text))
            print(f"survived: {name}:{line}: {text}\n    {source}")
    table = [
        (name.strip("~"), *row, f"{100 * row[1] / max(1, row[0] - row[3]):.1f} %")
        for name, row in sorted(rows.items())
    ]
    headers = ("module", "mutants", "killed", "survived", "equivalent", "score")
    print(tabulate.tabulate(table, headers=headers))
    print(f"{seconds:.0f} s")
    if report:
        report.write_text(json.dumps(survivors, indent=1))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
