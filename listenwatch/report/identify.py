"""Which documented behaviour a kernel has, in words: what ``identify`` prints."""

from collections import Counter
from collections.abc import Iterator

from listenwatch.conformance.identify.eras import Backport, Nearest
from listenwatch.conformance.identify.findings import Finding, How, Why
from listenwatch.conformance.identify.identified import Identified
from listenwatch.conformance.run import ScenarioRun
from listenwatch.model.history import Version
from listenwatch.model.kernels import STARTS, name
from listenwatch.report.behaviour import value_text
from listenwatch.report.columns import paragraph, text_width
from listenwatch.report.judged import judged_reason
from listenwatch.report.tables import table

_WHY = {
    Why.NO_CALL: "no experiment depends on it",
    Why.SAME_OUTCOME: "every experiment goes the same way",
    Why.NOT_SEEN: "what would tell is not seen in this attach mode",
}
_MOST_SHOWN = 12
"""Of the calls that no behaviour explains; --json has all."""


def as_text(identified: Identified, run: ScenarioRun, width: int | None) -> str:
    """The fields as a table, then where the behaviour stands in the kernel's history, and what disagrees."""
    rows = [(finding.field, _value(finding), _how(finding, identified.kernel.has)) for finding in identified.findings]
    parts = [table(("field", "value", "decided by"), rows, text_width(width))]
    parts += ["\n".join(paragraph(text, "", width=width) for text in texts) for texts in _groups(identified, run) if texts]
    return "\n\n".join(parts)


def _groups(identified: Identified, run: ScenarioRun) -> Iterator[list[str]]:
    yield [*_unexplained(identified), *map(_contradiction, identified.contradicted)]
    yield [
        f"Kernel: {run.setting.kernel}",
        f"Engine: {run.setting.engine}, {run.setting.mode}: {run.setting.why}",
        *([f"Not run: {len(run.skipped)} scenarios: {_reasons(run)}"] if run.skipped else []),
        *(f"Failed: {scenario}: {error.strip().rpartition(chr(10))[2]}" for scenario, error in run.errors.items()),
        _counts(identified, run),
    ]
    without = [f"Built without what its release may have: {finding.field}" for finding in identified.findings if finding.not_built]
    yield [_nearest(identified.nearest), *without, *(_backport(b, identified.kernel.version) for b in identified.backports), _by_release(identified)]
    yield [headline(identified)]


def headline(identified: Identified) -> str:
    """Whether a documented behaviour explains the kernel, in a line."""
    if not identified.cases:
        return "INCONCLUSIVE: no call was seen"
    if identified.matches:
        return f"AGREE: a documented behaviour explains all of {identified.cases} experiments"
    counts = []
    if number := len(identified.disagreeing):
        counts.append(f"{number} of {identified.different} different experiments disagree with the nearest one")
    if contradicted := identified.contradicted:
        counts.append(f"experiments contradict what the kernel names: {', '.join(f.field for f in contradicted)}")
    return f"DISAGREE: no documented behaviour explains this kernel: {'; '.join(counts)}"


def _value(finding: Finding) -> str:
    return value_text(finding.value) if finding.value is not None else " or ".join(map(value_text, finding.left))


def _how(finding: Finding, has: dict[str, bool]) -> str:
    if finding.how is How.EXPERIMENT:
        first, *more = finding.scenarios or ("",)
        return f"experiment: {first}{f' and {len(more)} more' if more else ''}"
    assert finding.why is not None  # none of the calls decided it
    if finding.how is How.EVIDENCE:
        return f"evidence: {'' if has[finding.name] else 'no '}{finding.name}"
    return f"nothing here: {_WHY[finding.why]}"


def _nearest(eras: Nearest) -> str:
    spans = ", ".join(_spans(eras))
    return f"Nearest: mainline {spans}" + (f", but for {', '.join(eras.fields)}" if eras.fields else "")


def _spans(eras: Nearest) -> list[str]:
    """Eras that follow each other as one span: each lasts until the next begins."""
    numbers = [STARTS.index(era) for era in eras.eras]
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return [_span(first[0], first[-1]) for first in spans]


def _span(first: int, last: int) -> str:
    begins = f"{name(STARTS[first])} and later"
    return f"{begins}, before {name(STARTS[last + 1])}" if last + 1 < len(STARTS) else begins


def _backport(backport: Backport, version: Version) -> str:
    finding = backport.finding
    since = f", as mainline since {name(finding.since)}" if finding.since else ""
    kind = "Backport" if finding.since and finding.since > version else "Unlike its release"
    text = f"{kind}: {finding.field} is {value_text(finding.value)}{since}; mainline has {value_text(backport.mainline)}"
    return f"{text} ({'known of this release' if backport.known else 'not known of this release'})"


def _by_release(identified: Identified) -> str:
    release = ".".join(map(str, identified.kernel.version))
    wrong = [f"{f.field} ({value_text(f.release)})" for f in identified.wrong_by_release]
    return f"The release number alone, {release}, would have told wrong: {', '.join(wrong) or 'nothing'}"


def _counts(identified: Identified, run: ScenarioRun) -> str:
    counts = Counter(finding.how for finding in identified.findings)
    words = {How.EXPERIMENT: "by experiment", How.EVIDENCE: "by evidence", How.UNDECIDED: "undecided here"}
    fields = ", ".join(f"{counts[how]} {word}" for how, word in words.items())
    lost = f", {run.lost} calls lost" if run.lost else ""
    return f"Fields: {fields}; experiments: {identified.cases}, {identified.different} different{lost}"


def _reasons(run: ScenarioRun) -> str:
    return "; ".join(f"{reason} ({number})" for reason, number in Counter(run.skipped.values()).most_common())


def _unexplained(identified: Identified) -> Iterator[str]:
    shown = identified.disagreeing[:_MOST_SHOWN]
    yield from (f"{scenario}: {judged_reason(judged)}" for scenario, judged in shown)
    if more := len(identified.disagreeing) - len(shown):
        yield f"and {more} more"


def _contradiction(finding: Finding) -> str:
    left = " or ".join(map(value_text, finding.left))
    return f"{finding.field}: {finding.name} shows {value_text(finding.named)}, the calls {left}"
