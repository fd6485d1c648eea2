"""JUnit XML, as CI servers read it: a suite for each kernel and mode, a test case for each scenario."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from listenwatch.conformance.matrix.results import KernelRun, Matrix
from listenwatch.conformance.run import Run
from listenwatch.linux.terminal import escape
from listenwatch.report.runs.checks import Check, checks, completeness
from listenwatch.verdict.compare import VerdictKind

_ELEMENTS = {VerdictKind.DISAGREE.value: "failure", "ERROR": "error"}
"""What a case that did not agree is; everything else that did not is skipped."""


def junit(matrix: Matrix) -> str:
    """The whole document. A kernel that could not be observed is a suite with an error."""
    root = Element("testsuites", name="listenwatch matrix", time=f"{matrix.seconds:.1f}")
    for kernel in matrix.kernels:
        for run in kernel.runs:
            _suite(root, kernel, run, matrix.started)
        if kernel.problem:
            lines = tuple(kernel.problem.splitlines())
            suite = SubElement(root, "testsuite", name=kernel.name)
            _case(suite, kernel.name, Check("observed", "run", "ERROR", lines))
            for number, (scenario, reason) in enumerate(kernel.disagreements, 1):
                check = Check(f"{scenario} {number}", "run", "DISAGREE", (reason,))
                _case(suite, kernel.name, check)
            _count(suite, kernel.seconds)
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: Element, kernel: KernelRun, run: Run, started: str) -> None:
    name = f"{kernel.name} {run.name}"
    suite = SubElement(root, "testsuite", name=name, timestamp=started)
    properties = SubElement(suite, "properties")
    setting = run.setting
    values = {"kernel": setting.kernel, "behaviour": setting.behaviour, "attach": f"{setting.mode}: {setting.why}"}
    for key, value in values.items():
        SubElement(properties, "property", name=key, value=escape(value))
    for check in (*checks(run), completeness(run)):
        _case(suite, name, check)
    _count(suite, kernel.seconds)


def _case(suite: Element, name: str, check: Check) -> None:
    element = SubElement(suite, "testcase", classname=f"{name}: {check.group}", name=escape(check.name))
    if check.word != VerdictKind.AGREE.value:
        tag = _ELEMENTS.get(check.word, "skipped")
        outcome = SubElement(element, tag, message=escape(check.reason or check.word.lower()))
        outcome.text = "\n".join(map(escape, check.lines))  # XML has no control characters


def _count(suite: Element, seconds: float) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{seconds:.1f}")
