"""What takes the results of ``verify``: a table, JSON lines, KTAP, and whatever is added later."""

from collections.abc import Sequence

from listenwatch.conformance.histories.check import History
from listenwatch.conformance.run import Result, Run
from listenwatch.conformance.setting import Setting


class RunSink:
    """One output: ``begin`` comes first, ``end`` last. An output that has nothing to say yet leaves a method out.

    ``verbose`` asks for every call's reason; ``colour`` and ``width`` are for people's eyes. ``streams`` says
    that it prints while calls are made.
    """

    streams = False

    def __init__(self, *, verbose: bool, colour: bool = False, width: int | None = None) -> None:
        self.verbose, self.colour, self.width = verbose, colour, width
        self.settings: Sequence[Setting] = ()

    def begin(self, settings: Sequence[Setting]) -> None:
        """How the calls are observed; of several engines that watch the same calls, the first is the one compared with."""
        self.settings = settings

    def result(self, results: Sequence[Result]) -> None:
        """What came of the next scenario, a result for each setting."""

    def history(self, history: History) -> None:
        """The next random history, judged."""

    def end(self, runs: Sequence[Run]) -> None:
        """The whole, a run for each setting."""
