"""JUnit XML, as CI servers read it: a suite for each kernel and mode, a case for each scenario."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from listenwatch.matrix.results import KernelRun, Matrix, Mode
from listenwatch.report.matrix.cases import Case, cases
from listenwatch.terminal import escape
from listenwatch.verdict import Kind

_ELEMENTS = {Kind.DISAGREE.value: "failure", "ERROR": "error"}
"""What a case that did not agree is; everything else that did not is skipped."""


def junit(matrix: Matrix) -> str:
    """The whole document. A kernel that could not be observed is a suite with an error."""
    root = Element("testsuites", name="listenwatch matrix", time=f"{matrix.seconds:.1f}")
    for kernel in matrix.kernels:
        for mode in kernel.modes:
            _suite(root, kernel, mode, matrix.started)
        if kernel.problem:
            said = tuple(kernel.problem.splitlines())
            suite = SubElement(root, "testsuite", name=kernel.name)
            _case(suite, kernel.name, Case("observed", "run", "ERROR", said))
            for number, line in enumerate(kernel.disagreements, 1):
                case = Case(f"{line.get('scenario')} {number}", "run", "DISAGREE", (line["reason"],))
                _case(suite, kernel.name, case)
            _count(suite, kernel.seconds)
    _sum(root)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: Element, kernel: KernelRun, mode: Mode, started: str) -> None:
    name = f"{kernel.name} {mode.name}"
    suite = SubElement(root, "testsuite", name=name, timestamp=started)
    properties = SubElement(suite, "properties")
    for key in ("kernel", "behaviour", "attach"):
        SubElement(properties, "property", name=key, value=escape(mode.summary[key]))
    for case in cases(mode):
        _case(suite, name, case)
    _count(suite, kernel.seconds)


def _case(suite: Element, name: str, case: Case) -> None:
    element = SubElement(suite, "testcase", classname=f"{name}: {case.group}", name=escape(case.name))
    if case.word != Kind.AGREE.value:
        tag = _ELEMENTS.get(case.word, "skipped")
        outcome = SubElement(element, tag, message=escape(case.reason or case.word.lower()))
        outcome.text = "\n".join(map(escape, case.said))  # XML has no control characters


def _count(suite: Element, seconds: float) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{seconds:.1f}")


def _sum(root: Element) -> None:
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
