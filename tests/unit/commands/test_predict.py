"""``listenwatch predict``: the path of the original description, and the calculator's answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from listenwatch import cli
from listenwatch.commands import predict as command
from listenwatch.errors import UsageError
from listenwatch.linux.kernel import Kernel
from listenwatch.prediction.calculator import calculate
from listenwatch.prediction.parameters import Parameters, version_of
from listenwatch.report.columns import WIDTH


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """What the command says in JSON."""
    assert cli.main(["predict", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def text(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    assert cli.main(["predict", *arguments]) == 0
    return capsys.readouterr().out


def path(steps: list[dict[str, Any]]) -> list[tuple[str, str, str, int]]:
    """Each step: function, what it does, state and max_ack_backlog after it."""
    return [(s["function"], s["does"], s["state"], s["max_ack_backlog"]) for s in steps]


def test_the_original_description_stage_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """shared/original-description.md, line by line: sys_listen to wake_up, then the stored backlog."""
    (found,) = answer(capsys, "--backlog", "511", "--kernel", "2.6.20")
    assert path(found["steps"]) == [
        ("sys_listen", "backlog 511 is clamped to somaxconn, 128", "CLOSE", 0),
        ("security_socket_listen", "allows", "CLOSE", 0),
        ("inet_listen", "gets backlog 128", "CLOSE", 0),
        ("inet_csk_listen_start", "gets 128", "CLOSE", 0),
        ("reqsk_queue_alloc", "table of 256, max_qlen_log 8", "CLOSE", 0),
        (
            "inet_csk_listen_start",
            "sk_max_ack_backlog = 0, sk_ack_backlog = 0, inet_csk_delack_init()",
            "CLOSE",
            0,
        ),
        ("inet_csk_listen_start", "sk_state = LISTEN", "LISTEN", 0),
        ("get_port", "keeps the port", "LISTEN", 0),
        ("inet_csk_listen_start", "inet_sport = htons(inet_num), sk_dst_reset()", "LISTEN", 0),
        ("tcp_v4_hash", "__inet_hash (inline): into listening_hash (by port)", "LISTEN", 0),
        ("tcp_v4_hash", "wake_up(lhash_wait)", "LISTEN", 0),
        ("inet_listen", "stores the backlog as sk_max_ack_backlog", "LISTEN", 128),
    ]
    assert (found["result"], found["stored"], found["capacity"]) == (0, 128, 129)


def test_the_original_description_when_the_port_is_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (found,) = answer(capsys, "--backlog", "511", "--kernel", "2.6.24")
    taken, no_memory = found["others"]
    assert (taken["errno"], taken["rule"], taken["state"]) == ("EADDRINUSE", "port-taken", "CLOSE")
    assert path(taken["steps"])[-3:] == [
        ("get_port", "fails", "LISTEN", 0),
        ("inet_csk_listen_start", "sk_state = CLOSE", "CLOSE", 0),
        ("__reqsk_queue_destroy", "frees the table", "CLOSE", 0),
    ]
    assert (no_memory["errno"], no_memory["rule"]) == ("ENOMEM", "no-memory")
    assert [s["function"] for s in no_memory["steps"]][-1] == "inet_csk_listen_start"
    assert taken["stored"] == no_memory["stored"] == 0


@pytest.mark.parametrize(
    ("backlog", "max_syn_backlog", "entries"),
    [
        # min(backlog, max_syn_backlog), at least 8, + 1, up to a power of two
        (1, 256, 16),  # 1 -> 8 -> 9 -> 16
        (5, 256, 16),  # 5 -> 8 -> 9 -> 16
        (8, 256, 16),  # 8 -> 9 -> 16
        (100, 256, 128),  # 100 -> 101 -> 128
        (128, 256, 256),  # 128 -> 129 -> 256
        (1000, 256, 512),  # 256 -> 257 -> 512
        (1, 1024, 16),
        (5, 1024, 16),
        (8, 1024, 16),
        (100, 1024, 128),
        (128, 1024, 256),
        (1000, 1024, 1024),  # 1000 -> 1001 -> 1024
    ],
)
def test_table_sizes_of_the_original_description(
    capsys: pytest.CaptureFixture[str], backlog: int, max_syn_backlog: int, entries: int
) -> None:
    arguments = ["--backlog", str(backlog), "--max-syn-backlog", str(max_syn_backlog)]
    for kernel in ("2.6.20", "2.6.24"):
        (found,) = answer(capsys, *arguments, "--somaxconn", "1000", "--kernel", kernel)
        assert found["syn_queue_table"]["nr_table_entries"] == entries
        assert 1 << found["syn_queue_table"]["max_qlen_log"] == entries
        assert found["syn_queue_limit"] == entries
    (default,) = answer(capsys, *arguments, "--kernel", "2.6.20")
    assert default["syn_queue_table"]["nr_table_entries"] == min(entries, 256)


def test_a_first_listen_sizes_the_table_and_a_later_one_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, new = answer(capsys, "--backlog", "100", "--relisten", "5", "--compare", "4.3,7.3")
    assert (old["rule"], old["stored"], old["syn_queue_limit"]) == ("relistens", 100, 16)
    assert (new["rule"], new["stored"], new["syn_queue_limit"]) == ("relistens", 100, 101)


def test_a_later_listen_over_mptcp(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answer(
        capsys, "--backlog", "7", "--relisten", "5", "--family", "mptcp", "--kernel", "6.6"
    )
    assert (found["rule"], found["stored"], found["capacity"]) == ("relistens", 7, 8)


@pytest.mark.parametrize("kernel", ["2.6.18", "2.6.20", "4.3", "4.9", "5.15.90", "6.1", "7.3"])
@pytest.mark.parametrize("family", ["tcp", "tcp6", "unix"])
def test_text_fits(capsys: pytest.CaptureFixture[str], kernel: str, family: str) -> None:
    shown = text(capsys, "--backlog", "511", "--kernel", kernel, "--family", family)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "True" not in shown and "False" not in shown


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_the_terminal_and_names_are_whole(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listenwatch.commands.predict.width_of", lambda stream: width)
    compared = text(capsys, "--backlog", "511", "--compare", "2.6.20,4.3,6.1,7.3")
    assert compared.count("era begins with") == {80: 2, 100: 2, 200: 1}[width]  # tables
    for shown in (compared, text(capsys, "--backlog", "511", "--kernel", "6.1")):
        assert max(map(len, shown.splitlines())) <= width
        assert {"TCPReqQFullDoCookies", "ListenOverflows", "__sys_listen"} <= set(re.findall(r"\w+", shown))


def test_compare_marks_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    lines = text(capsys, "--backlog", "511", "--compare", "2.6.20,4.3,6.1,7.3").splitlines()
    rows = {line[3:31].strip(): line for line in lines}
    assert rows["stored max_ack_backlog"].split() == ["*", "stored", "max_ack_backlog", "128", "128", "511", "511"]
    assert rows["result"].split() == ["result", "0", "0", "0", "0"]
    assert rows["wakes_lhash_wait"].split() == ["*", "wakes_lhash_wait", "yes", "no", "no", "no"]
    assert "port_failure_returns_0" not in rows
    assert "max_ack_backlog_bits" in rows


def test_compare_of_one_kernel_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    shown = text(capsys, "--backlog", "5", "--compare", "6.1,6.1")
    assert not any(line.startswith("*") for line in shown.splitlines())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--kernel", "5.10.223"], {"SYN queue full, SYN": "DROPPED"}),
        (["--kernel", "7.3"], {"SYN queue full, SYN": "DROPPED"}),
        (["--kernel", "4.4"], {"accept queue full, SYN": "SYN_ACK"}),
        (["--kernel", "7.3", "--abort-on-overflow"], {"accept queue full, final ACK": "RESET"}),
        (["--kernel", "7.3", "--max-syn-backlog", "16"], {"13 requests wait, SYN of a new peer": "DROPPED"}),
        (["--kernel", "4.4.177"], {"accept queue full, SYN": "SYN_ACK"}),
        (["--kernel", "4.4.178"], {"accept queue full, SYN": "DROPPED"}),
        (["--kernel", "3.18.140"], {"accept queue full, SYN": "UNKNOWN"}),
    ],
)
def test_what_the_next_connection_meets(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: dict[str, str]
) -> None:
    (found,) = answer(capsys, "--backlog", "100", "--syncookies", "0", *arguments)
    met = {m["situation"]: m["answer"] for m in found["next"]}
    assert expected.items() <= met.items()


def test_unix(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answer(capsys, "--backlog", "3", "--family", "unix", "--kernel", "6.1")
    assert found["capacity"] == 4
    assert found["syn_queue_limit"] is None
    assert [m["answer"] for m in found["next"]] == ["EAGAIN", "BLOCKS"]
    (unbound,) = answer(capsys, "--backlog", "3", "--family", "unix", "--unbound", "--kernel", "6.1")
    assert (unbound["errno"], unbound["capacity"]) == ("EINVAL", None)
    assert unbound["next"] == []


def test_unbound_means_autobind(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answer(capsys, "--backlog", "3", "--unbound", "--kernel", "6.1")
    assert found["rule"] == "autobinds"
    assert [other["rule"] for other in found["others"]] == ["no-free-port"]


@pytest.mark.parametrize(
    ("kernel", "flags", "queue"),
    [
        ("3.6", "0x402", 0),
        ("3.10", "0x402", 64),
        ("4.8", "0x800", 0),
        ("4.8", "0x50802", 5),
        ("4.9", "0x50802", 0),
        ("6.1", "0x402", 64),
        ("6.1", "0x401", 0),
        ("6.1", "0x3", 0),
    ],
)
def test_fastopen_queue(
    capsys: pytest.CaptureFixture[str], kernel: str, flags: str, queue: int
) -> None:
    (found,) = answer(capsys, "--backlog", "64", "--fastopen", flags, "--kernel", kernel)
    assert found["fastopen_max_qlen"] == queue
    rules = [other["rule"] for other in found["others"]]
    assert ("fastopen-no-memory" in rules) == (kernel == "3.10")


def test_a_counter_that_wraps_never_fills(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--backlog", "65535", "--somaxconn", "65535", "--kernel", "3.10"]
    (found,) = answer(capsys, *arguments)
    assert found["capacity"] is None
    assert not any("accept queue" in m["situation"] for m in found["next"])
    assert "any number" in text(capsys, *arguments)


def test_notes(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answer(capsys, "--backlog", "1", "--somaxconn", "65536", "--kernel", "3.11")
    assert found["notes"] == ["net.core.somaxconn cannot be 65536 here: writing it answers EINVAL"]
    (later,) = answer(capsys, "--backlog", "1", "--kernel", "6.12")
    assert later["notes"] == [
        "stable releases of this series differ: syn_queue_full_above_limit yes from 6.12.10"
    ]
    (unknown,) = answer(capsys, "--backlog", "1", "--kernel", "3.2.50")
    assert unknown["notes"] == [
        "not known of this release: somaxconn_range",
        "stable releases of this series differ: somaxconn_range UNSIGNED_SHORT seen in 3.2.53",
    ]
    (open_,) = answer(capsys, "--backlog", "1", "--somaxconn", "65536", "--kernel", "3.2.50")
    assert open_["notes"][0] == "whether net.core.somaxconn can be 65536 here is not known"
    (before,) = answer(capsys, "--backlog", "1", "--kernel", "2.6.32.9")
    assert before["notes"] == [
        "stable releases of this series differ: somaxconn_range not known from 2.6.32.10, "
        "somaxconn_range UNSIGNED_SHORT seen in 2.6.32.62"
    ]
    (backported,) = answer(capsys, "--backlog", "1", "--somaxconn", "65536", "--kernel", "2.6.32.69")
    assert backported["notes"] == ["net.core.somaxconn cannot be 65536 here: writing it answers EINVAL"]
    (newer,) = answer(capsys, "--backlog", "1", "--kernel", "9.9")
    assert newer["notes"] == ["newer than any kernel the model was read from (7.3)"]


def test_every_rule_used_is_cited(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answer(capsys, "--backlog", "511", "--kernel", "6.1")
    cited = {rule["id"] for rule in found["rules"]}
    assert cited == {
        found["rule"],
        found["backlog_rule"],
        *(m["rule"] for m in found["next"]),
        *(o["rule"] for o in found["others"]),
    }
    assert all(rule["source"] for rule in found["rules"])


@pytest.mark.parametrize("kernel", ["x", "2.6", "6", "2.4.20", "6.1.", ""])
def test_an_unknown_kernel_lists_the_eras(kernel: str) -> None:
    with pytest.raises(UsageError, match=r"eras begin with 2\.6\.12, 2\.6\.14, 2\.6\.20"):
        calculate(version_of(kernel), Parameters(1))


@pytest.mark.parametrize(
    ("written", "version"),
    [
        ("6.1", (6, 1, 0)),
        ("v2.6.20", (2, 6, 20)),
        ("6.1.0-50-amd64", (6, 1, 0)),
        ("7.0-rc3", (7, 0, 0)),
    ],
)
def test_version_of(written: str, version: tuple[int, int, int]) -> None:
    assert version_of(written) == version


def test_no_mptcp_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", "--backlog", "1", "--family", "mptcp", "--kernel", "5.4"]) == 2
    assert "there is no MPTCP before v5.6" in capsys.readouterr().err


def test_the_default_is_the_running_kernel(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "running_kernel", lambda: Kernel("x", (6, 1, 192), "x86_64", {}))
    (found,) = answer(capsys, "--backlog", "1")
    assert found["release"] == "6.1.192"


@pytest.mark.parametrize("number", ["2147483648", "-2147483649", "many"])
def test_a_backlog_is_a_c_int(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["predict", f"--backlog={number}"])
    assert stopped.value.code == 2
    assert "--backlog" in capsys.readouterr().err


# -- what is cited, by era


def sources(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """The function that decides each rule of a prediction, and its file."""
    (found,) = answer(capsys, "--backlog", "511", *arguments)
    return {rule["id"]: rule["source"] for rule in found["rules"]}


@pytest.mark.parametrize(
    ("kernel", "clamp", "relisten", "syn", "flood"),
    [
        ("2.6.20", "sys_listen", "inet_listen", "tcp_v4_conn_request", "tcp_v4_conn_request"),
        ("3.10", "sys_listen", "inet_listen", "tcp_v4_conn_request", "tcp_syn_flood_action"),
        ("4.16", "sys_listen", "inet_listen", "tcp_conn_request", "tcp_syn_flood_action"),
        ("6.1", "__sys_listen", "inet_listen", "tcp_conn_request", "tcp_syn_flood_action"),
        ("6.6", "__sys_listen", "__inet_listen_sk", "tcp_conn_request", "tcp_syn_flood_action"),
        ("7.3", "__sys_listen_socket", "__inet_listen_sk", "tcp_conn_request", "tcp_syn_flood_action"),
    ],
)
def test_a_citation_fits_the_era(
    capsys: pytest.CaptureFixture[str], kernel: str, clamp: str, relisten: str, syn: str, flood: str
) -> None:
    of_syn = "net/ipv4/tcp_ipv4.c" if syn == "tcp_v4_conn_request" else "net/ipv4/tcp_input.c"
    cited = sources(capsys, "--kernel", kernel, "--relisten", "5", "--somaxconn", "128", "--syncookies", "0")
    assert cited["clamped"] == f"{clamp}(), net/socket.c"
    assert cited["relistens"] == f"{relisten}(), net/ipv4/af_inet.c"
    assert cited["syn-accept-queue-full"] == f"{syn}(), {of_syn}"
    assert cited["syn-queue-full"] == f"{flood}(), {of_syn}"
    shown = " ".join(text(capsys, "--backlog", "511", "--relisten", "5", "--kernel", kernel).split())
    assert f"{clamp}(), net/socket.c" in shown
    assert ("__inet_listen_sk" in shown) == (relisten == "__inet_listen_sk")


def test_the_first_releases_listen_through_tcp(capsys: pytest.CaptureFixture[str]) -> None:
    for kernel, function, file in (
        ("2.6.13", "tcp_listen_start", "net/ipv4/tcp.c"),
        ("2.6.14", "inet_csk_listen_start", "net/ipv4/inet_connection_sock.c"),
    ):
        assert sources(capsys, "--kernel", kernel)["listens"] == f"{function}(), {file}"
        (found,) = answer(capsys, "--backlog", "5", "--kernel", kernel)
        assert function in {step["function"] for step in found["steps"]}


def test_a_syn_that_a_full_accept_queue_lets_in_is_not_said_to_have_room(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answer(capsys, "--backlog", "5", "--kernel", "2.6.20")
    met = {m["situation"]: m for m in found["next"]}
    assert met["accept queue full, SYN"]["rule"] == "syn-queued-while-full"
    assert "both queues have room" not in text(capsys, "--backlog", "5", "--kernel", "2.6.20")


def test_an_unknown_outcome_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--backlog", "100", "--syncookies", "0", "--kernel", "3.18.140"]
    (found,) = answer(capsys, *arguments)
    met = {m["situation"]: m for m in found["next"]}
    assert met["accept queue full, SYN"]["counters"] is None
    (row,) = [line for line in text(capsys, *arguments).splitlines() if line.startswith("accept queue full, SYN ")]
    assert row.split("  ")[-1].strip() == "not known"
    (compared,) = [
        line for line in text(capsys, "--backlog", "100", "--compare", "3.18.140,4.10").splitlines()
        if "accept queue full, SYN " in line
    ]
    assert compared.split()[-3:] == ["not", "known", "DROPPED"]


def test_the_counters_of_a_cookie(capsys: pytest.CaptureFixture[str]) -> None:
    for kernel, counted in (("3.6", False), ("3.10", True), ("4.6", True), ("4.7", False), ("7.3", False)):
        (found,) = answer(capsys, "--backlog", "5", "--syncookies", "1", "--kernel", kernel)
        met = {m["situation"]: m["counters"] for m in found["next"]}
        assert ("ListenDrops" in met["SYN queue full, SYN"]) == counted, kernel
