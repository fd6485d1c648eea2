"""verify and identify on a kernel that a module has broken, one module after another, in one guest.

Then modules that make a kernel give a right answer no scenario meets (``rare``): verify has to agree by its rule.

Exit status 0: every sabotage was caught, and none was seen where there was none; 1 otherwise;
3 the modules could not be compiled or loaded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from listenwatch import guests
from listenwatch.bpf.engine import Engine
from listenwatch.commands.behaviour_option import setting_of
from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.conformance.harness.needs import unmet
from listenwatch.conformance.harness.registry import Scenario
from listenwatch.conformance.harness.runner import run_all
from listenwatch.conformance.identify.cases import of_results
from listenwatch.conformance.identify.identified import Identified, identify
from listenwatch.conformance.run import ScenarioRun, scenario_runs
from listenwatch.errors import ListenwatchError, Skip
from listenwatch.features.attach import open_engine
from listenwatch.features.behaviour import behaviour_of
from listenwatch.guests import architectures
from listenwatch.guests.architectures import Architecture
from listenwatch.labs.modules import loaded
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.terminal import say
from listenwatch.model.behaviour import Behaviour
from tests.sabotage.build import build, with_own_tools
from tests.sabotage.judging import Outcome, false_alarms, identify_alarms, judge, with_identified
from tests.sabotage.rare import RARE, unlike
from tests.sabotage.sabotages import SABOTAGES, SCENARIOS

REFUSAL = "BPF LSM"
"""What a scenario needs in which a security module refuses."""


def main() -> int:
    """On the host: compile, and boot the guest. In the guest: run."""
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    parser.add_argument("--kernel", default="6.1", metavar="SERIES", help="such as 6.1 (default)")
    parser.add_argument("--arch", metavar="ARCH", help="amd64 or arm64 (default: this machine's); needs its cross compiler")
    parser.add_argument("--in-guest", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        if options.in_guest:
            return in_guest(options.in_guest)
        return on_host(options.kernel, architectures.named(options.arch))
    except (ListenwatchError, Skip) as error:
        print(f"sabotage: {error}", file=sys.stderr)
        return 3


def on_host(series: str, architecture: Architecture) -> int:
    """Compile the modules for the series and run them all in one guest."""
    kernel = guests.fetch(series, architecture=architecture, progress=say)
    userland = guests.fetch_userland(architecture, progress=say)
    headers = guests.fetch_headers(kernel, progress=say)
    place = Path("build/sabotage", architecture.name, kernel.version).absolute()
    if userland:
        headers = with_own_tools(headers, guests.fetch_headers(guests.fetch(series, progress=say), progress=say), place)
    say(f"compiling {len(build(headers, place, architecture))} modules")
    command = ["python3" if userland else sys.executable, "-m", "tests.sabotage", "--in-guest", str(place)]
    # One processor: everything there happens one after another.
    return guests.run(kernel, command, cwd=Path.cwd(), cpus=1, userland=userland, progress=say)


def in_guest(place: Path) -> int:
    """Every sabotage in turn, with a run without any before and after.

    Where nothing can refuse a listen() (arm64 before 6.4), those that only a refusal shows are left out.
    """
    behaviour = behaviour_of(running_kernel())
    refuses = unmet(REFUSAL, "kprobe") is None
    scenarios = [s for s in all_scenarios() if s.name in SCENARIOS and (refuses or REFUSAL not in s.needs)]
    names = {scenario.name for scenario in scenarios}
    alarms, outcomes = [], []
    with open_engine(attach="kprobe", follow=True) as engine:
        run = verify(engine, scenarios, behaviour)
        whole = identified(run)
        alarms += false_alarms(run) + identify_alarms(whole)
        for sabotage in SABOTAGES:
            if not sabotage.hits & names:
                say(f"{sabotage.module}: left out, as no {REFUSAL} can refuse a listen() here")
                continue
            with loaded(place / f"{sabotage.module}.ko"):
                run = verify(engine, scenarios, behaviour)
            outcome = with_identified(judge(sabotage, run), identified(run), whole)
            say(f"{sabotage.module}: {'NOT caught' if outcome.missed else 'caught'}")
            outcomes.append(outcome)
        alarms += false_alarms(verify(engine, scenarios, behaviour))
        for rare in RARE:
            with loaded(place / f"{rare.module}.ko"):
                alarms += (wrong := unlike(rare, verify(engine, [rare.scenario], behaviour.replace(**rare.like))))
            say(f"{rare.module}: {'NOT by' if wrong else 'AGREE by'} {rare.rule.value}")
    print(report(outcomes, alarms))
    return 0 if all_caught(outcomes, alarms) else 1


def verify(engine: Engine, scenarios: Sequence[Scenario], behaviour: Behaviour) -> ScenarioRun:
    """What ``listenwatch verify`` finds, with an engine that is attached already.

    The order of hooks does not matter here: what runs instead of a function runs after its probes.
    """
    kernel = running_kernel()
    setting = setting_of(kernel, behaviour, (), engine)
    (run,) = scenario_runs([setting], kernel, run_all(scenarios, [engine], behaviour))
    return run


def identified(run: ScenarioRun) -> Identified:
    """What ``listenwatch identify`` finds out from the same calls."""
    return identify(list(of_results(run.results)), run.kernel)


def all_caught(outcomes: Sequence[Outcome], alarms: Sequence[str]) -> bool:
    """Whether the run as a whole shows that the check works."""
    return bool(outcomes) and not alarms and not any(outcome.missed for outcome in outcomes)


def report(outcomes: Sequence[Outcome], alarms: Sequence[str]) -> str:
    """The table, what was missed, and the count."""
    rows = [
        (
            outcome.sabotage.module,
            outcome.sabotage.breaks,
            "NO" if outcome.missed else "yes",
            f"{outcome.disagree}/{outcome.calls}",
            outcome.identified,
            outcome.example,
        )
        for outcome in outcomes
    ]
    headers = ("sabotage", "what it breaks", "caught", "disagree", "identify", "first difference")
    table = tabulate(rows, headers, maxcolwidths=[None, None, None, None, 24, 30])
    missed = [f"{o.sabotage.module}: {text}" for o in outcomes for text in o.missed]
    false = [f"false alarm: {text}" for text in alarms]
    caught = sum(not outcome.missed for outcome in outcomes)
    total = f"{caught} of {len(outcomes)} caught, {len(alarms)} false alarms"
    return "\n".join([table, *missed, *false, total])


if __name__ == "__main__":
    sys.exit(main())
