"""Engine bcc: compiles the same probe as it starts, against the headers of the running kernel."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from listenwatch.engines import btf, libbpf, tracefs
from listenwatch.engines.bcc_package import captured_stderr, load_package, said
from listenwatch.engines.engine import Config, Engine, new_config
from listenwatch.engines.programs import Program, choose_mode, programs_here
from listenwatch.errors import ObserveError

PROBES = Path(__file__).parents[2] / "probes"
MODES = ("kprobe", "tracepoint")

# Kernels since 6.19 embed structures by -fms-extensions; an older clang must be told, and not by its user.
_FLAGS = ("-fms-extensions", "-Wno-microsoft-anon-tag")


class BccEngine(Engine):
    """The engine that needs a compiler and the kernel's headers, and no BTF."""

    name = "bcc"

    def __init__(self, attach: str = "auto", *, follow: bool = False) -> None:
        attach, why = choose_mode(attach, MODES)
        check_headers(os.uname().release)
        present = programs_here(attach)
        config = new_config(present, follow=follow)
        loaded = BccObject(source(present, config))
        try:
            attached = [program for program in present if loaded.attach(program)]
            super().__init__(attach, why, attached, config, loaded)
        except BaseException:
            loaded.close()
            raise


def check_headers(release: str, root: Path = Path("/")) -> None:
    """ObserveError, with the package to install, where bcc would find no headers of this kernel."""
    places = (root / f"lib/modules/{release}/build", root / "sys/kernel/kheaders.tar.xz")
    if not any(os.access(place, os.R_OK) for place in places) and "BCC_KERNEL_SOURCE" not in os.environ:
        raise ObserveError(
            f"bcc needs this kernel's headers: run 'apt install linux-headers-{release}', or use "
            "--engine core, which needs none"
        )


def source(programs: Sequence[Program], config: Config) -> str:
    """probes/listen.bcc.c with its constants, and a function for each program."""
    text = PROBES / "listen.bcc.c"
    if not text.exists():
        raise ObserveError(f"{text} is missing: run listenwatch from its source, or use --engine core")
    values = ", ".join(str(getattr(config, field[0])) for field in config._fields_)
    return "\n".join(
        (
            f"#define LISTEN_CONFIG {{ {values} }}",
            f"#define LISTEN_MPTCP_FIRST ({mptcp_first()})",
            text.read_text(),
            *(_function(program) for program in programs),
            "",
        )
    )


def _function(program: Program) -> str:
    context = "struct pt_regs" if program.kind in ("kprobe", "kretprobe") else "void"
    return f"int {program.name}({context} *ctx) {{ return run_{program.name}(ctx); }}"


def mptcp_first() -> int:
    """Where struct mptcp_sock keeps its first subflow, by BTF; -1 where there is none to ask."""
    if not btf.VMLINUX.exists():
        return -1
    with btf.Btf() as kernel:
        return kernel.offset("mptcp_sock", "first") or -1


class BccObject:
    """A text compiled by bcc, its maps made; ``close`` detaches and unloads all of it."""

    def __init__(self, text: str) -> None:
        self._bcc = load_package()
        self._tracepoints: list[int] = []  # bcc itself wants a mounted tracefs
        flags = [f"-I{PROBES}", *_FLAGS]
        with captured_stderr() as output:
            try:
                self._bpf: Any = self._bcc.BPF(text=text, cflags=flags)
            except Exception:  # bcc raises nothing more exact
                raise compile_error(said(output)) from None

    def attach(self, program: Program) -> bool:
        """Load and attach a program; False where an optional one was refused."""
        name, target = program.name.encode(), program.target.encode()
        with captured_stderr() as output:
            try:
                if program.kind == "kprobe":
                    self._bpf.attach_kprobe(event=target, fn_name=name)
                elif program.kind == "kretprobe":
                    self._bpf.attach_kretprobe(event=target, fn_name=name)
                elif program.kind == "tracepoint":
                    function = self._bpf.load_func(name, self._bcc.BPF.TRACEPOINT)
                    self._tracepoints.append(libbpf.attach_tracepoint(tracefs.event_id(program.target), function.fd))
                else:
                    self._bpf.attach_raw_tracepoint(tp=target, fn_name=name)
            except Exception as error:
                if program.required:
                    log = f"{error}\n{said(output)}"
                    raise _refused(f"attach to {program.target}", log) from None
                return False
        return True

    def map_fd(self, name: str) -> int:
        """The descriptor of a map."""
        fd: int = self._bcc.lib.bpf_table_fd(self._bpf.module, name.encode())
        return fd

    def program_fd(self, name: str) -> int:
        """The descriptor of a program, once attached."""
        fd: int = self._bpf.funcs[name.encode()].fd
        return fd

    def close(self) -> None:
        """Detach and unload everything; safe to call twice."""
        for tracepoint in self._tracepoints:
            os.close(tracepoint)
        self._tracepoints.clear()
        with captured_stderr():
            self._bpf.cleanup()
        atexit.unregister(self._bpf.cleanup)


def compile_error(output: str) -> ObserveError:
    """The error for a probe that could not be compiled, or whose maps were refused."""
    count = len(re.findall(r"^\S+:\d+:\d+: (?:fatal )?error: ", output, re.MULTILINE))
    if not count:
        return _refused("make the probe's maps", output)
    release = os.uname().release
    errors = f"{count} error{'s' * (count > 1)}"
    return ObserveError(
        f"bcc cannot compile the probe with the headers of Linux {release} ({errors}): use "
        "--engine core; --verbose shows what the compiler says",
        output,
    )


def _refused(what: str, log: str) -> ObserveError:
    here = "use --engine core; --verbose shows the log"
    then = here if os.geteuid() == 0 else "run it as root"
    return ObserveError(f"bcc cannot {what}: {then}", log)
