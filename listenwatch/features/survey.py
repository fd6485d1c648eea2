"""What this kernel offers, question by question: yes, no or unknown, and how that was found out."""

from collections.abc import Callable, Collection, Iterator
from enum import Enum
from typing import NamedTuple

from listenwatch.bpf.programs import (
    ATTACH_MODES,
    FUNCTIONS,
    REQUIRED_FUNCTIONS,
    SYSTEM_CALL_FUNCTION,
)
from listenwatch.errors import ObserveError
from listenwatch.features.answers import Answer, Feature, all_of, answer_of, known, tried
from listenwatch.features.evidence import (
    AARCH32,
    KPROBE_AT_FTRACE,
    STATE_TRACEPOINT,
    TRACEPOINTS,
    Evidence,
)
from listenwatch.linux.privileges import CAPABILITIES


class Field(NamedTuple):
    """One field of the Behaviour this kernel gets; ``evidence`` says what decided it."""

    name: str
    value: str
    evidence: str


def btf(evidence: Evidence) -> Feature:
    """Whether the kernel describes its own types, which every attach mode but bcc's needs."""
    return known("BTF", evidence.btf, "/sys/kernel/btf/vmlinux")


def kprobes(evidence: Evidence) -> Feature:
    """Whether kprobes are built in."""
    return known("kprobes", evidence.kprobe_pmu, "kprobe PMU in sysfs")


def with_config(feature: Feature, evidence: Evidence, option: str) -> Feature:
    """The same with what the kconfig says of the option, if any: it takes milliseconds to read and changes no answer."""
    return feature._replace(how=f"{feature.how}; {config(evidence, option)}") if option else feature


ENTRY_KPROBES = "kprobes at entries"


def entry_kprobes(evidence: Evidence) -> list[Feature]:
    """On riscv64, where ftrace changes a function's first instruction: whether a kprobe may stand there."""
    return [symbols(ENTRY_KPROBES, evidence, KPROBE_AT_FTRACE)] if evidence.machine == "riscv64" else []


def fentry(evidence: Evidence) -> Feature:
    """Whether this user may attach to functions by BPF trampolines."""
    return tried("fentry", evidence.fentry, evidence.privilege)


def call_tracepoints(evidence: Evidence) -> list[Feature]:
    """The tracepoints at entry and return of the system call."""
    return [
        tried(name.partition("/")[2], attempt, evidence.privilege)
        for name, attempt in zip(TRACEPOINTS, evidence.tracepoints, strict=True)
    ]


def ring_buffer(evidence: Evidence) -> Feature:
    """What carries the records."""
    return tried("ring buffer", evidence.ring_buffer, evidence.privilege)


def state_tracepoint(evidence: Evidence) -> Feature:
    """sock:inet_sock_set_state: by BTF, which needs no privilege, else by trying."""
    if evidence.btf_names_tracepoint:
        return Feature(STATE_TRACEPOINT, Answer.YES, f"BTF has btf_trace_{STATE_TRACEPOINT}")
    return tried(STATE_TRACEPOINT, evidence.state_tracepoint, evidence.privilege)


def symbols(name: str, evidence: Evidence, *wanted: str) -> Feature:
    """Whether the kernel has all these functions under these very names."""
    if evidence.symbols is None:
        return Feature(name, Answer.UNKNOWN, "/proc/kallsyms cannot be read or is empty")
    missing = [symbol for symbol in wanted if symbol not in evidence.symbols]
    if missing:
        how = f"/proc/kallsyms lists no {', '.join(missing)} (absent, or folded into its caller)"
        return Feature(name, Answer.NO, how)
    return Feature(name, Answer.YES, f"/proc/kallsyms lists {', '.join(wanted)}")


def named(name: str, evidence: Evidence, *wanted: str) -> Feature:
    """Whether the kernel has all these functions, attached to or not: by BTF, a tenth of the time of /proc/kallsyms."""
    if evidence.btf_names is None:
        return symbols(name, evidence, *wanted)
    missing = [function for function in wanted if function not in evidence.btf_names]
    return known(name, not missing, f"BTF has {', '.join(missing or wanted)}")


def config(evidence: Evidence, option: str) -> str:
    """What the kconfig says of an option, in words."""
    options, source = evidence.config
    if options is None:
        return f"CONFIG_{option}: no kconfig published"
    return f"CONFIG_{option}={options.get(f'CONFIG_{option}', 'n')} in {source}"


_COMPAT = {"x86_64": ("__ia32_sys_listen", "IA32_EMULATION"), "aarch64": (AARCH32, "COMPAT")}
"""By machine a function that a kernel has exactly where 32-bit system calls are built in, and the option for them."""


def compat(evidence: Evidence) -> Feature:
    """Whether 32-bit system calls are built in."""
    name = "32-bit callers"
    if evidence.machine in _COMPAT:
        return named(name, evidence, _COMPAT[evidence.machine][0])
    how, (options, _) = config(evidence, "COMPAT"), evidence.config
    return Feature(name, Answer.UNKNOWN, how) if options is None else known(name, options.get("CONFIG_COMPAT") == "y", how)


def bpf_lsm(evidence: Evidence) -> Feature:
    """Whether a BPF program may refuse listen(): its module is active and its programs load."""
    if evidence.lsm_active:
        return tried("BPF LSM", evidence.lsm, evidence.privilege)
    return known("BPF LSM", evidence.lsm_active, f'"bpf" among the active security modules; {config(evidence, "BPF_LSM")}')


