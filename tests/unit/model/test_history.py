"""The history of one field: mainline releases in order, and spans of patch levels in stable series."""

from __future__ import annotations

from dataclasses import Field

import pytest

from listenwatch.model.behaviour import FIELDS
from listenwatch.model.history import Commit, Evidence, History, Version, declare, version_of


def test_histories_are_in_order() -> None:
    for history in FIELDS.values():
        assert history.changes[0][0] == (2, 6, 12)
        releases = [first for first, _ in history.changes]
        assert releases == sorted(set(releases))
        assert list(history.stable) == sorted(history.stable)
        for patches in history.stable.values():
            assert list(patches) == sorted(patches)


def test_a_span_holds_from_its_first_patch_level_in_its_own_series() -> None:
    stable: dict[Version, dict[int, str | None]] = {(5, 4): {3: None, 7: "new"}, (5, 5): {2: "old"}}
    history = History("", (((2, 6, 12), "mainline"),), stable, (), ())
    released = [history.released((5, 4, patch)) for patch in (2, 3, 6, 7, 8)]
    assert released == ["mainline", None, None, "new", "new"]
    assert [history.released((5, 5, patch)) for patch in (1, 2)] == ["mainline", "old"]
    assert history.released((5, 6, 9)) == "mainline"


OLD, MIDDLE, NEW = "old", "middle", "new"


def test_a_field_as_it_is_declared() -> None:
    """A dataclass field whose default is the newest value, with dates as numbers and the meaning on one line."""
    commit = Commit("0123456789ab", "net: a change", "v5.4")
    evidence = (Evidence("name", present=NEW),)
    declared: object = declare(
        "what it\n        means",
        {"2.6.20": OLD, "5.4": MIDDLE, "6.1": NEW},
        stable={"5.4": {7: MIDDLE}},
        evidence=evidence,
        commits=(commit,),
    )
    assert isinstance(declared, Field)
    assert declared.default == NEW
    assert declared.metadata["history"] == History(
        "what it means",
        (((2, 6, 20), OLD), ((5, 4, 0), MIDDLE), ((6, 1, 0), NEW)),
        {(5, 4): {7: MIDDLE}},
        evidence,
        (commit,),
    )
    plain: object = declare("meaning", {"2.6.12": OLD})
    assert isinstance(plain, Field)
    assert plain.metadata["history"] == History("meaning", (((2, 6, 12), OLD),), {}, (), ())


def test_a_release_is_three_numbers() -> None:
    assert [version_of(release) for release in ("2.6.20", "6.1", "6.1.192")] == [
        *((2, 6, 20), (6, 1, 0), (6, 1, 192)),
    ]
    with pytest.raises(ValueError, match="not enough values"):
        version_of("6")


def test_what_may_have_changed_later() -> None:
    plain = History("", (((2, 6, 12), OLD), ((5, 4, 0), NEW)), {}, (), ())
    later = [plain.changed_after(version) for version in ((5, 3, 0), (5, 3, 9), (5, 4, 0), (6, 0, 0))]
    assert later == [True, True, False, False]
    backported = History("", (((2, 6, 12), OLD),), {(5, 4): {3: NEW}}, (), ())
    series = [backported.changed_after(version) for version in ((5, 3, 0), (5, 4, 0), (5, 4, 9), (5, 5, 0))]
    assert series == [True, True, True, False]


def test_what_a_kernel_shows() -> None:
    evidence = (Evidence("first", present=NEW), Evidence("second", present=MIDDLE, absent=OLD))
    history = History("", (((2, 6, 12), OLD),), {}, evidence, ())
    assert history.shown({}) is None
    assert history.shown({"first": True, "second": True}) == (NEW, "first")
    assert history.shown({"first": False}) is None
    assert history.shown({"first": False, "second": True}) == (MIDDLE, "second")
    assert history.shown({"second": False}) == (OLD, "second")


def test_a_commit_is_cited_with_its_subject_where_that_is_at_hand() -> None:
    assert str(Commit("0123", "net: a change", "v5.4")) == 'Linux kernel commit 0123 ("net: a change") (in v5.4)'
    assert str(Commit("0123", "", "v5.4")) == "Linux kernel commit 0123 (in v5.4)"
    cited = History("since {0}", (((2, 6, 12), OLD),), {}, (), (Commit("0123", "", "v5.4"),))
    assert cited.text == "since Linux kernel commit 0123 (in v5.4)"


def test_every_value_the_newest_first() -> None:
    changes = (((2, 6, 12), OLD), ((5, 4, 0), NEW))
    stable: dict[Version, dict[int, str | None]] = {(4, 4): {1: None, 3: MIDDLE, 5: NEW}}
    assert History("", changes, stable, (), ()).values == (NEW, OLD, MIDDLE)
