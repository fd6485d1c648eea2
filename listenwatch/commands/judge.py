"""``listenwatch judge``: the standalone program's answers, judged on any machine by the model of any stack."""

import argparse
import gzip
import sys
import zlib
from pathlib import Path

from listenwatch.call.recording import GZIP
from listenwatch.conformance.standalone.answers import Answers, read_answers
from listenwatch.conformance.standalone.judging import Judgement, judge_answers
from listenwatch.conformance.standalone.stacks import stack_of
from listenwatch.errors import RecordingError, UsageError
from listenwatch.linux.terminal import escape, width_of
from listenwatch.report.answers import judgements_text
from listenwatch.report.answers_json import judgement_lines
from listenwatch.verdict.summary import worst

EPILOG = """\
examples:
  listenwatch judge answers.jsonl           as the kernel that they name
  listenwatch judge answers.jsonl --as 6.1
  listenwatch judge gvisor.jsonl --as gvisor
  listenwatch judge here.jsonl gvisor.jsonl --as 6.18 --as gvisor
  build/program/conformance.x86_64 | listenwatch judge -

'listenwatch conformance' makes the program that prints such answers; the
documentation has their format. Of two files it also shows where the answers
differ. What nothing shows is said, and never guessed.

exit status, the first that holds (2 usage, 3 no such answers, or damaged):
  1  a disagreement
  4  nothing could be compared, or under --strict something could not
  0  everything compared agreed"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="what the program printed; - for stdin")
    add("--as", dest="stacks", action="append", default=[], metavar="STACK",
        help="judge as a release of Linux, such as 6.1, or as gvisor; once for each FILE, in their order "
             "(default: the kernel that the answers name)")  # fmt: skip
    add("--strict", action="store_true", help="what could not be compared counts as incomplete")
    add("--json", action="store_true", help="one JSON object for each answer, and a summary for each file")
    add("-v", "--verbose", action="store_true", help="every answer, not only those worth a look")


def run(options: argparse.Namespace) -> int:
    """Judge each file and print what it came to."""
    files, stacks = options.files, options.stacks
    if len(stacks) > len(files):
        raise UsageError(f"--as is given {len(stacks)} times, for {len(files)} files")
    judgements = [
        judged(file, stack) for file, stack in zip(files, [*stacks, *[None] * (len(files) - len(stacks))], strict=True)
    ]
    return show(judgements, files, options)


def show(judgements: list[Judgement], files: list[str], options: argparse.Namespace) -> int:
    """Print what they came to, as the options say; the exit status."""
    if options.json:
        for file, judgement in zip(files, judgements, strict=True):
            print("\n".join(judgement_lines(judgement, escape(file))))
    else:
        print(judgements_text(judgements, width_of(sys.stdout), verbose=options.verbose))
    strict = getattr(options, "strict", False)
    return worst(judgement.summary.exit_status(strict=strict) for judgement in judgements)


def judged(file: str, stack: str | None) -> Judgement:
    """The answers of a file, judged as this stack's, or as the kernel's that they name."""
    answers = read(file)
    return judge_answers(answers, stack_of(stack, answers.header))


def read(file: str) -> Answers:
    """The answers in a file, gzipped or not, or on standard input."""
    if file == "-":
        return read_answers(sys.stdin.buffer, "-")
    try:
        with Path(file).open("rb") as stream:
            return read_answers(gzip.open(stream) if stream.peek(2).startswith(GZIP) else stream, escape(file))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordingError(f"{escape(file)}: not whole gzip data ({error})") from None
    except OSError as error:
        raise UsageError(f"cannot read {escape(file)}: {error.strerror}") from None
