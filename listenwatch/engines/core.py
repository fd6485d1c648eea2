"""Engine core: loads the CO-RE object compiled at install time and attaches it."""

from __future__ import annotations

from pathlib import Path

from listenwatch.engines.bpf_object import BpfObject
from listenwatch.engines.engine import Engine, new_config
from listenwatch.engines.programs import Program, choose_mode, programs_here

OBJECT = Path(__file__).with_name("listen.bpf.o")


class CoreEngine(Engine):
    """The engine that needs the kernel's BTF, and no headers or compiler."""

    name = "core"

    def __init__(self, attach: str = "auto", *, follow: bool = False) -> None:
        attach, why = choose_mode(attach)
        loaded = BpfObject(OBJECT)
        try:
            present = programs_here(attach)
            config = new_config(present, follow=follow)
            loaded.choose([program.name for program in present])
            loaded.set_config(config)
            loaded.load()
            attached = [program for program in present if _attach(loaded, program)]
            super().__init__(attach, why, attached, config, loaded)
        except BaseException:
            loaded.close()
            raise


def _attach(loaded: BpfObject, program: Program) -> bool:
    tracepoint = program.target if program.kind == "tracepoint" else None
    attached = loaded.attach(program.name, tracepoint=tracepoint)
    if not attached and program.required:
        raise loaded.failed(f"cannot attach to {program.target}", "--verbose shows the log")
    return attached