def headers(evidence: Evidence) -> Feature:
    """The kernel headers bcc compiles against."""
    name = "kernel headers"
    if evidence.headers:
        return Feature(name, Answer.YES, evidence.headers)
    release = evidence.kernel.release
    options, _ = evidence.config
    if options is not None and options.get("CONFIG_IKHEADERS") == "m":
        return Feature(name, Answer.UNKNOWN, "perhaps in a module: run 'modprobe kheaders', ask again")
    return Feature(name, Answer.NO, f"neither /lib/modules/{release}/build nor kheaders.tar.xz")


def bcc(evidence: Evidence) -> Feature:
    """The package engine bcc loads."""
    how = evidence.bcc or "no bcc with libbcc where the distribution's Python would look"
    return Feature("python3-bpfcc", Answer.YES if evidence.bcc else Answer.NO, how)


def kernel_features(evidence: Evidence) -> list[Feature]:
    """What the kernel and the distribution offer."""
    _, compat_option = _COMPAT.get(evidence.machine, ("", ""))
    return [
        btf(evidence), with_config(kprobes(evidence), evidence, "KPROBES"), *entry_kprobes(evidence), fentry(evidence),
        *call_tracepoints(evidence), state_tracepoint(evidence), ring_buffer(evidence),
        symbols("io_uring listen", evidence, "io_listen", "__sys_listen_socket"), tried("MPTCP", evidence.mptcp, evidence.privilege),
        with_config(compat(evidence), evidence, compat_option), bpf_lsm(evidence), headers(evidence), bcc(evidence),
    ]


def hook_features(evidence: Evidence) -> list[Feature]:
    """Which kernel functions a probe can find by name."""
    return [symbols(name, evidence, name) for name in FUNCTIONS]


def privilege_features(evidence: Evidence) -> list[Feature]:
    """What this user may do."""
    privilege = evidence.privilege
    scope = "" if privilege.initial_user_namespace else ", of a user namespace of its own"
    held = f"CapEff {privilege.capabilities:x} in /proc/self/status{scope}"
    return [
        Feature("root", Answer.NO if evidence.euid else Answer.YES, f"effective uid {evidence.euid}"),
        *(known(name, privilege.has(name), held) for name in CAPABILITIES),
    ]


def mode_features(evidence: Evidence) -> list[Feature]:
    """Which attach modes work, the richest first: what all of them need, and what each needs more."""
    return [all_of(mode, [*_needs(mode, evidence)]) for mode in ATTACH_MODES]


def mode_answer(mode: str, evidence: Evidence) -> Answer:
    """What ``mode_features`` answers of one mode, asking no further than what decides it."""
    return answer_of(_needs(mode, evidence))


def _needs(mode: str, evidence: Evidence) -> Iterator[Feature]:
    """What a mode needs, the mechanism first: without it none of the dearer questions matters."""
    yield from mode_needs(mode, evidence, REQUIRED_FUNCTIONS)
    for question in (btf, ring_buffer, state_tracepoint):
        yield question(evidence)
    yield from call_begins(mode, evidence)


def seccomp(evidence: Evidence) -> Feature:
    """Whether a command can be watched without privilege: what is refused here is refused to everybody like us."""
    attempt = evidence.seccomp
    if attempt.error:
        return Feature("seccomp", Answer.NO, f"{attempt.what}: {attempt.refusal}")
    return tried("seccomp", attempt, evidence.privilege)


def all_modes(evidence: Evidence) -> list[Feature]:
    """Those by BPF, and what follows a command without it."""
    return [*mode_features(evidence), seccomp(evidence)]


def call_begins(mode: str, evidence: Evidence) -> list[Feature]:
    """Where a mode sees a native call begin and end: the system call's function, or its tracepoints."""
    if mode != "tracepoint":  # which needs no look at /proc/kallsyms
        function = symbols(SYSTEM_CALL_FUNCTION, evidence, SYSTEM_CALL_FUNCTION)
        if function.answer is Answer.YES:
            return [function]
    return call_tracepoints(evidence)


def mode_needs(mode: str, evidence: Evidence, functions: Collection[str]) -> Iterator[Feature]:
    """What a mode needs more than the others: the mechanism, and the functions it attaches to."""
    if mode == "tracepoint":
        return
    yield from [kprobes(evidence), *entry_kprobes(evidence)] if mode == "kprobe" else [fentry(evidence)]
    for name in functions:
        yield symbols(name, evidence, name)


def behaviour_fields(evidence: Evidence) -> list[Field]:
    """The Behaviour the model will use, and for each field what decided it."""
    from listenwatch.features.behaviour import (
        decisions,  # brings the model, for which nothing else here has a use
    )

    try:
        decided = decisions(evidence.kernel, "BTF" if evidence.btf else "/proc/kallsyms")
    except ObserveError as error:
        return [Field("(none)", "unknown", str(error))]
    return [Field(name, _text(value), how) for name, (value, how) in decided.items()]


def _text(value: object) -> str:
    return value.name.lower() if isinstance(value, Enum) else _WORDS.get(value, str(value))


_WORDS: dict[object, str] = {None: "unknown", True: "yes", False: "no"}


Survey = dict[str, list[Feature]]


def survey(evidence: Evidence) -> Survey:
    """Every question, by group, in the order they are shown."""
    groups: dict[str, Callable[[Evidence], list[Feature]]] = {
        "kernel": kernel_features, "hooks": hook_features, "privilege": privilege_features, "attach": all_modes,
    }
    return {name: ask(evidence) for name, ask in groups.items()}
