"""``--color``: whether what is printed has colours; ``listenwatch.linux.terminal`` decides what each answer means."""

import argparse


def add_option(parser: argparse.ArgumentParser) -> None:
    """For a command that prints in colour."""
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", metavar="WHEN",
        help="auto (on a terminal, unless NO_COLOR is set), always or never")  # fmt: skip
