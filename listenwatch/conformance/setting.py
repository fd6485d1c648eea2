"""What a run ran on, in words: the last lines of every report, and the last fields of its JSON."""

from typing import NamedTuple


class Setting(NamedTuple):
    """``kernel`` is its release and machine, ``why`` what chose the mode."""

    kernel: str
    behaviour: str
    engine: str
    mode: str
    why: str

    @property
    def name(self) -> str:
        """The attach mode, with the engine where that is not core: ``kprobe``, ``bcc kprobe``."""
        return self.mode if self.engine == "core" else self.full_name

    @property
    def full_name(self) -> str:
        """Engine and attach mode, such as ``core kprobe``."""
        return f"{self.engine} {self.mode}"
