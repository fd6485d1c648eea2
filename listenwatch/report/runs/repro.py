"""Writes a history as a stand-alone Python script: the functions it needs out of ``calls``, and its operations."""

import ast
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from listenwatch.call.record import ListenCall
from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.histories import calls
from listenwatch.conformance.histories.operations import Op, Operations, threads
from listenwatch.conformance.histories.run import SETTINGS, lower
from listenwatch.linux.names import errno_text
from listenwatch.model.inputs import Family
from listenwatch.report.judged import judged_reason

_HEAD = '''\
#!/usr/bin/env python3
"""A program in which listen() does not do what the model of listenwatch says.

{about}

Run it as root: it makes network namespaces of its own. Prints each listen() and what it did.
Exit status: 0 if all is as it was recorded, 1 if not.
"""
'''

_BODY = '''\

different = 0


def attempt(function, *arguments):
    try:
        function(*arguments)
    except REFUSALS:
        pass


def check(slot, backlog, recorded):
    """listen(), and for a TCP listener the limit the kernel stored, by TCP_INFO."""
    global different
    fd, error = listen(slot, backlog)
    stored = None
    if not error and recorded[1] is not None:
        info = sockets[slot].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        stored = struct.unpack_from("=I", info, 28)[0]
    same = (error, stored) == recorded
    different += not same
    text = os.strerror(error) if error else "0" if stored is None else f"0, stored {stored}"
    print(f"listen({slot}, {backlog}): {text}: {'as recorded' if same else f'recorded {recorded}'}")


for _ in range(2):
    namespaces.append(new_namespace())
    for name, value in SETTINGS.items():
        sysctl(-1, name, value)
namespace(-1, 0)
'''

_THREADS = """

started = [threading.Thread(target=thread) for thread in (%s,)]
for thread in started:
    thread.start()
for thread in started:
    thread.join()
"""


def repro(operations: Operations, judged: Sequence[Judged], kernel: str) -> str:
    """The text of a script that does these operations, whose calls went as ``judged``."""
    about = "\n".join([f"Kernel {kernel}.", "", *map(_described, judged)])
    recorded = iter(_recorded(call.call) for call in judged)
    lines = [_HEAD.format(about=about), _functions({op.call for op in operations})]
    lines += [f"SETTINGS = {SETTINGS!r}", _BODY]
    lines += _lines((op for op in operations if not op.thread), recorded)
    numbers = threads(operations)
    if numbers:
        lines[2:2] = [f"import threading\n\nbarrier = threading.Barrier({len(numbers)})"]
    for number in numbers:
        lines += ["", "", f"def thread_{number}():", "    barrier.wait()"]
        own = _lines((op for op in operations if op.thread == number), recorded)
        lines += [f"    {line}" for line in own]
    if numbers:
        lines.append(_THREADS % ", ".join(f"thread_{number}" for number in numbers))
    lines.append("raise SystemExit(1 if different else 0)")
    return "\n".join(lines) + "\n"


def _described(judged: Judged) -> str:
    call = judged.call
    what = f"listen() on descriptor {call.fd} with backlog {call.backlog}" if call else "a listen()"
    return f"{judged.verdict.kind.value}: {what}: {judged_reason(judged)}"


def _recorded(call: ListenCall | None) -> tuple[int, int | None]:
    """The errno and, where TCP_INFO can show it, the limit stored."""
    if call is None or call.result:
        return (-call.result if call else 0, None)
    return (0, call.stored if call.post.family in (Family.INET, Family.INET6) else None)


def _lines(ops: Iterable[Op], recorded: Iterator[tuple[int, int | None]]) -> list[str]:
    lines = []
    for op in ops:
        arguments = ", ".join(_named(op))
        if op.call == "listen":
            known = next(recorded, (0, None))
            name = f"  # {errno_text(-known[0])}" if known[0] else ""
            lines.append(f"check({arguments}, {known}){name}")
        else:
            lines.append(f"attempt({op.call}, {arguments})")
    return lines


def _named(op: Op) -> Iterator[str]:
    """The arguments as a person would write them."""
    for position, argument in enumerate(lower(op, 0)):
        if op.call == "open_socket" and position == 1:
            yield f"socket.{socket.AddressFamily(int(argument)).name}"
        elif op.call == "open_socket" and position == 2:
            yield f"socket.{socket.SocketKind(int(argument)).name}"
        else:
            yield repr(argument)


_ALWAYS = {"listen", "new_namespace", "namespace", "sysctl"}


def _functions(names: set[str]) -> str:
    """The text of ``calls`` without its docstring and the functions nobody needs."""
    source = Path(calls.__file__).read_text()
    tree = ast.parse(source)
    wanted = names | _ALWAYS
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        if function.name in wanted:
            wanted |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
    kept = []
    for node in tree.body[1:]:
        text = ast.get_source_segment(source, node) or ""
        if isinstance(node, ast.FunctionDef):
            if node.name in wanted:
                kept.append(f"\n\n{text}")
        elif not isinstance(node, ast.Expr):
            kept.append(f"\n{text}" if text.startswith("libc") else text)
    return "\n".join(kept) + "\n"
