"""The handout of the lab: one file, with every exercise and the hooks the probes sit on."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from listenwatch.labs.catalogue import exercises
from tests import ROOT

TEXT = (ROOT / "vagrant/handout.html").read_text()


def test_it_fetches_nothing() -> None:
    assert not re.search(r"https?:|\bsrc=|\bhref=|url\((?!#)|@import", TEXT)


@pytest.mark.parametrize("exercise", exercises(), ids=lambda exercise: exercise.name)
def test_it_lists_every_exercise_and_no_other(exercise: object) -> None:
    assert getattr(exercise, "name") in TEXT  # noqa: B009
    listed = re.findall(r"<td>(\d\d-[a-z0-9-]+)</td>", TEXT)
    assert listed == [each.name for each in exercises()]


def test_its_picture_is_whole_and_marks_the_three_kprobes() -> None:
    picture = TEXT[TEXT.index("<svg") : TEXT.index("</svg>") + 6]
    root = ElementTree.fromstring(picture)
    texts = ["".join(each.itertext()) for each in root.iter("text")]
    marked = [
        texts[number + 1].split("(")[0] for number, each in enumerate(texts) if each == "kprobe"
    ]
    assert marked == ["inet_listen", "inet_csk_listen_start", "inet_hash"]
