"""``listenwatch check``: what a server's listen() will get, by its configuration, before it runs; and whether it is so after."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from listenwatch.commands.numbers import plain, positive_int
from listenwatch.configs.checking import Checked, Kept, Target, check, check_running
from listenwatch.configs.declared import Declared, Origin, Where
from listenwatch.configs.reading import READERS, declared
from listenwatch.errors import ObserveError, UsageError, did_you_mean
from listenwatch.features.behaviour import behaviour_of_any
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.netns import somaxconn
from listenwatch.linux.terminal import inform, say, width_of
from listenwatch.prediction.parameters import version_of
from listenwatch.report.declared import annotation, declared_line, problem_text, text_of
from listenwatch.report.declared_sarif import sarif_log
from listenwatch.sockets.servers import SERVERS, server_named

DIFFERS, FAILED = 1, 5
_MAY_FAIL = ("clamped", "unknown")
EPILOG = """\
examples:
  listenwatch check /etc/nginx/nginx.conf /etc/redis/redis.conf
  listenwatch check --fail-on clamped compose.yaml deploy/*.yaml
  listenwatch check --kernel 5.3 --somaxconn 128 haproxy.cfg
  listenwatch check --pid 4242 /etc/nginx/nginx.conf   declared, and what it has
  listenwatch check --server memcached,sshd       what they get by default

FILE is nginx's, redis's, HAProxy's, PostgreSQL's, a systemd .socket unit, a
compose file or a Kubernetes manifest, known by its name or contents.
net.core.somaxconn is that of where this runs; of a container what its file
sets, else the kernel's default: it does not inherit the host's.

exit status, the first that holds (2 usage, 3 could not look):
  1  --pid: a socket has something else than its configuration says
  5  something that --fail-on names
  0  checked"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="a configuration")
    add("--as", dest="kind", choices=list(READERS), metavar="KIND",
        help=f"what the files are: {', '.join(READERS)} (default: as each looks)")  # fmt: skip
    add("--server", metavar="NAME,...", help="instead of a file: this server without a configuration; 'all': every one known")
    add("--kernel", metavar="V", help="version or series (default: this kernel)")
    add("--somaxconn", type=_somaxconn, metavar="N", help="net.core.somaxconn (default: as it is here; with --kernel that kernel's default)")
    add("--pid", type=positive_int, metavar="PID", help="compare with the sockets of this running server and its children")
    add("--fail-on", type=_conditions, default=(), metavar="WHAT,...",
        help="exit 5 if a listener is clamped (gets net.core.somaxconn instead of the greater backlog it asks for) or unknown "
        "(its backlog is not known)")  # fmt: skip
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print a JSON line for each listener")
    output.add_argument("--github", action="store_true", help="print annotations for GitHub Actions")
    output.add_argument("--sarif", action="store_true", help="print a SARIF log of what is clamped, not known or otherwise than declared")


def _somaxconn(text: str) -> int:
    number = int(plain(text))
    if not 0 <= number < 2**31:
        raise ValueError(f"{text} is no somaxconn")
    return number


def _conditions(text: str) -> tuple[str, ...]:
    for word in text.split(","):
        if word not in _MAY_FAIL:
            raise argparse.ArgumentTypeError(f"nothing to fail on: {word!r} (choose from {', '.join(_MAY_FAIL)})")
    return tuple(text.split(","))


def run(options: argparse.Namespace) -> int:
    """Check each file, print, and say what fails."""
    if bool(options.files) == bool(options.server):
        raise UsageError("nothing to check: give a FILE, or --server NAME")
    if options.pid and (options.kernel or options.somaxconn is not None or options.server):
        raise UsageError("--pid compares with a server that runs here: leave out --kernel, --somaxconn and --server")
    if options.sarif and options.server:
        raise UsageError("--sarif names lines of files: give a FILE instead of --server, or take --json")
    listeners = _defaults(options.server) if options.server else [
        each for file in options.files for each in declared(Path(file), options.kind)
    ]  # fmt: skip
    target = _target(options)
    checked = check_running(listeners, target, options.pid) if options.pid else check(listeners, target)
    failed = [each for each in checked if _fails(each, options.fail_on)]
    _show(checked, failed, options)
    if not checked:
        inform("nothing in it listens")
    for each in failed:
        say(problem_text(each))
    if any(each.kept in (Kept.DIFFERS, Kept.NOT_LISTENING) for each in checked):
        return DIFFERS
    return FAILED if failed else 0


def _show(checked: Sequence[Checked], failed: Sequence[Checked], options: argparse.Namespace) -> None:
    if options.json:
        for each in checked:
            print(json.dumps(declared_line(each)))
    elif options.github:
        for each in checked:
            print(annotation(each, fails=each in failed))
    elif options.sarif:
        print(json.dumps(sarif_log(checked, failed), indent=2))
    elif checked:
        print(text_of(checked, width_of(sys.stdout)))


def _fails(checked: Checked, fail_on: Sequence[str]) -> bool:
    differs = checked.kept in (Kept.DIFFERS, Kept.NOT_LISTENING)
    is_unknown = checked.declared.backlog is None
    return differs or ("clamped" in fail_on and checked.is_clamped) or ("unknown" in fail_on and is_unknown)


def _target(options: argparse.Namespace) -> Target:
    if options.kernel:
        return Target(version_of(options.kernel), None, options.somaxconn)
    kernel, here = running_kernel(), options.somaxconn
    if here is None and (here := somaxconn()) is None:
        raise ObserveError("net.core.somaxconn cannot be read here: give it by --somaxconn")
    return Target(kernel.version, behaviour_of_any(kernel), here)


def _defaults(names: str) -> Iterator[Declared]:
    every = [server.name.lower() for server in SERVERS]
    for name in every if names == "all" else names.lower().split(","):
        server = server_named(name)
        if server is None:
            near = did_you_mean(name, every) or f": choose from {', '.join(every)}"
            raise UsageError(f"no server '{name}' is known{near}")
        origin = Origin.UNKNOWN if server.default is None else Origin.DEFAULT
        yield Declared(server.name, "tcp", "", None, server.default, origin, Where(server.source), server.setting.format(n="N"))
