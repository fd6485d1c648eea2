"""What this kernel offers, question by question: yes, no or unknown, and how that was found out."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from listenwatch.answers import CAPABILITIES, Answer, Feature, all_of, known, tried
from listenwatch.engines.programs import PROGRAMS
from listenwatch.errors import ObserveError
from listenwatch.evidence import HOOKS, STATE_TRACEPOINT, Evidence
from listenwatch.kernel import behaviour_of


class Field(NamedTuple):
    """One field of the Behaviour this kernel gets; ``evidence`` says what decided it."""

    name: str
    value: str
    evidence: str


def kernel_features(seen: Evidence) -> list[Feature]:
    """What the kernel and the distribution offer."""
    enter, leave = seen.tracepoints
    return [
        known("BTF", seen.btf, "/sys/kernel/btf/vmlinux"),
        known("kprobes", seen.kprobe_pmu, f"kprobe PMU in sysfs; {config(seen, 'KPROBES')}"),
        tried("fentry", seen.fentry, seen.privilege),
        tried("sys_enter_listen", enter, seen.privilege),
        tried("sys_exit_listen", leave, seen.privilege),
        state_tracepoint(seen),
        tried("ring buffer", seen.ring_buffer, seen.privilege),
        symbols("io_uring listen", seen, "io_listen", "__sys_listen_socket"),
        tried("MPTCP", seen.mptcp, seen.privilege),
        compat(seen),
        bpf_lsm(seen),
        headers(seen),
        Feature(
            "python3-bpfcc",
            Answer.YES if seen.bcc else Answer.NO,
            seen.bcc or "no bcc with libbcc where the distribution's Python would look",
        ),
    ]


def hook_features(seen: Evidence) -> list[Feature]:
    """Which kernel functions a probe can find by name."""
    return [symbols(name, seen, name) for name in HOOKS]


def privilege_features(seen: Evidence) -> list[Feature]:
    """What this user may do."""
    privilege = seen.privilege
    scope = "" if privilege.initial_user_namespace else ", of a user namespace of its own"
    held = f"CapEff {privilege.capabilities:x} in /proc/self/status{scope}"
    return [
        Feature("root", Answer.NO if seen.euid else Answer.YES, f"effective uid {seen.euid}"),
        *(known(name, privilege.has(name), held) for name in CAPABILITIES),
    ]


def mode_features(seen: Evidence) -> list[Feature]:
    """Which attach modes the answers above add up to, the richest first."""
    offered = {feature.name: feature for feature in kernel_features(seen)}
    hooks = {feature.name: feature for feature in hook_features(seen)}
    needed = [offered[name] for name in _BASE]
    required = {p.target for p in PROGRAMS if p.kind == "kprobe" and p.required}
    inside = [*needed, *(hooks[name] for name in HOOKS if name in required)]
    return [
        all_of("kprobe", [*inside, offered["kprobes"]]),
        all_of("fentry", [*inside, offered["fentry"]]),
        all_of("tracepoint", needed),
    ]


_BASE = ("BTF", "ring buffer", "sys_enter_listen", "sys_exit_listen", STATE_TRACEPOINT)
"""What every attach mode needs."""


def behaviour_fields(seen: Evidence) -> list[Field]:
    """The Behaviour the model will use, and for each field what chose it."""
    kernel = seen.kernel
    try:
        behaviour = behaviour_of(kernel)
    except ObserveError as error:
        return [Field("(none)", "unknown", str(error))]
    version = ".".join(map(str, kernel.version))
    fields = []
    for name, value in behaviour._asdict().items():
        function = _BTF_DECIDES.get(name)
        if function and kernel.has:
            how = f"BTF {'names' if kernel.has[function] else 'does not name'} {function}"
        elif value is None:
            how = f"release {version}: between the trees that were read"
        else:
            how = f"release {version}"
        text = value.name.lower() if isinstance(value, Enum) else _TEXT.get(value, str(value))
        fields.append(Field(name, text, how))
    return fields


_BTF_DECIDES = {"ipv6_hash": "inet6_hash", "mptcp_enters": "__inet_listen_sk"}
_TEXT: dict[object, str] = {None: "unknown", True: "yes", False: "no"}


def state_tracepoint(seen: Evidence) -> Feature:
    """sock:inet_sock_set_state: by BTF, which needs no privilege, else by trying."""
    if seen.btf_names_tracepoint:
        return Feature(STATE_TRACEPOINT, Answer.YES, f"BTF has btf_trace_{STATE_TRACEPOINT}")
    return tried(STATE_TRACEPOINT, seen.state_tracepoint, seen.privilege)


def symbols(name: str, seen: Evidence, *wanted: str) -> Feature:
    """Whether the kernel has all these functions under these very names."""
    if seen.symbols is None:
        return Feature(name, Answer.UNKNOWN, "/proc/kallsyms cannot be read or is empty")
    missing = [symbol for symbol in wanted if symbol not in seen.symbols]
    if missing:
        how = f"/proc/kallsyms lists no {', '.join(missing)} (absent, or folded into its caller)"
        return Feature(name, Answer.NO, how)
    return Feature(name, Answer.YES, f"/proc/kallsyms lists {', '.join(wanted)}")


def config(seen: Evidence, option: str) -> str:
    """What the kconfig says of an option, in words."""
    if seen.config is None:
        return f"CONFIG_{option}: no kconfig published"
    return f"CONFIG_{option}={seen.config.get(f'CONFIG_{option}', 'n')} in {seen.config_source}"


def compat(seen: Evidence) -> Feature:
    """Whether 32-bit system calls are built in: on x86_64 exactly then listen has an entry for them."""
    name = "32-bit callers"
    if seen.kernel.machine == "x86_64":
        found = symbols(name, seen, "__ia32_sys_listen")
        return found._replace(how=f"{found.how}; {config(seen, 'IA32_EMULATION')}")
    if seen.config is None:
        return Feature(name, Answer.UNKNOWN, config(seen, "COMPAT"))
    return known(name, seen.config.get("CONFIG_COMPAT") == "y", config(seen, "COMPAT"))


def bpf_lsm(seen: Evidence) -> Feature:
    """Whether a BPF program may refuse listen(): its module is active and its programs load."""
    if seen.lsm_active:
        return tried("BPF LSM", seen.lsm, seen.privilege)
    active = '"bpf" among the active security modules'
    return known("BPF LSM", seen.lsm_active, f"{active}; {config(seen, 'BPF_LSM')}")


def headers(seen: Evidence) -> Feature:
    """The kernel headers bcc compiles against."""
    name = "kernel headers"
    if seen.headers:
        return Feature(name, Answer.YES, seen.headers)
    release = seen.kernel.release
    if seen.config is not None and seen.config.get("CONFIG_IKHEADERS") == "m":
        return Feature(
            name, Answer.UNKNOWN, "perhaps in a module: run 'modprobe kheaders', ask again"
        )
    return Feature(name, Answer.NO, f"neither /lib/modules/{release}/build nor kheaders.tar.xz")


Survey = dict[str, list[Feature]]


def survey(seen: Evidence) -> Survey:
    """Every question, by group, in the order they are shown."""
    groups: dict[str, Callable[[Evidence], list[Feature]]] = {
        "kernel": kernel_features,
        "hooks": hook_features,
        "privilege": privilege_features,
        "attach": mode_features,
    }
    return {name: ask(seen) for name, ask in groups.items()}
