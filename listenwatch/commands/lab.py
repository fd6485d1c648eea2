"""``listenwatch lab``: exercises about listen(), checked by what the kernel does with your program."""

import argparse
import json
from pathlib import Path

from listenwatch.commands import color_option
from listenwatch.errors import ObserveError, UsageError
from listenwatch.labs import text
from listenwatch.labs.catalogue import Exercise, choose, exercises
from listenwatch.labs.grading import grading
from listenwatch.labs.marking import hand_out, mark, prove, student_file
from listenwatch.labs.progress import Progress
from listenwatch.linux.terminal import ColourChoice

EPILOG = """\
examples:
  listenwatch lab list            the exercises, and your points
  listenwatch lab start 2         the task, and a file in ./02-the-clamp
  sudo listenwatch lab check 2    run your file; says what is missing
  listenwatch lab hint 2          the next hint
  listenwatch lab solution 2      one that passes
  sudo listenwatch lab check --all --json
                                  every exercise, for marking

An exercise is named by its number or its name. 'listenwatch lab ACTION --help'
shows what each action takes.

exit status: 0 done, or passed, 1 something is missing, 2 usage,
3 could not observe"""

ACTIONS = {
    "list": ("the exercises, and your points", """\
examples:
  listenwatch lab list

exit status: 0 listed, 2 usage"""),
    "start": ("the task, and a file to begin with", """\
examples:
  listenwatch lab start 2               in ./02-the-clamp
  listenwatch lab start the-clamp work  in ./work

exit status: 0 the file is there, 2 usage, such as a folder that is not yours"""),
    "hint": ("the next hint", """\
examples:
  listenwatch lab hint 2    each time the one after the last

exit status: 0 shown, 2 usage"""),
    "solution": ("a solution", """\
examples:
  listenwatch lab solution 2 > solution.py

exit status: 0 printed, 2 usage"""),
    "check": ("run your file under the probe and judge it", """\
examples:
  sudo listenwatch lab check 2            the file that 'start' made
  sudo listenwatch lab check 2 mine.py    another one
  sudo listenwatch lab check --all --json

The file runs in a network namespace of its own, with numbers drawn anew each
time. What it prints counts only where the task asks for it: the rest is seen in
the kernel.

exit status: 0 all passed (or some, and the others cannot be checked here),
1 something is missing, 2 usage, 3 could not observe"""),
    "prove": ("for authors: every starter must fail, every solution pass, no cheat", """\
examples:
  sudo listenwatch lab prove       every exercise
  sudo listenwatch lab prove 2 3

exit status: 0 every exercise holds, 1 one does not, 2 usage,
3 could not observe"""),
}  # fmt: skip
"""Each action: what it does, and the end of its help."""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    adding = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = {
        name: adding.add_parser(
            name, help=purpose, description=f"{purpose[:1].upper()}{purpose[1:]}.", epilog=epilog,
            formatter_class=parser.formatter_class,
        )
        for name, (purpose, epilog) in ACTIONS.items()
    }  # fmt: skip
    which = "its number or its name"
    for name in ("start", "hint", "solution"):
        action[name].add_argument("exercise", metavar="NN", help=which)
    for name in ("start", "hint"):
        color_option.add_option(action[name])
    action["start"].add_argument("folder", nargs="?", metavar="DIR", help="default: ./NN-name")
    add = action["check"].add_argument
    add("exercise", nargs="?", metavar="NN", help=which)
    add("file", nargs="?", metavar="FILE", help="default: the one 'start' made")
    add("--all", action="store_true", help="every exercise there is a file for")
    add("--json", action="store_true", help="a JSON line for each exercise")
    action["prove"].add_argument("exercise", nargs="*", metavar="NN", help="default: all")


def run(options: argparse.Namespace) -> int:
    """Do what is asked; returns the exit status."""
    if options.action == "list":
        print(text.list_of(exercises(), Progress()))
        print("\nBegin with: listenwatch lab start 1")
        return 0
    if options.action == "check":
        return _check(options)
    if options.action == "prove":
        return _prove([choose(name) for name in options.exercise] or exercises())
    exercise = choose(options.exercise)
    if options.action == "start":
        file = hand_out(exercise, Path(options.folder or exercise.name))
        text.show(exercise.text, options.color)
        print(f"\nYour file: {file}")
        print(f"Check it:  sudo listenwatch lab check {exercise.number} {file}")
    elif options.action == "hint":
        _hint(exercise, options.color)
    else:
        Progress().note(exercise.name, solution=True)
        print(exercise.solution.read_text(), end="")
    return 0


def _hint(exercise: Exercise, colour: ColourChoice) -> None:
    progress, hints = Progress(), exercise.hints
    if not hints:
        raise UsageError(f"{exercise.name} has no hints")
    number = min(progress.of(exercise.name).get("hints", 0) + 1, len(hints))
    progress.note(exercise.name, hints=number)
    print(f"Hint {number} of {len(hints)}:\n", flush=True)
    text.show(hints[number - 1], colour)


def _check(options: argparse.Namespace) -> int:
    if options.all == (options.exercise is not None):
        raise UsageError("say which exercise, or --all: listenwatch lab check 2")
    chosen = exercises() if options.all else [choose(options.exercise)]
    files = [(exercise, student_file(exercise, options.file)) for exercise in chosen]
    grades = []
    with grading() as grader:
        for grade in mark(grader, files):
            grades.append(grade)
            if options.json:
                print(json.dumps(text.grade_line(grade)), flush=True)
            else:
                print(text.lines(text.grade_as_text(grade)), flush=True)
    if options.all and not options.json:
        print(f"\n{text.total(grades, sum(file is None for _, file in files))}")
    if all(grade.skip for grade in grades):
        return ObserveError.status
    return 0 if all(grade.passed or grade.skip for grade in grades) else 1


def _prove(chosen: list[Exercise]) -> int:
    wrong = 0
    with grading() as grader:
        for proof in prove(grader, chosen):
            wrong += not proof.right
            print(text.lines(text.proof_as_text(proof)), flush=True)
    print(f"{wrong} files do what they should not" if wrong else "every exercise holds")
    return 1 if wrong else 0
