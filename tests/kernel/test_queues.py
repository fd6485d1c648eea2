"""The queue scenarios on this kernel: what the model says of real traffic is what comes of it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence

import pytest

from listenwatch.bpf.engine import Engine
from listenwatch.bpf.package_data import is_compiled
from listenwatch.commands.behaviour_option import override
from listenwatch.conformance.cases import accept_queue, queue_changes, queue_overflow, syn_queue
from listenwatch.conformance.harness import process
from listenwatch.conformance.harness.catalogue import choose
from listenwatch.conformance.harness.registry import Scenario
from listenwatch.conformance.harness.runner import run_all
from listenwatch.conformance.harness.socket_kinds import IPV4
from listenwatch.conformance.run import Result
from listenwatch.conformance.traffic.handshakes import OutsideQueue
from listenwatch.features.attach import open_engine
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux import tun
from listenwatch.linux.kernel import running_kernel
from listenwatch.model.behaviour import Behaviour
from listenwatch.report.judged import judged_reason
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.difference import Traffic
from tests.helpers.verifying import WRONG
from tests.require import require

pytestmark = pytest.mark.kernel

FILES = [file.__name__.rpartition(".")[2] for file in (accept_queue, syn_queue, queue_overflow, queue_changes)]
QUEUES = [one for one in choose() if one.file in FILES]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    require("kernel", os.geteuid() == 0, "needs root")
    require("kernel", is_compiled("listen"), "the probe is not compiled")
    with open_engine(follow=True) as attached:
        yield attached


@pytest.fixture(scope="module")
def behaviour() -> Behaviour:
    return behaviour_of(running_kernel())


def named(name: str) -> list[Scenario]:
    return [one for one in QUEUES if one.name == name]


def why(results: Sequence[Result]) -> str:
    return "\n".join(
        f"{r.scenario}: {r.error or [judged_reason(j) for j in r.calls]}"
        for r in results
        if r.word not in ("AGREE", "SKIP")
    )


@pytest.fixture(scope="module")
def results(engine: Engine, behaviour: Behaviour) -> list[Result]:
    start = time.monotonic()
    done = [result for (result,) in run_all(QUEUES, [engine], behaviour)]
    print(f"{len(done)} queue scenarios in {time.monotonic() - start:.1f} s")
    return done


def test_every_queue_scenario_agrees(results: list[Result]) -> None:
    assert len(results) >= 60
    assert not why(results)
    skipped = [r for r in results if r.skip]
    assert all(r.skip.startswith("needs ") for r in skipped)
    require("tun", not any("tun" in r.skip for r in skipped), "no tun device")


def test_every_queue_scenario_measures(results: list[Result]) -> None:
    for result in results:
        measured = [j for j in result.calls if j.issued and j.issued.measured]
        assert measured or result.skip, result.scenario
        assert all(j.confirmed for j in measured)


@pytest.mark.parametrize("kind", ["ipv4", "ipv6", "mptcp", "unix", "seqpacket"])
@pytest.mark.parametrize("somaxconn", accept_queue.SOMAXCONNS)
def test_one_more_than_the_limit_waits(results: list[Result], somaxconn: int, kind: str) -> None:
    """The numbers themselves, written down here once more and not asked of the model."""
    name = f"capacity-{somaxconn}-{kind}"
    result = next(r for r in results if r.scenario == name)
    require(kind, not result.skip, result.skip)
    held = [j.issued.measured[0].seen["held"] for j in result.calls if j.issued]
    assert held == [min(backlog, somaxconn) + 1 for backlog in (0, 1, 2, 5, 128, 4096)]
    last = {j.issued.measured[0].seen["next"] for j in result.calls if j.issued}
    assert last == ({"EAGAIN"} if kind in ("unix", "seqpacket") else {"DROPPED"})


def test_the_row_of_sapi_ts(results: list[Result]) -> None:
    """3/4 of 50 SYNs are answered, of 100000 no more than somaxconn lets wait."""
    require("tun", "tun" not in results[-1].skip, "no tun device")
    answered = {
        result.scenario: [
            j.issued.measured[0].seen["SYN_ACK"] for j in result.calls if j.issued
        ]
        for result in results
        if result.scenario.startswith("sapi-ts") and not result.skip
    }
    assert answered["sapi-ts-backlog-50"] == [39, 39]
    few, all_of_them = answered["sapi-ts-backlog-100000"]
    assert few in (128, 129) and all_of_them == 200


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_fact_in_the_model_is_found(
    change: str, engine: Engine, behaviour: Behaviour
) -> None:
    if "=" not in change:
        value = getattr(behaviour, change)
        require("kernel", value is not None, f"{change} is not known for this kernel")
        change, name = f"{change}={str(not value).lower()}", WRONG[change]
    else:
        name = WRONG[change]
    wrong = override(behaviour, [change])
    ((result,),) = run_all(named(name), [engine], wrong)
    require("tun", not result.skip, result.skip)
    assert result.kind is VerdictKind.DISAGREE, result
    differences = [d for j in result.calls for d in j.verdict.differences]
    measured = [d for d in differences if isinstance(d.place, Traffic)]
    assert measured, "a listen() itself disagreed, and no measurement"
    assert all(isinstance(d.place, Traffic) and d.place.rules for d in measured)


def test_without_a_tun_device_a_scenario_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> int:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(tun, "_open", none)
    report = process.run(lambda lab: OutsideQueue(lab, IPV4).listen(5))
    assert report.skip == "needs a tun device: No such file or directory"


def test_the_node_of_the_tun_device_is_made_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a guest, where udev does not run."""
    monkeypatch.setattr(tun, "_NODE", "/dev/net/nowhere")
    report = process.run(lambda lab: OutsideQueue(lab, IPV4).listen(5))
    require("tun", not report.skip, report.skip)
    assert report.ended, report.error
