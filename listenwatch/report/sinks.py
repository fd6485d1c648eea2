"""The table of calls, as they come."""

from collections.abc import Sequence

from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall
from listenwatch.linux.terminal import escape, inform, say
from listenwatch.report import live
from listenwatch.session.source import Missing
from listenwatch.verdict.compare import Verdict
from listenwatch.verdict.summary import Summary


class Lines:
    """The table ``watch`` and ``replay`` print, words on standard error; ``stages`` adds each call's tree."""

    def __init__(
        self, title: str, *, stages: bool, colour: bool, width: int | None, behaviour_file: str | None = None
    ) -> None:
        self._title, self._stages = title, stages
        self._judged_by = f"; judged by {escape(behaviour_file)}" if behaviour_file else ""
        self._colour, self._width = colour, width
        self._layout = live.layout_for(width)

    def begin(self, header: Header, unknown: Sequence[str]) -> None:
        if self._title:
            inform(self._title)
        print(self._layout.heads, flush=True)

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        text = live.line(call, verdict, colour=self._colour, layout=self._layout, tree=self._stages)
        if self._stages:
            text += f"\n{live.tree(call, verdict, colour=self._colour, width=self._width)}"
        print(text, flush=True)

    def end(self, summary: Summary, missing: Missing) -> None:
        show = say if summary.exit_status() else inform
        in_flight = f"; {missing.in_flight} still in the call" if missing.in_flight else ""
        show(f"{summary}{in_flight}{self._judged_by}")
