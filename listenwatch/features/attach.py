"""How to attach here, decided once, from the answers that ``listenwatch features`` prints; opens the engine."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from listenwatch.bpf import overflow_programs, programs
from listenwatch.bpf.engine import CoreEngine, Engine
from listenwatch.bpf.programs import ATTACH_MODES, PROGRAMS, REQUIRED_FUNCTIONS, Attachment
from listenwatch.errors import ObserveError, UsageError
from listenwatch.features import survey
from listenwatch.features.answers import Answer, Feature
from listenwatch.features.evidence import X32, Evidence
from listenwatch.linux.btf import Btf
from listenwatch.linux.privileges import remedy, to_attach

if TYPE_CHECKING:
    from listenwatch.bpf.overflow import OverflowProbe
    from listenwatch.seccomp.engine import SeccompEngine

    AnyEngine = Engine | SeccompEngine

SECCOMP = "seccomp"
"""The attach mode without BPF: it follows one command, and needs no privilege."""
ENGINES = {"core": ATTACH_MODES, "bcc": ("kprobe", "tracepoint")}
"""The engines, and the attach modes each has, the richest first."""

OVERFLOW_MODES = overflow_programs.MODES


def refusal(mode: str, evidence: Evidence, functions: Collection[str] = REQUIRED_FUNCTIONS) -> str:
    """Why this kernel or user cannot attach in a mode; empty if nothing is known against it before loading."""
    for need in survey.mode_needs(mode, evidence, functions):
        if need.answer is not Answer.YES:
            return _in_words(need, evidence)
    return ""


def _in_words(missing: Feature, evidence: Evidence) -> str:
    if missing.name == "fentry":
        return f"the kernel refuses fentry ({evidence.fentry.refusal})"
    if missing.answer is Answer.UNKNOWN:
        return f"it is not known whether the kernel has {missing.name} ({missing.how})"
    if missing.name == "kprobes":
        return "the kernel was built without kprobes"
    if missing.name == survey.ENTRY_KPROBES:
        return "the kernel takes no kprobe where a function begins"
    return f"the kernel has no function {missing.name}"


def modes_here(evidence: Evidence | None = None) -> tuple[str, ...]:
    """The attach modes that work on this kernel, the richest first."""
    evidence = evidence or Evidence()
    return tuple(mode for mode in ATTACH_MODES if not refusal(mode, evidence))


def choose_mode(
    wanted: str, modes: Sequence[str] = ATTACH_MODES, evidence: Evidence | None = None
) -> tuple[str, str]:
    """Mode and why. UsageError: ``wanted`` is not ``auto`` or of ``modes``; ObserveError: it does not work here."""
    evidence = evidence or Evidence()
    if wanted not in ("auto", *modes):
        raise UsageError(f"no attach mode '{wanted}' here: choose from auto, {', '.join(modes)}")
    if wanted != "auto":
        if reason := refusal(wanted, evidence):
            raise ObserveError(f"{reason}: {_instead(wanted, evidence)}")
        return wanted, "asked for"
    no_kprobe = refusal("kprobe", evidence)
    if not no_kprobe:
        return "kprobe", "the kernel has kprobes, which see every stage"
    if "fentry" in modes:
        no_fentry = refusal("fentry", evidence)
        if not no_fentry:
            return "fentry", f"{no_kprobe}; fentry sees the same stages"
        if no_fentry != no_kprobe:
            no_kprobe += no_fentry.replace("the kernel", " and", 1)
    return "tracepoint", f"{no_kprobe}; tracepoints see no hash stage, and slow every system call a little"


_INSTEAD = {
    "kprobe": "use --attach tracepoint, or 'listenwatch guest --kernel 6.1 -- ...' for a kernel "
    "that has them",
    "fentry": "leave out --attach, which takes the richest mode that works here for this user",
}
"""What to do where an attach mode does not work."""


def _instead(mode: str, evidence: Evidence) -> str:
    """What to do where it does not work: the privilege that is missing, if that may be why."""
    refused = mode == "fentry" and evidence.fentry.error in (errno.EPERM, errno.EACCES)
    return (remedy(to_attach()) if refused else "") or _INSTEAD[mode]


def programs_for(mode: str, evidence: Evidence, engine: str = "core") -> tuple[programs.BpfProgram, ...]:
    """What this kernel has of the programs of an attach mode; ObserveError if it lacks a required one."""
    if mode == "tracepoint":
        return programs.at_tracepoints(PROGRAMS)
    functions = evidence.symbols or frozenset()
    if mode == "kprobe":
        trampoline = "fentry" in ENGINES[engine] and _has_trampolines(evidence)
        return programs.at_system_call(programs.present(PROGRAMS, functions), trampoline=trampoline)
    chosen = programs.trampolines(PROGRAMS, Btf.read().parameters(functions), functions)
    return programs.at_system_call(chosen, trampoline=False)


def _has_trampolines(evidence: Evidence) -> bool:
    return survey.fentry(evidence).answer is Answer.YES


def entry_paths(evidence: Evidence) -> dict[int, str]:
    """The ways to listen() beside the native system call that this kernel has, or may have: ``Attachment.entry_paths``."""
    from listenwatch.model.inputs import EntryPath  # not before the probe is being loaded

    begin_at = {EntryPath.COMPAT: programs.COMPAT_FUNCTION, EntryPath.IO_URING: "__sys_listen_socket"}
    ways = {
        EntryPath.COMPAT: (survey.compat(evidence), survey.named("x32", evidence, X32)),
        EntryPath.IO_URING: (survey.named("io_uring listen", evidence, "io_listen"),),
    }
    return {
        path: begin_at[path]
        for path, features in ways.items()
        if any(feature.answer is not Answer.NO for feature in features)
    }


def open_engine(
    engine: str = "core", attach: str = "auto", *, follow: bool = False, ring_size: int | None = None,
    meanwhile: Iterable[object] = (),
) -> Engine:
    """The engine of that name, attached, its probes known to fire; ObserveError says what is missing.

    ``ring_size`` is in bytes, a power of two; only engine core can have another than the probe's own. Engine core takes
    steps of ``meanwhile``, as many as there is time for, while the kernel verifies the probe.
    """
    if engine == "bcc" and ring_size is not None:
        raise UsageError("--buffer is for engine core: leave out --engine bcc")
    evidence = Evidence()
    mode, why = choose_mode(attach, ENGINES[engine], evidence)
    chosen = programs_for(mode, evidence, engine)
    if engine == "bcc":
        from listenwatch.bpf.bcc import BccEngine  # seldom used, and slow to import

        return BccEngine(Attachment(mode, why, chosen, entry_paths(evidence)), follow=follow)
    paths: dict[int, str] = {}

    def find_paths() -> Iterator[None]:
        paths.update(entry_paths(evidence))
        yield

    steps = chain(find_paths(), meanwhile)
    return CoreEngine(Attachment(mode, why, chosen, paths), steps, follow=follow, ring_size=ring_size)


def open_any_engine(
    engine: str, attach: str, *, follow: bool, ring_size: int | None = None,
    meanwhile: Iterable[object] = (),
) -> Engine | SeccompEngine:
    """The same, or for a command that is followed the engine without BPF: if asked for, or ``auto`` has no privilege."""
    if engine != "core" or attach not in ("auto", SECCOMP):
        return open_engine(engine, attach, follow=follow, ring_size=ring_size, meanwhile=meanwhile)
    evidence = Evidence()
    if attach == SECCOMP:
        if not follow:
            raise UsageError("attach mode seccomp follows a command: put it after --")
        works = survey.seccomp(evidence)
        if works.answer is not Answer.YES:
            raise ObserveError(f"attach mode seccomp does not work here ({works.how})")
        return _open_seccomp(evidence, "asked for")
    if follow and follows_by_seccomp(evidence):
        why = f"no privilege for BPF, so no stages are seen (to see them, {remedy(to_attach())})"
        return _open_seccomp(evidence, why)
    try:
        return open_engine(engine, attach, follow=follow, ring_size=ring_size, meanwhile=meanwhile)
    except ObserveError as error:
        if not follow and follows_by_seccomp(evidence):
            raise ObserveError(f"{error}; a command of your own takes no privilege: listenwatch watch -- COMMAND") from None
        raise


def follows_by_seccomp(evidence: Evidence) -> bool:
    """Whether ``auto`` follows a command without BPF: there is no privilege for it, and this works."""
    return not evidence.privilege.has_all(to_attach()) and survey.seccomp(evidence).answer is Answer.YES


def _open_seccomp(evidence: Evidence, why: str) -> SeccompEngine:
    from listenwatch.model.inputs import EntryPath
    from listenwatch.seccomp.engine import SeccompEngine  # pyroute2 is slow to import

    has_io_uring = survey.named("io_uring listen", evidence, "io_listen").answer is not Answer.NO
    return SeccompEngine(why, [EntryPath.IO_URING] if has_io_uring else [])


def choose_overflow_mode(wanted: str, evidence: Evidence | None = None) -> tuple[str, str]:
    """The overflow probe's attach mode for ``wanted`` (``auto`` or one of OVERFLOW_MODES), and why not the richer."""
    evidence = evidence or Evidence()
    reason = refusal("kprobe", evidence, overflow_programs.REQUIRED_FUNCTIONS)
    if wanted == "kprobe" and reason:
        raise ObserveError(f"{reason}: use --attach tracepoint")
    if wanted == "tracepoint" or reason:
        return "tracepoint", reason or "asked for"
    return "kprobe", ""


def open_overflow_probe(attach: str = "auto") -> OverflowProbe:
    """The overflow probe, attached; ObserveError says what is missing."""
    from listenwatch.bpf.overflow import OverflowProbe  # ``watch`` has no use for it

    evidence = Evidence()
    mode, why = choose_overflow_mode(attach, evidence)
    functions, trampoline = frozenset[str](), False
    if mode == "kprobe":
        functions, trampoline = evidence.symbols or functions, _has_trampolines(evidence)
    chosen = overflow_programs.overflow_programs(mode, functions, trampoline=trampoline)
    return OverflowProbe(Attachment(mode, why, chosen))
