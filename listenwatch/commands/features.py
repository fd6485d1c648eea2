"""``listenwatch features``: what this kernel offers, and how each answer was found out."""

from __future__ import annotations

import argparse
import json

from tabulate import tabulate

from listenwatch.answers import Answer
from listenwatch.engines.programs import choose_mode
from listenwatch.evidence import Evidence, gather
from listenwatch.features import Field, Survey, behaviour_fields, survey

SCHEMA = 1

_TITLES = {
    "kernel": "This kernel",
    "hooks": "Functions a probe attaches to",
    "privilege": "This user",
    "attach": "Attach modes",
}
_WIDTHS = [26, 20, 46]  # with the gaps, no more than 100 columns


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add features' options."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Ask and print; 0, or 3 if it is certain that no attach mode works here."""
    seen = gather()
    found, fields = survey(seen), behaviour_fields(seen)
    auto = choose_mode("auto")
    print(as_json(seen, found, fields, auto) if args.json else as_text(seen, found, fields, auto))
    return exit_status(found)


def exit_status(found: Survey) -> int:
    """3 if every attach mode is a certain no, else 0: what is unknown may still work."""
    return 3 if all(mode.answer is Answer.NO for mode in found["attach"]) else 0


def as_json(seen: Evidence, found: Survey, fields: list[Field], auto: tuple[str, str]) -> str:
    """One object: ``schema, release, version, machine, features, auto, behaviour``; stable keys."""
    kernel = seen.kernel
    return json.dumps(
        {
            "schema": SCHEMA,
            "release": kernel.release,
            "version": ".".join(map(str, kernel.version)),
            "machine": kernel.machine,
            "features": {
                group: [{"name": f.name, "answer": f.answer.value, "how": f.how} for f in features]
                for group, features in found.items()
            },
            "auto": {"mode": auto[0], "why": auto[1]},
            "behaviour": [field._asdict() for field in fields],
        }
    )


def as_text(seen: Evidence, found: Survey, fields: list[Field], auto: tuple[str, str]) -> str:
    """The same as tables for people."""
    kernel = seen.kernel
    version = ".".join(map(str, kernel.version))
    parts = [f"Linux {kernel.release} (upstream {version}) on {kernel.machine}"]
    for group, features in found.items():
        rows = [(f.name, f.answer.value, f.how) for f in features]
        if group == "attach":
            rows.append(("auto", f"takes {auto[0]}", auto[1]))
        parts.append(_table(_TITLES[group], "answer", rows))
    parts.append(_table("Behaviour the model uses", "value", fields))
    return "\n\n".join(parts)


def _table(title: str, middle: str, rows: list[Field] | list[tuple[str, str, str]]) -> str:
    return tabulate(
        rows,
        headers=(title, middle, "how it was found out"),
        maxcolwidths=_WIDTHS,
        disable_numparse=True,
    )
