"""What a kernel names in its BTF, or where it has none in /proc/kallsyms: the evidence fields of Behaviour ask for."""

from pathlib import Path

from listenwatch.linux.btf import BTF, Btf, names_in
from listenwatch.linux.kallsyms import functions_listed
from listenwatch.model.behaviour import FIELDS
from listenwatch.model.history import Kind

NAMES = {evidence.name: evidence.kind for history in FIELDS.values() for evidence in history.evidence}
"""Every name that shows a field, with its kind."""


def kernel_names(root: Path = Path("/"), *, signatures: bool) -> dict[str, bool]:
    """Which of NAMES the kernel has, by BTF (``signatures``: 0.1 s) or its functions; the unknown left out."""
    plain = [name for name, kind in NAMES.items() if kind is not Kind.SIGNATURE]
    try:
        named = names_in(root / BTF, plain)
    except OSError:
        functions = [name for name, kind in NAMES.items() if kind is Kind.FUNCTION]
        listed = functions_listed(functions, root)
        return {} if listed is None else {name: name in listed for name in functions}
    has = {name: name in named for name in plain}
    expected = {name: name.partition("(") for name, kind in NAMES.items() if kind is Kind.SIGNATURE}
    counts = Btf.read(root / BTF).parameters([name for name, _, _ in expected.values()]) if signatures else {}
    for signature, (name, _, arguments) in expected.items():
        if name in counts:
            has[signature] = counts[name] == len(arguments.split(","))
    return has
