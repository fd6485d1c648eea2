"""``listenwatch features``: what this kernel offers, and how each answer was found out."""

import argparse
import sys
from collections.abc import Sequence

from listenwatch.features.answers import Answer
from listenwatch.features.attach import choose_mode, follows_by_seccomp
from listenwatch.features.evidence import Evidence
from listenwatch.features.survey import Field, Survey, behaviour_fields, survey
from listenwatch.linux.terminal import width_of
from listenwatch.report.columns import text_width
from listenwatch.report.features_json import dumped
from listenwatch.report.tables import table

_TITLES = {
    "kernel": "This kernel",
    "hooks": "Functions a probe attaches to",
    "privilege": "This user",
    "attach": "Attach modes",
}


EPILOG = """\
examples:
  listenwatch features           every answer, and how it was found out
  sudo listenwatch features      without root, some answers are "unknown"
  listenwatch features --json    for programs

exit status: 0 some attach mode works here, or it is not known, 2 usage,
3 certainly none does"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Ask and print; 0, or 3 if it is certain that no attach mode works here."""
    evidence = Evidence()
    answers, fields = survey(evidence), behaviour_fields(evidence)
    mode, why = choose_mode("auto", evidence=evidence)
    auto = mode, f"{why}; without privilege a command is followed by seccomp" if follows_by_seccomp(evidence) else why
    if args.json:
        print(dumped(evidence, answers, fields, auto))
    else:
        print(as_text(evidence, answers, fields, auto, width_of(sys.stdout)))
    return exit_status(answers)


def exit_status(answers: Survey) -> int:
    """3 if every attach mode is a certain no, else 0: what is unknown may still work."""
    return 3 if all(mode.answer is Answer.NO for mode in answers["attach"]) else 0


def as_text(
    evidence: Evidence, answers: Survey, fields: list[Field], auto: tuple[str, str], width: int | None = None
) -> str:
    """The same as tables for people."""
    kernel = evidence.kernel
    version = ".".join(map(str, kernel.version))
    parts = [f"Linux {kernel.release} (upstream {version}) on {kernel.machine}"]
    for group, features in answers.items():
        rows = [(f.name, f.answer.value, f.how) for f in features]
        if group == "attach":
            rows.append(("auto", f"takes {auto[0]}", auto[1]))
        parts.append(_table(_TITLES[group], "answer", rows, width))
    parts.append(_table("Behaviour the model uses", "value", fields, width))
    return "\n\n".join(parts)


def _table(title: str, middle: str, rows: Sequence[tuple[str, str, str]], width: int | None) -> str:
    return table((title, middle, "how it was found out"), rows, text_width(width))
