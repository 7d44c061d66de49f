"""`alphaads experiment`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.experiment_output import Alpha, GuardRails, Planned, Report, plan_of, show_result
from alphaads_pipelines.cli.json_object import read_object
from alphaads_pipelines.cli.options import DEFAULT_TENANT, JsonOutput
from alphaads_pipelines.cli.pagination import all_pages, check_state
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.advertising_tables import EXPERIMENT_STATES
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alphaads_pipelines.experiments.store import StoredExperiment

app = typer.Typer(
    help="Run experiments on decisions, and evaluate them at any time.",
    no_args_is_help=True,
)
Tenant = Annotated[str, typer.Option(help="Tenant of the experiments.")]
State = Annotated[str | None, typer.Option(help=f"Only this state: {', '.join(EXPERIMENT_STATES)}.")]
Id = Annotated[str, typer.Argument(help="An experiment's id, as `list` shows it.", metavar="ID", show_default=False)]
Draft = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A JSON object with the fields that docs/learning.md names; -: stdin.", show_default=False
    ),
]
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="JSON lines or CSV, in order of time: `unit, arm, OUTCOME...` for each unit, or `at, arm, units, "
        "OUTCOME...` with the counts of each period. -: stdin.",
        show_default=False,
    ),
]
Goal = Annotated[
    str,
    typer.Option(help="NAME[:rate|mean][:higher|lower]: the column to improve.", show_default=False),
]
Outcome = Annotated[
    str, typer.Option("--goal", help="NAME[:higher|lower]: the outcome to improve: seen, clicked or converted.")
]
Control = Annotated[str, typer.Option(help="The control arm.")]
Against = Annotated[
    str | None,
    typer.Option("--control", help="The control arm; default: the one without a treatment."),
]
Shares = Annotated[
    list[str] | None,
    typer.Option("--share", help="ARM=N: planned split of units, for each arm; default: even."),
]


@app.command("list")
def list_all(tenant: Tenant = DEFAULT_TENANT, state: State = None, as_json: JsonOutput = False) -> None:
    """List the experiments by id."""
    from alphaads_pipelines.experiments.store import MOST_LISTED, list_experiments

    def page(after: str) -> list[StoredExperiment]:
        return list_experiments(wiring.engine, tenant, state=state, after=after, limit=MOST_LISTED)

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        check_state(state, EXPERIMENT_STATES)
        found = all_pages(page, lambda each: each.experiment_id)
    if as_json:
        emit([_shown(each) for each in found])
        return
    table = Table("id", "state", "name", "shares", "layer", box=None, pad_edge=False)
    for each in found:
        shares = ", ".join(f"{arm} {share}" for arm, share in each.allocation.shares.items())
        table.add_row(each.experiment_id, each.state, escape(each.name), escape(shares), escape(each.layer))
    out.print(table)


@app.command()
def create(file: Draft, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Draft an experiment, which assigns no one until it is started."""
    from alphaads_pipelines.bandits.registry import POLICIES
    from alphaads_pipelines.experiments.store import create_experiment, parse_experiment

    with exit_codes():
        new = parse_experiment(read_object(file))
        _act(lambda engine, now: create_experiment(engine, tenant, new, policies=list(POLICIES), now=now), as_json)


@app.command()
def start(experiment_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Start an experiment; servers follow within a second."""
    from alphaads_pipelines.experiments.store import start_experiment

    _act(lambda engine, now: start_experiment(engine, tenant, experiment_id, now), as_json)


@app.command()
def stop(experiment_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Stop an experiment for good."""
    from alphaads_pipelines.experiments.store import stop_experiment

    _act(lambda engine, now: stop_experiment(engine, tenant, experiment_id, now), as_json)


@app.command()
def result(
    experiment_id: Id,
    tenant: Tenant = DEFAULT_TENANT,
    goal: Outcome = "clicked",
    guard_rail: GuardRails = None,
    control: Against = None,
    alpha: Alpha = 0.05,
    planned_units: Planned = 100_000,
    report: Report = None,
    as_json: JsonOutput = False,
) -> None:
    """Evaluate an experiment from its decisions so far: ship, stop or continue, with the reasons.

    Evaluate as often as you like, but fix goal, guard-rails, alpha and planned units before the first look.
    """
    from alphaads_pipelines.experiments.page import render_page
    from alphaads_pipelines.experiments.results import evaluate, read_units, result_document
    from alphaads_pipelines.experiments.store import read_experiment

    with exit_codes():
        plan = plan_of(goal, guard_rail, alpha, planned_units)
        with wired(load_settings(quiet=True)) as wiring:
            experiment = read_experiment(wiring.engine, tenant, experiment_id)
            keep = timedelta(days=wiring.settings.decision_retention_days)
            units = read_units(wiring.engine, experiment, now=datetime.now(UTC), keep=keep)
            if units.subjects:
                noted = {"action": "experiment.judge", "purpose": "operation"}
                record(wiring, "experiment result", **noted, subjects=units.subjects)
        found = evaluate(experiment, units, plan, control)
        if report is not None:
            report.write_text(render_page(found, experiment.name), encoding="utf-8")
        if as_json:
            emit(result_document(experiment, units, found, looks=True))
        elif isinstance(found, str):
            out.print(f"nothing to see yet: {found}", markup=False)
        else:
            show_result(found)


@app.command()
def analyse(
    file: File,
    goal: Goal,
    guard_rail: GuardRails = None,
    control: Control = "control",
    share: Shares = None,
    alpha: Alpha = 0.05,
    planned_units: Planned = 100_000,
    report: Report = None,
    as_json: JsonOutput = False,
) -> None:
    """Evaluate an experiment from a file of units: ship, stop or continue, with the reasons.

    Intervals are valid at every look, even after each unit. Fix metrics, margins, alpha and planned units before the
    first look. docs/learning.md describes the file, the methods and the rule.
    """
    from alphaads_pipelines.experiments.analysis import analyse
    from alphaads_pipelines.experiments.observations import read_observations
    from alphaads_pipelines.experiments.page import render_page

    with exit_codes():
        load_settings(quiet=True)
        plan = plan_of(goal, guard_rail, alpha, planned_units)
        shares = _shares(share)
        observations = read_observations(_text(file), plan.metrics, shares)
        found = analyse(observations, plan, control=control, shares=shares)
        if report is not None:
            report.write_text(render_page(found, f"Experiment {file.stem}"), encoding="utf-8")
        if as_json:
            emit(found.as_dict())
        else:
            show_result(found)


def _act(act: Callable[[Engine, datetime], StoredExperiment], as_json: bool) -> None:
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        experiment = act(wiring.engine, datetime.now(UTC))
        if as_json:
            emit(_shown(experiment))
        else:
            out.print(f"{experiment.experiment_id} is {experiment.state}")


def _shown(experiment: StoredExperiment) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(experiment)
    del shown["allocation"]
    return {**shown, "shares": experiment.allocation.shares}


def _shares(given: list[str] | None) -> dict[str, int] | None:
    if not given:
        return None
    shares = {}
    for text in given:
        arm, _, share = text.rpartition("=")
        if not (arm and share.isdecimal()):
            raise InvalidRequest("--share: must be ARM=N with a whole number")
        shares[arm] = int(share)
    return shares


def _text(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"line {raw.count(bytes([10]), 0, error.start) + 1}: is no UTF-8") from None
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None
