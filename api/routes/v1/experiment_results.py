"""`GET /api/v1/experiments/{experiment_id}/result`, and `.../result/page` as HTML."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.campaigns.campaign import LONGEST_ID
from alphaads_pipelines.experiments.page import render_page
from alphaads_pipelines.experiments.result import Plan, Result, metric_of
from alphaads_pipelines.experiments.results import Units, evaluate, read_units, result_document
from alphaads_pipelines.experiments.store import StoredExperiment, read_experiment
from alphaads_pipelines.wiring.app import Wiring
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import WiringDep
from api.pagination import IdPath

router = APIRouter(tags=["campaigns"])
Reader = Annotated[Caller, scope("campaigns:read")]
Record = Annotated[Recorder, recorded("experiment.judge", "operation")]
_OUTCOME = r"(seen|clicked|converted)(:(higher|lower))?"
GuardRail = Annotated[str, Field(pattern=rf"^{_OUTCOME}:0?\.[0-9]{{1,6}}$")]


class PlanIn(BaseModel):
    """The plan fixed before the first look. Changing it afterwards invalidates the stated error rates."""

    model_config = ConfigDict(extra="forbid")
    goal: str = Field(
        "clicked", pattern=f"^{_OUTCOME}$", description="`seen`, `clicked` or `converted`; `:lower` if less is better"
    )
    guard_rail: list[GuardRail] = Field(
        [], max_length=2, description="OUTCOME:MARGIN: may not get worse by more than that share of control's rate."
    )
    control: str | None = Field(
        None, min_length=1, max_length=LONGEST_ID, description="Default: the arm without a treatment."
    )
    alpha: float = Field(0.05, ge=0.0001, lt=0.5, description="False positive rate over all looks.")
    planned_units: int = Field(100_000, ge=1, le=10**9, description="Units after which an arm without effect stops.")

    @property
    def plan(self) -> Plan:
        """The domain's plan. Raises InvalidRequest."""
        rails = tuple(metric_of(each, "guard_rail") for each in self.guard_rail)
        return Plan(metric_of(self.goal, "goal"), rails, self.alpha, self.planned_units)


class ResultIn(PlanIn):
    """A plan, and how much detail to return."""

    looks: bool = Field(False, description="Include each comparison at up to 200 past looks.")


class ResultOut(BaseModel):
    """The counts since a time, and the result: `experiments.result.Result`.

    `nothing_yet` says why there is no result. `moved_units` were seen in two variants, which means that assignment is
    broken.
    """

    experiment_id: str
    name: str
    state: Literal["draft", "running", "stopped"]
    since: datetime | None
    decisions: int
    units: int
    moved_units: int
    nothing_yet: str | None
    result: dict[str, Any] | None


@router.get("/experiments/{experiment_id}/result", summary="Get an experiment's result")
def get_result(
    experiment_id: IdPath, query: Annotated[ResultIn, Query()], wiring: WiringDep, caller: Reader, audit: Record
) -> ResultOut:
    """Evaluate the experiment from its decisions and their outcomes so far.

    Returns effects with intervals valid at every look, a sample-ratio check and a recommendation. Counting starts with
    the last change of shares.
    """
    experiment, units, found = _evaluate_recorded(experiment_id, query, wiring, caller, audit)
    return ResultOut.model_validate(result_document(experiment, units, found, looks=query.looks))


@router.get(
    "/experiments/{experiment_id}/result/page",
    summary="Get an experiment's result as HTML",
    response_class=HTMLResponse,
)
def get_result_page(
    experiment_id: IdPath, query: Annotated[PlanIn, Query()], wiring: WiringDep, caller: Reader, audit: Record
) -> HTMLResponse:
    """Return the result as an HTML page with a chart."""
    experiment, _, found = _evaluate_recorded(experiment_id, query, wiring, caller, audit)
    return HTMLResponse(render_page(found, experiment.name))


def _evaluate_recorded(
    experiment_id: str, query: PlanIn, wiring: Wiring, caller: Caller, audit: Recorder
) -> tuple[StoredExperiment, Units, Result | str]:
    plan = query.plan
    experiment = read_experiment(wiring.engine, caller.tenant, experiment_id)
    keep = timedelta(days=wiring.settings.decision_retention_days)
    units = read_units(wiring.engine, experiment, now=datetime.now(UTC), keep=keep)
    audit.record(*units.subjects) if units.subjects else audit.nobody()
    return experiment, units, evaluate(experiment, units, plan, query.control)
