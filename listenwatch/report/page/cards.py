"""The head of the page: what it comes to, and a card for each kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from listenwatch.matrix.results import KernelRun, Matrix, Mode
from listenwatch.report.page.markup import Markup, element, joined, text
from listenwatch.summary import Summary


def headline(matrix: Matrix, different: int) -> Markup:
    """The totals of all kernels and modes, and in a sentence what they mean.

    ``different`` is the number of scenarios in which kernels differ.
    """
    kernels = matrix.kernels
    ran = sum(not kernel.problem for kernel in kernels)
    scenarios = len(matrix.scenario_names)
    figures = [
        ("kernels", f"{ran} of {len(kernels)}" if ran < len(kernels) else str(ran)),
        *([("scenarios", str(scenarios))] if scenarios else []),
        *((name, str(number)) for name, number in matrix.totals()._asdict().items()),
        *([("scenarios that differ between kernels", str(different))] if scenarios else []),
    ]
    kind, sentence = conclusion(matrix)
    return element(
        "section",
        element("p", sentence, class_=f"conclusion {kind}"),
        element("dl", *(_figure(name, value) for name, value in figures), class_="figures"),
        aria_label="Totals",
    )


def conclusion(matrix: Matrix) -> tuple[str, str]:
    """``good``, ``bad`` or ``open``, and the sentence that says so: of one mind with the exit status."""
    total = matrix.totals()
    missing = [kernel.name for kernel in matrix.kernels if kernel.problem]
    errors = sum(len(mode.summary["errors"]) for _, mode in matrix.modes())
    wanting = (
        ("without a record", str(total.lost) if total.lost else ""),
        ("scenarios that failed by themselves", str(errors) if errors else ""),
        ("could not be run", ", ".join(missing)),
    )
    without = [f"{what}: {how}" for what, how in wanting if how]
    if matrix.status() == 1:
        several = sum(len(kernel.disagreements) for kernel in matrix.kernels)
        found = f"{several} call{'s' if several > 1 else ''} disagree{'' if several > 1 else 's'} with the model"
        return "bad", f"{'; '.join((found, *without))}."
    if matrix.status():
        found = "Nothing disagrees" if total.agree else "Nothing was compared"
        return "open", f"{'; '.join((found, *without))}."
    unknown = total.inconclusive + total.unmodelled
    rest = f"; of {unknown} it cannot be told" if unknown else ""
    return "good", f"Every call that was compared agrees with the model, and none was lost{rest}."


def _figure(name: str, value: str) -> Markup:
    wanting = name in Summary._fields[1:] and value != "0"
    return element(
        "div", element("dt", name), element("dd", value), class_="wanting" if wanting else None
    )


def cards(kernels: Sequence[KernelRun]) -> Markup:
    """A card for each kernel; those that could not be run come first."""
    ordered = sorted(kernels, key=lambda kernel: not kernel.problem)
    return element("section", *map(_card, ordered), class_="cards", aria_label="Kernels")


def _card(kernel: KernelRun) -> Markup:
    if kernel.problem:
        several = len(kernel.disagreements)
        told = f"{several} of its calls disagree." if several else None
        return element(
            "article",
            element("h3", kernel.name, " ", element("span", "! not run", class_="tag")),
            element("pre", kernel.problem, class_="problem"),
            *([element("p", told, class_="wanting")] if told else []),
            class_="card failed",
        )
    summary = kernel.modes[0].summary
    facts = (
        ("release", summary["kernel"]),
        ("version", kernel.version),
        ("model", _model(summary["behaviour"])),
        ("time", f"{kernel.seconds:.0f} s"),
    )
    return element(
        "article",
        element("h3", kernel.name),
        element("dl", *(joined(element("dt", n), element("dd", v)) for n, v in facts)),
        _modes(kernel.modes),
        *_notes(kernel.modes),
        class_="card",
    )


def _model(told: str) -> Markup:
    """What tells a Behaviour from the newest kernel's; many fields are folded away."""
    newest, _, fields = told.partition(", but ")
    each = fields.split(", ") if fields else []
    if not each:
        return text(told)
    items = (element("li", field) for field in each)
    folded = f"{newest}, but for {len(each)} field{'s' if len(each) > 1 else ''}"
    return element("details", element("summary", folded), element("ul", *items))


def _modes(modes: Sequence[Mode]) -> Markup:
    """A column for each mode: its calls by verdict, and how its records compare with the first one's."""
    heads = element("tr", element("th", "calls", scope="col"), *(_head(mode) for mode in modes))
    rows = [_row(name, [mode.summary[name] for mode in modes]) for name in Summary._fields]
    rest = [_ran(modes), *_beside(modes)]
    more = (
        element("tr", element("th", name, scope="row"), *(element("td", v) for v in values))
        for name, values in rest
    )
    return element(
        "table", element("thead", heads), element("tbody", *rows, *more), class_="numbers"
    )


def _ran(modes: Sequence[Mode]) -> tuple[str, list[str]]:
    summaries = [mode.summary for mode in modes]
    if "histories" in summaries[0]:
        return "histories", [str(summary["histories"]) for summary in summaries]
    return "scenarios skipped", [str(len(summary["skipped"])) for summary in summaries]


def _head(mode: Mode) -> Markup:
    return element("th", mode.name, scope="col", title=mode.summary["attach"])


def _row(name: str, numbers: Sequence[int]) -> Markup:
    return element(
        "tr",
        element("th", name, scope="row"),
        *(
            element("td", str(n), class_="wanting" if n and name != "agree" else None)
            for n in numbers
        ),
    )


def _beside(modes: Sequence[Mode]) -> Iterator[tuple[str, list[str]]]:
    """How many records of each mode are equal to the first one's of the same calls, in all both see."""
    besides = [mode.summary.get("beside") for mode in modes]
    if any(besides):
        name = modes[0].name
        yield f"records equal to {name}'s", [str(b["equal"]) if b else "" for b in besides]
        yield f"records unlike {name}'s", [str(b["different"]) if b else "" for b in besides]


def _notes(modes: Sequence[Mode]) -> Iterator[Markup]:
    """Why scenarios were skipped, and which scenarios and histories went wrong, mode by mode."""
    skips = Counter(
        (m.name, reason) for m in modes for reason in m.summary.get("skipped", {}).values()
    )
    if skips:
        items = [
            element("li", element("b", str(number)), f" {mode}: {reason}")
            for (mode, reason), number in skips.items()
        ]
        yield element(
            "details",
            element("summary", f"{skips.total()} skipped, and why"),
            element("ul", *items),
        )
    for mode, failure in ((m.name, f) for m in modes for f in m.summary.get("failures", ())):
        shown = failure["smallest"] or failure["program"]
        told = "\n".join(" ".join(map(str, operation)) for operation in shown)
        yield element(
            "details",
            element("summary", f"history {failure['history']} disagrees, {mode}"),
            element("pre", told),
            *(element("p", reason) for reason in failure["reasons"]),
            class_="errors",
        )
    failed = [(m.name, *error) for m in modes for error in m.summary["errors"].items()]
    if failed:
        items = [element("li", f"{name}, {mode}", element("pre", e)) for mode, name, e in failed]
        yield element(
            "details",
            element("summary", f"{len(failed)} failed by themselves"),
            element("ul", *items),
            open=True,
            class_="errors",
        )
