"""``--unit`` and ``--container``: whole names, wildcards, a service without its suffix, the first digits of an id."""

from __future__ import annotations

import pytest

from listenwatch.linux.cgroup_owner import NOBODY, Container, Owner
from listenwatch.linux.owner_filter import OwnerFilter

ID = "0123456789ab" + 52 * "c"
NGINX, SESSION = Owner("nginx.service"), Owner("session-3.scope")
WEB = Owner("user@1000.service", Container("podman", ID, "web"))
NAMELESS, LXC = Owner(container=Container("", ID)), Owner(container=Container("lxc", "c1"))
EVERY = (NGINX, SESSION, WEB, NAMELESS, LXC, NOBODY)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (OwnerFilter(), EVERY),
        (OwnerFilter(["nginx.service"]), (NGINX,)),
        (OwnerFilter(["nginx"]), (NGINX,)),
        (OwnerFilter(["ngin"]), ()),
        (OwnerFilter(["NGINX"]), ()),
        (OwnerFilter(["n*"]), (NGINX,)),
        (OwnerFilter(["session-?.scope"]), (SESSION,)),
        (OwnerFilter(["session-3"]), ()),
        (OwnerFilter(["*"]), (NGINX, SESSION, WEB)),
        (OwnerFilter([""]), ()),
        (OwnerFilter(containers=["web"]), (WEB,)),
        (OwnerFilter(containers=["w*"]), (WEB,)),
        (OwnerFilter(containers=["*"]), (WEB, NAMELESS, LXC)),
        (OwnerFilter(containers=["c1"]), (LXC,)),
        (OwnerFilter(containers=[ID]), (WEB, NAMELESS)),
        (OwnerFilter(containers=[ID[:12]]), (WEB, NAMELESS)),
        (OwnerFilter(containers=[ID[:11]]), ()),
        (OwnerFilter(containers=[""]), ()),
        (OwnerFilter(["user@*"], ["web"]), (WEB,)),
        (OwnerFilter(["nginx"], ["web"]), ()),
        (OwnerFilter(["nginx", "session*"]), (NGINX, SESSION)),
        (OwnerFilter(containers=["c1", "web"]), (WEB, LXC)),
    ],
)
def test_what_is_wanted(wanted: OwnerFilter, kept: tuple[Owner, ...]) -> None:
    assert tuple(owner for owner in EVERY if wanted.matches(owner)) == kept
    assert tuple(owner for owner in EVERY if wanted.matches_any([owner])) == kept


def test_one_of_several_is_enough() -> None:
    assert OwnerFilter(["nginx"]).matches_any([SESSION, NGINX])
    assert not OwnerFilter(["nginx"]).matches_any([SESSION])
    assert OwnerFilter().matches_any([])
    assert not OwnerFilter(["*"]).matches_any([])


def test_the_unit_of_the_socket_counts_for_whoever_holds_it() -> None:
    init = Owner("init.scope")
    assert OwnerFilter(["ssh.socket"]).matches_any([init], "ssh.socket")
    assert OwnerFilter(["init.scope"]).matches_any([init], "ssh.socket")
    assert not OwnerFilter(["ssh.socket"], ["web"]).matches_any([init], "ssh.socket")
