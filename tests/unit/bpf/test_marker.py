"""Our marker: it counts where the kernel got it, and whoever answers in its place is named."""

from __future__ import annotations

import errno
from itertools import count

import pytest

from listenwatch.bpf import marker
from listenwatch.errors import ObserveError
from listenwatch.linux import libc


@pytest.mark.parametrize("answer", [errno.EBADF, errno.ENOTSOCK, 0])
def test_a_marker_the_kernel_got_is_one_whatever_it_answers(monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    monkeypatch.setattr(libc, "listen", lambda _fd, _backlog: answer)
    sent, received = marker.sent(), count()
    marker.send(lambda: next(received))
    assert marker.sent() == sent + 1


@pytest.mark.parametrize(("answer", "name"), [(errno.EPERM, "EPERM"), (0, "0")])
def test_an_answer_in_the_kernels_place_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, answer: int, name: str
) -> None:
    monkeypatch.setattr(libc, "listen", lambda _fd, _backlog: answer)
    with pytest.raises(ObserveError, match=f"ended with {name}, not EBADF: a seccomp filter"):
        marker.send(lambda: 7)


def test_a_marker_that_never_comes_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libc, "listen", lambda _fd, _backlog: errno.EBADF)
    monkeypatch.setattr(marker, "PATIENCE", 0.02)
    with pytest.raises(ObserveError, match=r"the probes saw no listen\(\) of this process"):
        marker.send(lambda: 7)
