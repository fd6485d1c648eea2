"""Reads a header of probes/ twice: as text, for the names, and through a C compiler, for what they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests import ROOT
from tests.require import require

PROBES = ROOT / "probes"


class Member(NamedTuple):
    """One member as the compiler lays it out: bytes, and whether its type is signed."""

    name: str
    offset: int
    size: int
    signed: bool


class Header(NamedTuple):
    """Structs in order of their members, and every constant (enum values and macros)."""

    structs: dict[str, list[Member]]
    sizes: dict[str, int]
    enums: dict[str, dict[str, int]]
    macros: dict[str, int]


def read_header(folder: Path, file: str = "listen.h", after: tuple[str, ...] = ()) -> Header:
    """Everything it says, by a program compiled and run in ``folder``; ``after`` is included before it."""
    text = re.sub(r"/\*.*?\*/", "", (PROBES / file).read_text(), flags=re.DOTALL)
    structs = {
        name: re.findall(r"(\w+)(?:\[\w+\])?;", body)
        for name, body in re.findall(r"struct (\w+) \{(.*?)\n\};", text, flags=re.DOTALL)
    }
    enums = {
        name: re.findall(r"([A-Z]\w+)", re.sub(r"=[^,]*", "", body))
        for name, body in re.findall(r"enum (\w+) \{(.*?)\}", text, flags=re.DOTALL)
    }
    macros = re.findall(r"#define (\w+) +\S", text)
    lines = [f'S("{name}", sizeof(struct {name}));' for name in structs]
    lines += [f"M({struct}, {name});" for struct, names in structs.items() for name in names]
    lines += [f'C("{enum}", {name});' for enum, names in enums.items() for name in names]
    lines += [f'C("macro", {name});' for name in macros]
    rows = [line.split() for line in _run(folder, (*after, file), "\n".join(lines))]
    header = Header({name: [] for name in structs}, {}, {name: {} for name in enums}, {})
    for kind, owner, name, *numbers in rows:
        values = [int(number) for number in numbers]
        if kind == "S":
            header.sizes[owner] = values[0]
        elif kind == "M":
            header.structs[owner].append(Member(name, values[0], values[1], values[2] == 1))
        else:
            (header.macros if owner == "macro" else header.enums[owner])[name] = values[0]
    return header


_PROGRAM = """
#include <stddef.h>
#include <stdio.h>
HEADERS
/* 1 signed, 0 unsigned, -1 neither: an array or a struct */
#define SIGNED(x) _Generic((x), __s32: 1, __u8: 0, __u16: 0, __u32: 0, __u64: 0, default: -1)
#define S(name, size) printf("S %s - %zu\\n", name, size)
#define M(s, m) printf("M " #s " " #m " %zu %zu %d\\n", offsetof(struct s, m), \\
                       sizeof(((struct s *)0)->m), SIGNED(((struct s *)0)->m))
#define C(owner, name) printf("C %s " #name " %d\\n", owner, (int)(name))
int main(void) { LINES return 0; }
"""


def _run(folder: Path, files: tuple[str, ...], lines: str) -> list[str]:
    compiler = shutil.which("gcc") or shutil.which("clang")
    require("compiler", compiler is not None, "neither gcc nor clang is installed")
    assert compiler
    source, program = folder / "wire.c", folder / "wire"
    includes = "\n".join(f'#include "{file}"' for file in files)
    source.write_text(_PROGRAM.replace("HEADERS", includes).replace("LINES", lines))
    subprocess.run([compiler, f"-I{PROBES}", "-o", program, source], check=True)
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
