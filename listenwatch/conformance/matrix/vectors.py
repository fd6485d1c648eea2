"""Vectors: the distinct calls of each kernel's first mode as a recording, each with the scenario that made it."""

import gzip
import io
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path

from listenwatch.call.codec import call_to_json
from listenwatch.call.header import Header
from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.recording import Writer
from listenwatch.conformance.matrix.results import Matrix
from listenwatch.conformance.run import ScenarioRun
from listenwatch.errors import ObserveError
from listenwatch.features.behaviour import behaviour_of_any
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.output_file import write_file
from listenwatch.model.inputs import Socket
from listenwatch.verdict.codec import calls_summary
from listenwatch.verdict.compare import judge
from listenwatch.verdict.summary import summarise

Vector = tuple[str, ListenCall]
"""The scenario's name and one of its calls."""


def write_vectors(matrix: Matrix, directory: Path) -> list[Path]:
    """Write DIR/SERIES/MODE.jsonl.gz for each kernel that was observed; returns what was written.

    For one of another architecture than this machine's it is DIR/ARCHITECTURE-SERIES.
    """
    written = []
    for kernel in matrix.kernels:
        for run in kernel.scenario_runs[:1]:
            path = directory / "-".join(filter(None, (kernel.architecture, kernel.series))) / f"{run.setting.mode}.jsonl.gz"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, compressed(run.kernel, run.setting.mode, _calls(run), run.lost))
            except OSError as error:
                raise ObserveError(f"{path} cannot be written: {error.strerror}") from None
            written.append(path)
    return written


def compressed(kernel: Kernel, attach: str, vectors: Iterable[Vector], lost: int) -> bytes:
    """A recording of the distinct calls, compressed; the same bytes for the same calls."""
    text = _Text()
    writer = Writer(text, Header(kernel, attach))
    behaviour, kinds = behaviour_of_any(kernel), []
    for scenario, call in distinct(vectors):
        kinds.append(judge(call, behaviour).kind)
        writer.call({"scenario": scenario, **call_to_json(call)})
    writer.close(calls_summary(summarise(kinds, lost)))
    data = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, data, mtime=0) as stream:  # without a file's name and time
        stream.write(text.getvalue().encode())
    return data.getvalue()


class _Text(io.StringIO):
    """Keeps its text when the recording is closed."""

    def close(self) -> None:
        """Nothing to close."""


def distinct(vectors: Iterable[Vector]) -> Iterator[Vector]:
    """The first of all calls that are the same case."""
    cases = set()
    for scenario, call in vectors:
        if (key := case_of(scenario, call)) not in cases:
            cases.add(key)
            yield scenario, call


def case_of(scenario: str, call: ListenCall) -> Hashable:
    """What makes a call a case of its own: its scenario, its inputs and what came of them.

    Not when, who, on which descriptor, in which namespace, nor which port: whether there is one.
    """
    flags = call.flags & ~(Flag.SWITCHED | Flag.SOMAXCONN_MOVES)  # what else the machine was doing
    inputs = (call.request, flags, call.hooks, call.environment, _without_port(call.pre))
    outcome = (call.result, tuple(sorted(call.stages.items())), _without_port(call.post))
    return scenario, inputs, outcome


def _without_port(sock: Socket) -> Socket:
    ports = ("local_port", "subflow_local_port", "source_port")
    return sock._replace(**{name: port and 1 for name in ports if (port := getattr(sock, name))})


def _calls(run: ScenarioRun) -> Iterator[Vector]:
    """Every call that has a record, with its scenario."""
    for result in run.results:
        yield from ((result.scenario, judged.call) for judged in result.calls if judged.call)
