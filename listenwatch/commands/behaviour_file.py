"""``--behaviour-file``; ``behaviour_option`` reads the file."""

import argparse


def add_option(parser: argparse.ArgumentParser) -> None:
    """For a command that judges."""
    parser.add_argument(
        "--behaviour-file", metavar="FILE",
        help="judge by the Behaviour in FILE, which 'identify --output' wrote, not by what this kernel names and its release",
    )  # fmt: skip
