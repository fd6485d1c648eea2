"""The rules of the model: which of them explained a call that agreed, on which kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from listenwatch.matrix.results import KernelRun
from listenwatch.model.rules import BacklogRule, Cited, Rule
from listenwatch.report.page.markup import Markup, element


def coverage(kernels: Sequence[KernelRun]) -> Markup:
    """Both tables, and by name the rules no kernel came to."""
    ran = [kernel for kernel in kernels if not kernel.problem]
    return element(
        "section",
        *_part("Rules: how a call ends", Rule, "rules", ran),
        *_part(
            "Backlog rules: what becomes of the number asked for", BacklogRule, "backlog_rules", ran
        ),
        class_="coverage",
        aria_label="Rules",
    )


def exercised(kernel: KernelRun, key: str, rule: str) -> int:
    """Calls a rule explained: the modes of a kernel see the same calls, so of the one that saw most."""
    return max((mode.summary[key].get(rule, 0) for mode in kernel.modes), default=0)


def _part(
    title: str, rules: Iterable[Cited], key: str, kernels: Sequence[KernelRun]
) -> list[Markup]:
    counts = {rule: [exercised(kernel, key, rule.value) for kernel in kernels] for rule in rules}
    never = [rule.value for rule, numbers in counts.items() if not any(numbers)]
    told = f"Never exercised: {', '.join(never)}." if never else "Every one was exercised."
    heads = ("rule", *(kernel.name for kernel in kernels), "what it says", "where it is decided")
    return [
        element("h3", title),
        element(
            "p", f"{len(counts) - len(never)} of {len(counts)} exercised. {told}", class_="never"
        ),
        element(
            "div",
            element(
                "table",
                element(
                    "thead", element("tr", *(element("th", head, scope="col") for head in heads))
                ),
                element("tbody", *(_row(rule, numbers) for rule, numbers in counts.items())),
                class_="numbers rules",
            ),
            class_="scroll",
            tabindex=0,
            role="region",
            aria_label=title,
        ),
    ]


def _row(rule: Cited, numbers: Sequence[int]) -> Markup:
    return element(
        "tr",
        element("th", rule.value, scope="row"),
        *(element("td", str(n) if n else "–", class_=None if n else "zero") for n in numbers),
        element("td", rule.text, class_="text"),
        element("td", rule.source, class_="text source"),
        class_=None if any(numbers) else "unseen",
    )
