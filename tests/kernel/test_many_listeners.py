"""Some thousand listeners: each is listed and each that refuses is named, with the process that holds it.

How long that takes is a row of ``make bench``.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.helpers.contract import fit
from tests.helpers.listening import sockets
from tests.helpers.many_listeners import many_listeners
from tests.helpers.watching import needs_kernel, watching

pytestmark = pytest.mark.kernel

NUMBER = int(os.environ.get("LISTENWATCH_LISTENERS", "6000"))


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def test_each_of_thousands_of_listeners_is_listed_and_named_when_it_refuses() -> None:
    with many_listeners(NUMBER) as listening:
        options = "--netns", str(listening.netns)
        rows = sockets(*options)
        with watching("--json", *options, command="overflow") as watch:
            held = {(int(pid), local) for pid, every in listening.go().items() for local in every}
            assert watch.end(signal.SIGINT) == 0, watch.err
    *events, last = fit(watch.out)
    assert len(rows) == len(held) == NUMBER
    assert {(row["processes"][0]["pid"], row["local"]) for row in rows} == held
    assert {(event["processes"][0]["pid"], event["local"]) for event in events} == held
    assert {event["kind"] for event in events} == {"syn_accept_queue_full", "unix_eagain"}
    assert [event["count"] for event in events] == [1] * NUMBER
    assert len(last["summary"]["listeners"]) == NUMBER
    of_tcp = NUMBER - NUMBER // 4
    assert {row["counter"]: row["seen"] for row in last["summary"]["counters"]} == {
        "ListenOverflows": of_tcp, "ListenDrops": of_tcp,
    }  # fmt: skip
