"""Where histories come from: a seeded generator. The same seed and number give the same history."""

from collections.abc import Callable
from random import Random

from listenwatch.conformance.histories import vocabulary
from listenwatch.conformance.histories.operations import Op, Operations
from listenwatch.conformance.histories.vocabulary import (
    BACKLOGS,
    HOSTS,
    KINDS,
    OPTIONS,
    UNIX,
    SocketKind,
)


def generate(seed: int, number: int) -> Operations:
    """History ``number`` of this seed."""
    return _HistoryBuilder(Random(f"{seed}/{number}")).write()


class _HistoryBuilder:
    """Writes one history; knows roughly what is in each slot, so that most operations make sense."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._ops: list[Op] = []
        self._thread = 0
        self._next = 0
        self._kinds: dict[int, SocketKind] = {}
        self._own: list[int] = []
        self._listened: list[int] = []
        self._restless = random.random()  # how much happens between listen() calls
        self._crowded = random.random() < 0.45  # many sockets want one port, and may share it

    def write(self) -> Operations:
        """The whole history."""
        if self._random.random() < 0.07:
            self._write_threads()
        else:
            self._write_part(self._random.choice((4, 6, 8, 12, 16, 24)))
        return tuple(self._ops)

    def _write_threads(self) -> None:
        self._write_part(self._random.randrange(5))
        shared, listened = self._own, self._listened
        share = self._random.random() < 0.4
        for thread in range(1, self._random.randint(2, 3) + 1):
            self._thread, self._next = thread, 100 * thread
            self._own, self._listened = [], []
            self._write_part(self._random.randint(3, 8))
            if share and shared:
                for _ in range(self._random.randint(1, 3)):
                    self._do("listen", self._random.choice(shared), self._backlog())
            if listened and self._own:
                self._do("connect", self._own[-1], self._random.choice(listened), 0)

    def _write_part(self, length: int) -> None:
        self._open()
        for _ in range(length):
            self._step()
        if self._own and self._random.random() < 0.7:
            self._listen()

    def _step(self) -> None:
        acts: list[tuple[Callable[[], None], float]] = [
            (self._open, 3 if len(self._own) < 6 else 0.5),
            (self._option, 2),
            (lambda: self._bind_slot(self._any()), 4),
            (self._listen, 6),
            (self._connect, 2 * self._restless),
            (self._accept, 1.5 * self._restless),
            (lambda: self._do("disconnect", self._any()), 1 * self._restless),
            (lambda: self._do("shutdown", self._any(), self._random.choice((0, 1, 2, 2))), 1.5 * self._restless),
            (self._close, 0.8),
            (self._duplicate, 0.4),
            (self._sysctl, 0 if self._thread else 1.2),
            (lambda: self._do("namespace", -1, self._random.randint(0, 1)), 0.3),
        ]
        self._random.choices([act for act, _ in acts], [weight for _, weight in acts])[0]()

    # -- the operations

    def _do(self, call: str, slot: int, *arguments: int | str) -> None:
        self._ops.append(Op(self._thread, call, slot, arguments))

    def _new_slot(self, kind: SocketKind) -> int:
        slot, self._next = self._next, self._next + 1
        self._kinds[slot] = kind
        self._own.append(slot)
        return slot

    def _any(self) -> int:
        """A socket, the latest ones likelier."""
        if not self._own:
            self._open()
        return self._random.choice(self._own[-3:] if self._random.random() < 0.6 else self._own)

    def _backlog(self) -> int:
        return self._random.choice(BACKLOGS)

    def _open(self) -> None:
        if self._random.random() < 0.02:
            self._do("open_file", self._new_slot((0, 0, 0)))
            return
        kinds, weights = zip(*(KINDS[:4] if self._crowded else KINDS), strict=True)
        kind = self._random.choices(kinds, weights)[0]
        slot = self._open_kind(kind)
        chances = (0.85, 0.3) if self._crowded else (0.2, 0.2)
        for (level, name, _), chance in zip(OPTIONS, chances, strict=False):
            if kind[0] != UNIX and self._random.random() < chance:
                self._do("option", slot, level, name, 1)
        if self._random.random() < (0.9 if self._crowded else 0.6):
            self._bind_slot(slot)

    def _open_kind(self, kind: SocketKind) -> int:
        slot = self._new_slot(kind)
        self._do("open_socket", slot, *kind)
        return slot

    def _option(self) -> None:
        slot = self._any()
        if self._random.random() < 0.12:
            self._do("device", slot, self._random.choice(("lo", "lo", "")))
            return
        level, name, _ = self._random.choices(OPTIONS, [o[2] for o in OPTIONS])[0]
        self._do("option", slot, level, name, self._random.choice((0, 1, 1)))

    def _bind_slot(self, slot: int) -> None:
        family = self._kinds[slot][0]
        if family == UNIX:
            self._do("bind_unix", slot, self._random.choice((0, 1, 2, 3)))
        elif family:
            host = self._random.choice(HOSTS[family])
            ports = (1, 1, 1, 1, 1, 2) if self._crowded else (0, 1, 1, 2)
            self._do("bind", slot, host, self._random.choice(ports))

    def _listen(self) -> None:
        fresh = [slot for slot in self._own if slot not in self._listened]
        slot = self._random.choice(fresh) if fresh and self._random.random() < 0.5 else self._any()
        self._listened.append(slot)
        self._do("listen", slot, self._backlog())

    def _connect(self) -> None:
        slot, wait = self._any(), self._random.randint(0, 1)
        if self._listened and self._random.random() < 0.8:
            target = self._random.choice(self._listened)
            if self._kinds[target][0] and self._random.random() < 0.7:
                slot = self._open_kind(self._kinds[target])
            self._do("connect", slot, target, wait)
        elif self._kinds[slot][0] in HOSTS:
            host = HOSTS[self._kinds[slot][0]][1]
            self._do("connect_port", slot, host, self._random.choice((1, 2, 9)), wait)

    def _accept(self) -> None:
        if self._listened:
            slot = self._random.choice(self._listened)
            self._do("accept", slot, self._new_slot(self._kinds[slot]))

    def _close(self) -> None:
        slot = self._any()
        self._do(self._random.choice(("close", "reset")), slot)
        if self._random.random() < 0.9:  # else something may yet be asked of what is closed
            self._own.remove(slot)
            self._listened = [other for other in self._listened if other != slot]

    def _duplicate(self) -> None:
        slot = self._any()
        self._do("duplicate", slot, self._new_slot(self._kinds[slot]))

    def _sysctl(self) -> None:
        sysctls = vocabulary.SYSCTLS
        name, values, _ = self._random.choices(sysctls, [weight for *_, weight in sysctls])[0]
        self._do("sysctl", -1, name, self._random.choice(values))
