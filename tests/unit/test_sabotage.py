"""``make sabotage`` fails where a sabotage is not caught, is caught elsewhere, or is seen where there is none."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.identify.cases import Case
from listenwatch.conformance.identify.identified import identify
from listenwatch.conformance.run import Result, ScenarioRun
from listenwatch.errors import GuestError
from listenwatch.labs.modules import MODULES
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.kernels import behaviour_for
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from listenwatch.report.text import difference_text
from listenwatch.verdict.compare import Verdict, VerdictKind, inconclusive
from listenwatch.verdict.difference import Difference, Field, Where
from listenwatch.verdict.excuses import Excuse
from tests.helpers import make
from tests.helpers.calls import KERNEL
from tests.helpers.identifying import cases_of
from tests.helpers.scenarios import issued, record, scenario_run
from tests.sabotage.__main__ import all_caught, report
from tests.sabotage.build import build
from tests.sabotage.judging import false_alarms, identify_alarms, judge, with_identified
from tests.sabotage.rare import RARE, unlike
from tests.sabotage.sabotages import HASHED, SABOTAGES, SCENARIOS, Sabotage

HALVED = Sabotage("halved", "half", "inet_csk_listen_start", frozenset({"hit"}), ("inet_hash",))
RIGHT = Difference(StageIndex.LISTEN_START, Field.MAX_ACK_BACKLOG, 128, 64)
LATER = Difference(StageIndex.HASH, Field.REACHED, True, False)
RESULT = Difference(Where.RETURN, Field.RESULT, 0, -22)


def judged(*differences: Difference) -> Judged:
    """A call with these differences; one without any agrees."""
    verdict = Verdict(VerdictKind.DISAGREE if differences else VerdictKind.AGREE, "", "", differences)
    return Judged(issued(), record(), verdict)


def result(name: str, *calls: Judged, error: str = "") -> Result:
    return Result(name, calls, error=error)


AGREES = judged()
UNSURE = AGREES._replace(verdict=inconclusive(Excuse.CONTENDED))
SPARED = result("spared", AGREES)
CAUGHT = [result("hit", AGREES, judged(RIGHT, RESULT), judged(LATER)), SPARED]


def run(*results: Result, lost: int = 0) -> ScenarioRun:
    return scenario_run(*results, lost=lost)


def test_a_rare_answer_has_to_agree_by_its_rule() -> None:
    rare = RARE[0]
    by_rule = AGREES._replace(verdict=AGREES.verdict._replace(rule=rare.rule.value))
    assert unlike(rare, run(result("x", by_rule))) == []
    assert unlike(rare, run(result("x", AGREES)))
    assert unlike(rare, run(result("x", by_rule, error="died"))) == [f"{rare.module}: died"]
    assert unlike(rare, run(result("x"))) == [f"{rare.module}: no call"]
    assert unlike(rare, run(result("x", AGREES, by_rule))) == []
    assert {rare.rule for rare in RARE} == {Rule.ULP_REFUSED, Rule.HASH_FAILED, Rule.UNIX_WRONG_STATE_IGNORED}


def test_identify_has_to_notice_it_too() -> None:
    """Where it finds no behaviour, or another one than before; what is undecided says nothing."""
    whole = identify(cases(behaviour_for((6, 1, 0))), KERNEL)
    halved = identify(cases(behaviour_for((6, 1, 0)), limit=2), KERNEL)
    of_old = identify(cases(behaviour_for((4, 0, 0))), KERNEL)
    outcome = judge(HALVED, run(*CAUGHT))
    assert with_identified(outcome, halved, whole).identified == "none"
    assert "stored=AFTER_LISTEN_START" in with_identified(outcome, of_old, whole).identified
    unnoticed = with_identified(outcome, whole, whole)
    assert unnoticed.missed == ("identify notices nothing",)
    assert not all_caught([unnoticed], [])
    assert identify_alarms(halved) == ["identify: 1 disagree, unlike its release: []"]


def cases(behaviour: Behaviour, limit: int = 5) -> list[Case]:
    """One listen(5) of a kernel with this Behaviour, that then has another limit."""
    call = make.observe(
        make.request(5), make.TCP, make.environment(), make.outcome(backlog=5, behaviour=behaviour)
    )
    return cases_of([call._replace(post=call.post._replace(max_ack_backlog=limit))])


def test_a_sabotage_is_caught_by_its_stage() -> None:
    outcome = judge(HALVED, run(*CAUGHT))
    assert not outcome.missed
    assert (outcome.disagree, outcome.calls) == (2, 4)
    assert outcome.example == difference_text(RIGHT)
    assert all_caught([outcome], [])


@pytest.mark.parametrize(
    ("results", "missed"),
    [
        ((result("hit", AGREES), SPARED), ["exit status 0", "hit: AGREE "]),
        ((result("hit", judged(RESULT, RIGHT)), SPARED),
         ["nothing points at inet_csk_listen_start", "hit points at result"]),
        ((result("hit", judged(LATER)), SPARED), ["nothing points at inet_csk_listen_start"]),
        ((CAUGHT[0], result("spared", judged(RIGHT))), [f"spared: DISAGREE {difference_text(RIGHT)}"]),
        ((CAUGHT[0], result("spared", AGREES, error="died\nOSError")), ["spared: ERROR OSError"]),
        ((CAUGHT[0], result("spared")), ["spared: ERROR "]),
    ],
    ids=["unseen", "elsewhere first", "later only", "false alarm", "failed", "no call"],
)  # fmt: skip
def test_a_sabotage_that_is_missed_fails_the_run(
    results: tuple[Result, ...], missed: list[str]
) -> None:
    outcome = judge(HALVED, run(*results))
    assert list(outcome.missed) == missed
    assert not all_caught([outcome], [])
    text = report([outcome], [])
    assert f"halved: {missed[0]}" in text
    assert text.endswith("0 of 1 caught, 0 false alarms")


@pytest.mark.parametrize(
    ("without", "alarms"),
    [
        (run(SPARED), []),
        (run(SPARED, result("hit", judged(RIGHT))), [f"hit: DISAGREE {difference_text(RIGHT)}"]),
        (run(SPARED, result("hit", UNSURE)), ["hit: INCONCLUSIVE another thread was in listen() on the same socket"]),
        (run(SPARED, lost=1), ["exit status 4 (1 agree, 0 disagree, 0 inconclusive, 0 unmodelled, 1 lost)"]),
    ],
    ids=["none", "disagree", "inconclusive", "lost"],
)  # fmt: skip
def test_a_false_alarm_fails_the_run(without: ScenarioRun, alarms: list[str]) -> None:
    caught = judge(HALVED, run(*CAUGHT))
    assert false_alarms(without) == alarms
    assert all_caught([caught], alarms) == (not alarms)
    assert report([caught], alarms).endswith(f"1 of 1 caught, {len(alarms)} false alarms")


def test_a_run_of_no_sabotage_shows_nothing() -> None:
    assert not all_caught([], [])


def test_every_module_is_built_and_every_name_exists() -> None:
    modules = {sabotage.module for sabotage in SABOTAGES} | {rare.module for rare in RARE}
    built = re.findall(r"^obj-m \+= (\w+)\.o$", (MODULES / "Kbuild").read_text(), re.MULTILINE)
    assert sorted(modules) == sorted(built) == sorted(path.stem for path in MODULES.glob("*.c"))
    assert {scenario.name for scenario in all_scenarios()} >= SCENARIOS
    places = {*(stage.label for stage in StageIndex), "result", "max_ack_backlog at return", HASHED}
    for sabotage in SABOTAGES:
        assert sabotage.hits <= SCENARIOS
        assert {sabotage.stage, *sabotage.later} <= places


def test_headers_that_do_not_fit_are_an_error_with_the_reason(tmp_path: Path) -> None:
    common = tmp_path / "usr/src/linux-headers-9.9-common"
    config = tmp_path / "usr/src/linux-headers-9.9-amd64"
    common.mkdir(parents=True)
    config.mkdir()
    (config / ".config").touch()
    (common / "Makefile").write_text("modules:\n\t@echo no compiler >&2; false\n")
    with pytest.raises(GuestError, match=r"linux-headers-9.9-amd64 \(no compiler\): take a kernel"):
        build(tmp_path, tmp_path / "built")


def test_two_tests_that_compile_in_a_folder_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiling, met = threading.Lock(), []

    def compile_slowly(*_arguments: object) -> str:
        met.append(not compiling.acquire(blocking=False))
        time.sleep(0.1)
        if not met[-1]:
            compiling.release()
        return ""

    for folder in ("linux-headers-6.1-common", "linux-headers-6.1-amd64"):
        (tmp_path / "usr/src" / folder).mkdir(parents=True)
    (tmp_path / "usr/src/linux-headers-6.1-amd64/.config").touch()
    monkeypatch.setattr("tests.sabotage.build.make_modules", compile_slowly)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: build(tmp_path, tmp_path / "built"), range(3)))
    assert met == [False, False, False]
