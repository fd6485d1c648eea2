"""Every small wrong change to a module: what is changed, and what counts as documentation and is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """One change: ``text`` says which, ``apply`` makes it in the tree it was found in."""

    line: int
    text: str
    apply: Callable[[], None]


COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
ERRNOS = re.compile(r"E[A-Z]{3,}$")
NO_PROSE = re.compile(r"[\w./+-]*$")

# Documentation, by where it stands.
TEXT_FUNCTIONS = {"_argument", "_clamp_text"}
"""Make the description of a ``run.step``."""
TEXT_NAMES = {"does", "fires", "inner", "stored", "told", "__slots__", "_OLD"}
"""Variables that hold such descriptions (and what only saves memory)."""
TEXT_CLASSES = {
    *("SomaxconnRange", "SynQueue", "FastOpen", "HashError", "ListenerTables", "InnerHash"),
    *("StartArgument", "Stored", "Answer"),
}
"""Enums whose values are descriptions; nothing reads them but people."""
CITED = {"Rule", "QueueRule", "BacklogRule"}
"""Enums of (id, text, source): the id counts."""
CITATIONS = ("rules.py", "queue_rules.py")
"""Files whose module-level strings are sources."""
NAME_TABLES = {"NO_LISTEN", "UNMODELLED", "PROTOCOLS"}
"""Dicts whose keys count and whose values are texts of ``Unmodelled``."""


def enum_members(package: Path) -> dict[str, list[str]]:
    """The members of each enum that mutants may swap."""
    found: dict[str, list[str]] = {}
    for path in [*package.glob("model/*.py"), package / "verdict.py", package / "record.py"]:
        for node in ast.parse(path.read_text()).body:
            bases = {b.id for b in getattr(node, "bases", []) if isinstance(b, ast.Name)}
            if isinstance(node, ast.ClassDef) and bases & {"Enum", "IntEnum", "Cited"}:
                assigns = [n for n in node.body if isinstance(n, ast.Assign)]
                names = [t.id for n in assigns for t in n.targets if isinstance(t, ast.Name)]
                if len(names) > 1:
                    found[node.name] = names
    return found


class Finder:
    """Finds the mutants of one file, in the order of its tree."""

    def __init__(self, path: Path, enums: dict[str, list[str]]) -> None:
        self.tree = ast.parse(path.read_text())
        self.name = path.name
        self.enums = enums
        self.found: list[Mutant] = []
        self.functions = 0
        self.differences = 0
        self.calls = False
        for position, _ in enumerate(self.tree.body):
            self.statement(self.tree.body, position)
        ast.fix_missing_locations(self.tree)

    def add(self, node: ast.AST, text: str, apply: Callable[[], None]) -> None:
        """Notes one mutant."""
        self.found.append(Mutant(getattr(node, "lineno", 0), text, apply))

    def swap(self, holder: object, key: str | int, node: ast.AST, new: ast.AST, text: str) -> None:
        """A mutant that puts ``new`` where ``node`` stands in ``holder``."""

        def apply() -> None:
            ast.copy_location(new, node)
            ast.fix_missing_locations(new)
            if isinstance(holder, list):
                holder[int(key)] = new
            else:
                setattr(holder, str(key), new)

        self.add(node, text, apply)

    def drop(self, holder: list[ast.AST], node: ast.AST, text: str, *more: list[ast.AST]) -> None:
        """A mutant without one element; ``more`` are lists that run beside ``holder``."""
        position = holder.index(node)

        def apply() -> None:
            for each in (holder, *more):
                del each[position]

        self.add(node, f"drop {text}", apply)

    # -- statements

    def statement(self, body: list[ast.stmt], position: int) -> None:
        """A statement and all below it."""
        node = body[position]
        if isinstance(node, ast.Import | ast.ImportFrom) or self.is_documentation(node):
            return
        short = ast.unparse(node).split("\n")[0][:70]
        if self.functions:
            removable = isinstance(node, ast.Expr | ast.Raise) or (
                isinstance(node, ast.Assign | ast.AugAssign)
                and any(
                    isinstance(n, ast.Attribute | ast.Subscript) and isinstance(n.ctx, ast.Store)
                    for n in ast.walk(node)
                )
            )
            if removable:
                self.swap(body, position, node, ast.Pass(), f"remove {short}")
            if isinstance(node, ast.Continue):
                self.swap(body, position, node, ast.Break(), "continue -> break")
            if isinstance(node, ast.Return) and not isinstance(node.value, ast.Constant | None):
                self.swap(node, "value", node, ast.Constant(None), f"{short} -> None")
        if isinstance(node, ast.Raise):
            return  # the text of an exception
        if isinstance(node, ast.If | ast.While):
            self.negate(node, "test", node.test)
        if isinstance(node, ast.ClassDef):
            self.class_body(node)
            return
        if isinstance(node, ast.FunctionDef):
            if node.name in TEXT_FUNCTIONS:
                return
            for defaults in (node.args.defaults, node.args.kw_defaults):
                for i, default in enumerate(defaults):
                    self.expression(defaults, i, default)
            self.functions += 1
            for i, _ in enumerate(node.body):
                self.statement(node.body, i)
            self.functions -= 1
            return
        if not self.functions and isinstance(node, ast.Assign):
            self.table(node)
        for field, value in ast.iter_fields(node):
            if field == "annotation":
                continue
            if isinstance(value, ast.expr):
                self.expression(node, field, value)
            elif isinstance(value, list):
                for i, each in enumerate(value):
                    if isinstance(each, ast.stmt):
                        self.statement(value, i)
                    elif isinstance(each, ast.expr):
                        self.expression(value, i, each)
                    elif isinstance(each, ast.ExceptHandler):
                        for k, _ in enumerate(each.body):
                            self.statement(each.body, k)

    def is_documentation(self, node: ast.stmt) -> bool:
        """Docstrings, named texts, citations, and aliases of types."""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return True
        if not isinstance(node, ast.Assign):
            return False
        names = {t.id for t in node.targets if isinstance(t, ast.Name)}
        alias = isinstance(node.value, ast.Subscript) and not self.functions
        typevar = names == {"T"}
        return bool(names & TEXT_NAMES) or alias or typevar

    def class_body(self, node: ast.ClassDef) -> None:
        """Fields and methods; of enums what is not described above as text."""
        for i, each in enumerate(node.body):
            if isinstance(each, ast.Assign) and node.name in TEXT_CLASSES:
                continue
            if isinstance(each, ast.Assign) and node.name in CITED:
                assert isinstance(each.value, ast.Tuple)
                self.expression(each.value.elts, 0, each.value.elts[0])
                continue
            self.statement(node.body, i)

    def table(self, node: ast.Assign) -> None:
        """Entries of tables at module level may be missing."""
        for inner in ast.walk(node.value):
            if isinstance(inner, ast.Dict):
                for key in inner.keys:
                    assert key is not None
                    entries: list[ast.AST] = inner.keys  # type: ignore[assignment]
                    values: list[ast.AST] = inner.values  # type: ignore[assignment]
                    self.drop(entries, key, f"entry {ast.unparse(key)}", values)
            if isinstance(inner, ast.Tuple) and len(inner.elts) > 1:
                for each in inner.elts:
                    if isinstance(each, ast.Call | ast.Tuple):
                        elements: list[ast.AST] = inner.elts  # type: ignore[assignment]
                        self.drop(elements, each, " ".join(ast.unparse(each).split())[:60])
            if isinstance(inner, ast.Call) and inner.keywords:
                for keyword in inner.keywords:
                    keywords: list[ast.AST] = inner.keywords  # type: ignore[assignment]
                    self.drop(keywords, keyword, ast.unparse(keyword))

    # -- expressions

    def negate(self, holder: object, key: str | int, test: ast.expr) -> None:
        """``not`` around a condition, unless another mutant is the same."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            return
        new = ast.UnaryOp(ast.Not(), test)
        self.swap(holder, key, test, new, f"if {ast.unparse(test)[:60]} -> not")

    def expression(self, holder: object, key: str | int, node: ast.expr | None) -> None:
        """An expression and all below it."""
        match node:
            case None:
                return
            case ast.Constant():
                self.constant(holder, key, node)
                return
            case ast.Compare():
                self.comparison(node)
            case ast.BoolOp():
                new = ast.Or() if isinstance(node.op, ast.And) else ast.And()
                self.swap(node, "op", node, new, f"{ast.unparse(node)[:60]}: and <-> or")
            case ast.BinOp() if type(node.op) in OPERATORS:
                self.swap(
                    *(node, "op", node, OPERATORS[type(node.op)]()),
                    text=f"{ast.unparse(node)[:60]}: {type(node.op).__name__}",
                )
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                self.swap(holder, key, node, operand, f"{ast.unparse(node)[:60]} -> without")
            case ast.IfExp():
                self.negate(node, "test", node.test)
            case ast.Name(id=name, ctx=ast.Load()) if ERRNOS.match(name) and name != "ERAS":
                other = "-1" if name == "EINVAL" else "22"
                self.swap(holder, key, node, ast.parse(other, mode="eval").body, f"{name} -> {other}")
            case ast.Attribute(value=ast.Name(id=enum), attr=member) if enum in self.enums:
                members = self.enums[enum]
                after = members[(members.index(member) + 1) % len(members)]
                new_member = ast.Attribute(ast.Name(enum, ast.Load()), after, ast.Load())
                self.swap(holder, key, node, new_member, f"{enum}.{member} -> {after}")
                return
            case _:
                pass
        self.below(node)

    def below(self, node: ast.expr) -> None:
        """The parts of an expression that count."""
        if isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            is_step = function.endswith(".step")
            self.differences += function == "Difference"
            for i, each in enumerate(node.args):
                if not (is_step and i == 1):
                    self.calls = isinstance(each, ast.Constant)
                    self.expression(node.args, i, each)
                    self.calls = False
            for keyword in node.keywords:
                self.expression(keyword, "value", keyword.value)
            self.expression(node, "func", node.func)
            self.differences -= function == "Difference"
            return
        if isinstance(node, ast.Dict):
            texts = any("AF_" in ast.unparse(v) or "DCCP" in ast.unparse(v) for v in node.values)
            for i, dict_key in enumerate(node.keys):
                self.expression(node.keys, i, dict_key)
                if not (texts and self.name == "families.py"):
                    self.expression(node.values, i, node.values[i])
            return
        if isinstance(node, ast.JoinedStr) and not self.differences:
            return
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                self.expression(node, field, value)
            elif isinstance(value, list):
                for i, each in enumerate(value):
                    if isinstance(each, ast.expr):
                        self.expression(value, i, each)
                    elif isinstance(each, ast.comprehension):
                        self.expression(each, "iter", each.iter)
                        for k, test in enumerate(each.ifs):
                            self.negate(each.ifs, k, test)
                            self.expression(each.ifs, k, test)

    def comparison(self, node: ast.Compare) -> None:
        """Each operator of a comparison, by its boundary and by its opposite."""
        for i, op in enumerate(node.ops):
            for new in COMPARISONS[type(op)]:
                text = f"{ast.unparse(node)[:60]}: {type(op).__name__} -> {new.__name__}"
                self.swap(node.ops, i, node, new(), text)

    def constant(self, holder: object, key: str | int, node: ast.Constant) -> None:
        """Numbers one more and one less, truths turned round, names misspelt, None made True."""
        value = node.value
        new: list[object] = []
        if isinstance(value, bool):
            new = [not value]
        elif isinstance(value, int):
            new = [value + 1, value - 1]
        elif isinstance(value, bytes):
            new = [bytes(byte ^ 1 for byte in value)]
        elif value is None and self.calls:
            new = [True]
        elif isinstance(value, str):
            citation = self.name in CITATIONS and not self.functions and isinstance(holder, ast.Assign)
            counts = bool(self.differences) or bool(NO_PROSE.match(value))
            new = [f"XX{value}"] if counts and not citation else []
        for each in new:
            self.swap(holder, key, node, ast.Constant(each), f"{value!r} -> {each!r}")  # type: ignore[arg-type]


def mutants_of(path: Path, enums: dict[str, list[str]]) -> tuple[ast.Module, list[Mutant]]:
    """A fresh tree of the file and every mutant of it."""
    finder = Finder(path, enums)
    return finder.tree, finder.found


def names(found: list[Mutant]) -> Iterator[tuple[int, int, str]]:
    """(number, line, text) of each."""
    for number, mutant in enumerate(found):
        yield number, mutant.line, mutant.text
