"""Engine bcc: compiles the same probe as it starts, against the headers of the running kernel."""

import atexit
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from listenwatch.bpf import libbpf, package_data, repeats, tracefs
from listenwatch.bpf.bcc_package import captured_stderr, load_package, written_to
from listenwatch.bpf.engine import Config, Engine, new_config
from listenwatch.bpf.programs import ON_FUNCTIONS, Attachment, BpfProgram
from listenwatch.errors import ObserveError
from listenwatch.linux import btf, privileges

# Kernels since 6.19 embed structures by -fms-extensions; an older clang needs these flags for it.
_FLAGS = ("-fms-extensions", "-Wno-microsoft-anon-tag")


class BccEngine(Engine):
    """The engine that needs a compiler and the kernel's headers, and no BTF."""

    name = "bcc"

    def __init__(self, attachment: Attachment, *, follow: bool = False) -> None:
        check_headers(os.uname().release)
        config = new_config(attachment.programs, follow=follow)
        folder = package_data.bcc_source()
        loaded = BccObject(source(folder, attachment.programs, config), folder)
        try:
            repeats.put(loaded.map_fd("repeats_now"), loaded.map_fd("repeats_a"))
            attached = tuple(program for program in attachment.programs if loaded.attach(program))
            super().__init__(attachment._replace(programs=attached), loaded, follow=follow)
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


def source(folder: Path, programs: Sequence[BpfProgram], config: Config) -> str:
    """listen.bcc.c of ``folder`` with its constants, and a function for each program."""
    values = ", ".join(str(getattr(config, field[0])) for field in config._fields_)
    constants = f"#define LISTEN_CONFIG {{ {values} }}\n#define LISTEN_MPTCP_FIRST ({mptcp_first()})"
    text = (folder / "listen.bcc.c").read_text()
    return "\n".join((constants, text, *map(_function, programs), ""))


def _function(program: BpfProgram) -> str:
    context = "struct pt_regs" if program.kind in ON_FUNCTIONS else "void"
    return f"int {program.name}({context} *ctx) {{ return run_{program.name}(ctx); }}"


def mptcp_first() -> int:
    """Where struct mptcp_sock keeps its first subflow, by BTF; -1 where there is none to ask."""
    if not btf.VMLINUX.exists():
        return -1
    return btf.Btf.read().offset("mptcp_sock", "first") or -1


class BccObject:
    """A text compiled by bcc, its maps made; ``close`` detaches and unloads all of it."""

    def __init__(self, text: str, headers: Path) -> None:
        self._bcc = load_package()
        self._tracepoints: list[int] = []  # bcc itself wants a mounted tracefs
        flags = [f"-I{headers}", *_FLAGS]
        with captured_stderr() as output:
            try:
                self._bpf: Any = self._bcc.BPF(text=text, cflags=flags)
            except Exception:  # bcc raises nothing more exact
                raise compile_error(written_to(output)) from None

    def attach(self, program: BpfProgram) -> bool:
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
                    log = f"{error}\n{written_to(output)}"
                    raise _refused(f"attach to {program.target}", log) from None
                return False
        return True

    def map_fd(self, name: str) -> int:
        """The descriptor of a map."""
        return int(self._bcc.lib.bpf_table_fd(self._bpf.module, name.encode()))

    def program_fd(self, name: str) -> int:
        """The descriptor of a program, once attached."""
        return int(self._bpf.funcs[name.encode()].fd)

    def detach(self) -> None:
        """``close`` does it."""

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
    then = privileges.remedy(privileges.to_attach()) or "use --engine core; --verbose shows the log"
    return ObserveError(f"bcc cannot {what}: {then}", log)
