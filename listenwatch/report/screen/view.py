"""What a person chose to see of the samples, by keys: order, filter, the listener selected, pause."""

from listenwatch.report.owner import owner_text
from listenwatch.sockets.sampling import SAMPLE_ORDERS, Sample, SampledListener, SocketKey

ORDER_KEYS = {"f": "fullness", "r": "refused", "p": "port", "n": "name"}
_MOVES = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -(10**9), "g": -(10**9), "end": 10**9, "G": 10**9}


class View:
    """The state of the screen; ``page`` is how many listeners it has room for, ``first`` the one on top."""

    def __init__(self, order: str = "fullness") -> None:
        self.order = order
        self.filter = ""
        self.typing = self.paused = self.over = False
        self.page = 1
        self.first = 0
        self._selected: SocketKey | None = None
        self._sample = Sample(0, [], 0, [])
        self._listed: list[SampledListener] = []

    def listed(self, sample: Sample) -> list[SampledListener]:
        """The listeners that pass the filter, in order; scrolls so far that the selected one is in the page."""
        self._sample = sample
        self._list()
        return self._listed

    def _list(self) -> None:
        wanted = self.filter.casefold()
        passing = (sampled for sampled in self._sample.listeners if wanted in _text_of(sampled))
        self._listed = sorted(passing, key=SAMPLE_ORDERS[self.order])
        self.scroll()

    @property
    def selected(self) -> int:
        """Its place in the list: who chose none, or one that has gone, has the first."""
        places = (place for place, sampled in enumerate(self._listed) if sampled.key == self._selected)
        return next(places, 0)

    def press(self, key: str) -> None:
        """Do what the key stands for; one that stands for nothing changes nothing."""
        if self.typing:
            self._type(key)
        elif key == "q":
            self.over = True
        elif key == " ":
            self.paused = not self.paused
        elif key == "/":
            self.typing = True
        elif key == "escape":
            self.filter, self._selected = "", None
        elif key in ORDER_KEYS:
            self.order, self._selected = ORDER_KEYS[key], None
        elif key in ("page up", "page down"):
            self._move(self.page if key == "page down" else -self.page)
        elif key in _MOVES:
            self._move(_MOVES[key])
        self._list()  # the next key may have come with this one

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self.typing = False
            self.filter = self.filter if key == "enter" else ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif key == "clear":
            self.filter = ""
        elif len(key) == 1:
            self.filter += key

    def _move(self, by: int) -> None:
        if self._listed:
            place = min(max(self.selected + by, 0), len(self._listed) - 1)
            self._selected = self._listed[place].key if place else None

    def scroll(self) -> None:
        """Have the selected one in the page, and the page full if there are enough."""
        selected = self.selected
        self.first = min(max(self.first, selected - self.page + 1), selected, max(0, len(self._listed) - self.page))


def _text_of(sampled: SampledListener) -> str:
    """What the filter is looked for in: process, container or unit, address, namespace, diagnosis."""
    row = sampled.shown.row
    processes = (f"{process.pid} {process.name} {owner_text(process.owner)}" for process in row.holders)
    words = (*processes, row.listener.protocol, row.listener.local, *row.namespace.names, sampled.shown.diagnosis.words)
    return "\n".join(words).casefold()
