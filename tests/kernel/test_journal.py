"""``exporter --events journal`` and a real journald: each key of a line is a field, and journalctl chooses by it."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.helpers.exporting import exporting, refusing, until
from tests.helpers.journal import journal
from tests.helpers.watching import listen_once, needs_kernel

pytestmark = pytest.mark.kernel


def test_the_journal_has_calls_and_overflows_with_their_fields() -> None:
    needs_kernel()
    with journal() as kept, exporting("--events", "journal", before=kept.enter) as exporter, refusing("syn_accept_queue_full") as refuser:
        port = listen_once(77)
        done = refuser.go()
        exporter.scrape()
        assert exporter.watch.end(signal.SIGTERM) == 0
        (call,) = until(lambda: kept.entries(f"LISTENWATCH_PORT={port}", "LISTENWATCH_VERDICT=AGREE"), "the call")
        overflows = until(lambda: kept.entries("LISTENWATCH_KIND=syn_accept_queue_full", "-t", "listenwatch"), "the overflow")
    assert (call["LISTENWATCH_ASKED"], call["LISTENWATCH_STORED"]) == ("77", "77")
    assert (call["LISTENWATCH_LOCAL"], call["LISTENWATCH_PID"]) == (f"127.0.0.1:{port}", str(os.getpid()))
    assert "LISTENWATCH_ERRNO" not in call  # null
    assert json.loads(call["LISTENWATCH_POST"])["max_ack_backlog"] == 77
    assert call["MESSAGE"] == f"{call['LISTENWATCH_COMM']} 127.0.0.1:{port}: asked 77, stored 77"
    refused = [each for each in overflows if each["LISTENWATCH_NETNS"] == str(refuser.netns)]
    assert sum(int(each["LISTENWATCH_COUNT"]) for each in refused) == done["times"] > 0
