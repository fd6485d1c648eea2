"""The labels of the stages."""

from __future__ import annotations

from listenwatch.model.stages import HASH_FUNCTIONS, StageIndex


def test_labels_of_stages() -> None:
    assert [index.label for index in StageIndex] == [
        "security_socket_listen",
        "security_socket_listen returns",
        "inet_listen",
        "__inet_listen_sk",
        "inet_csk_listen_start",
        "state to LISTEN",
        "inet_hash",
        "state back to CLOSE",
        "inet_csk_listen_start returns",
        "inet_listen returns",
    ]
    assert HASH_FUNCTIONS == {1: "inet_hash", 2: "inet6_hash"}
