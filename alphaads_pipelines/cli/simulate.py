"""`alphaads simulate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.errors import InvalidRequest

if TYPE_CHECKING:
    from alphaads_pipelines.bandits.simulator.loop import PlayResult
    from alphaads_pipelines.bandits.simulator.result import Simulation
    from alphaads_pipelines.bandits.simulator.stream import Stream


class WorldName(StrEnum):
    """A kind of world."""

    STATIONARY = "stationary"
    DRIFTING = "drifting"


Names = Annotated[
    list[str] | None,
    typer.Option("--policy", help=f"{', '.join(POLICIES)}. Repeatable; default: all installed."),
]
World = Annotated[WorldName, typer.Option("--world", help="drifting: creatives change and are replaced every 14 days.")]
Decisions = Annotated[
    int, typer.Option("--decisions", min=1, max=1_000_000, help="Decisions of each run, over 56 days.")
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, max=1_000, help="Number of worlds.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**31, help="Seed of the first world; the others follow.")]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write a page with curves: FILE.html.")]
LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FILE",
        help="Write the first policy's decisions in the first world in the Open Bandit format, for `alphaads ope`.",
    ),
]


def run(
    policy: Names = None,
    world: World = WorldName.STATIONARY,
    decisions: Decisions = 10_000,
    seeds: Seeds = 3,
    seed: Seed = 1,
    report: Report = None,
    log: LogFile = None,
    as_json: JsonOutput = False,
) -> None:
    """Let policies decide for synthetic people and learn from the reported events, and measure their regret.

    Regret, in clicks, is the exact shortfall against each moment's best creative. All policies face the same people,
    random draws, and late, lost and duplicate events. docs/learning.md describes the world.
    """
    from alphaads_pipelines.bandits.simulator.log import write_log
    from alphaads_pipelines.bandits.simulator.page import render_page
    from alphaads_pipelines.bandits.simulator.result import installed_policies, simulate

    with exit_codes():
        load_settings(quiet=True)
        names = list(dict.fromkeys(policy or installed_policies()))
        _check_writable(report, log)

        def see(stream: Stream, name: str, played: PlayResult) -> None:
            if log is not None and stream.seed == seed and name == names[0]:
                written = write_log(log, stream, played)
                err.print(f"{written:,} decisions of {name} are in {log}", style="dim", soft_wrap=True)

        if log is not None and world is WorldName.DRIFTING:
            raise InvalidRequest("--log: creatives come and go in this world, which the Open Bandit format cannot say")
        with progress() as display:
            task = display.add_task("deciding", total=decisions * seeds * len(names))
            found = simulate(
                world, names, decisions, range(seed, seed + seeds), lambda done: display.advance(task, done), see
            )
        if report is not None:
            report.write_text(render_page(found), encoding="utf-8")
        if as_json:
            emit(found.as_dict())
        else:
            _show(found)


def _check_writable(*files: Path | None) -> None:
    """Check before a minute of work. Raises InvalidRequest."""
    for file in files:
        if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
            raise InvalidRequest(f"{file} cannot be written: there is no such folder, or it is one")


def _show(found: Simulation) -> None:
    told = found.as_dict()
    seeds = f"{len(found.seeds)} seeds" if len(found.seeds) > 1 else "1 seed"
    title = f"{found.world} world: {found.decisions:,} decisions, {seeds}"
    table = Table("policy", title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("regret", "95 % interval", "of random's", "clicks"):
        table.add_column(name, justify="right")
    for name, each in sorted(told["policies"].items(), key=lambda each: each[1]["regret"]):
        between = "one seed" if each["low"] is None else f"{each['low']:,.0f} to {each['high']:,.0f}"
        table.add_row(
            name, f"{each['regret']:,.0f}", between, f"{each['share_of_random']:.1%}", f"{each['clicks']:,.0f}"
        )
    out.print(table)
    err.print(f"whoever knows the truth expects {told['clicks_of_the_best']:,.0f} clicks", style="dim")
