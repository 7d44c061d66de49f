"""`/api/v1/experiments`: experiments that compare policies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.campaigns.campaign import LONGEST_ID, LONGEST_WORDS
from alphaads_pipelines.experiments.assignment import SLOTS
from alphaads_pipelines.experiments.store import (
    MOST_ARMS,
    StoredExperiment,
    change_shares,
    create_experiment,
    list_experiments,
    read_experiment,
    start_experiment,
    stop_experiment,
    to_new_experiment,
)
from api.access import scope
from api.audit import about_nobody
from api.credentials import Caller
from api.deps import WiringDep
from api.pagination import ID, After, IdPath, Limit, next_page

router = APIRouter(tags=["campaigns"])
State = Literal["draft", "running", "stopped"]
Arm = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
Share = Annotated[int, Field(ge=0, le=SLOTS)]
Shares = Annotated[
    dict[Arm, Share],
    Field(max_length=MOST_ARMS, description=f"Arm -> share of the units, in {SLOTS:,}ths, together at most {SLOTS:,}."),
]
Treatments = Annotated[
    dict[Arm, Arm | None],
    Field(max_length=MOST_ARMS, description="Arm -> the deciding policy; null: as without the experiment."),
]
Reader = Annotated[Caller, scope("campaigns:read")]
Writer = Annotated[Caller, scope("campaigns:write")]


class ExperimentIn(BaseModel):
    """An experiment. Those of one layer are mutually exclusive; `layer_start` to `layer_stop` are its slots."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=LONGEST_WORDS)
    shares: Shares
    treatments: Treatments
    campaign_id: str | None = Field(None, pattern=ID, description="Limits it to a campaign; null: the whole tenant.")
    layer: Arm = "default"
    layer_start: int = Field(0, ge=0, lt=SLOTS)
    layer_stop: int = Field(SLOTS, ge=1, le=SLOTS)


class SharesIn(BaseModel):
    """New shares; a variant that is not named ends."""

    model_config = ConfigDict(extra="forbid")
    shares: Shares


class ExperimentOut(ExperimentIn):
    """An experiment as stored."""

    experiment_id: str
    state: State
    created_at: datetime
    started_at: datetime | None
    allocated_at: datetime | None = Field(description="Time of the last change of shares; results start there.")
    stopped_at: datetime | None


class ExperimentsOut(BaseModel):
    """A page, by id; `next` is what `after` of the next page is, null on the last."""

    experiments: list[ExperimentOut]
    next: str | None


def _shown(stored: StoredExperiment) -> ExperimentOut:
    fields = {name: getattr(stored, name) for name in ExperimentOut.model_fields if name != "shares"}
    return ExperimentOut(**fields, shares=stored.allocation.shares)


@router.post("/experiments", status_code=201, summary="Draft an experiment")
@about_nobody
def post_experiment(body: ExperimentIn, wiring: WiringDep, caller: Writer) -> ExperimentOut:
    """Draft an experiment, which assigns no one until it is started."""
    new, now = to_new_experiment(body.model_dump()), datetime.now(UTC)
    return _shown(create_experiment(wiring.engine, caller.tenant, new, policies=list(POLICIES), now=now))


@router.get("/experiments", summary="List experiments")
@about_nobody
def get_experiments(
    wiring: WiringDep, caller: Reader, state: State | None = None, after: After = None, limit: Limit = 100
) -> ExperimentsOut:
    """List a page of experiments by id, optionally of one state."""
    found = list_experiments(wiring.engine, caller.tenant, state=state, after=after or "", limit=limit)
    experiments = [_shown(each) for each in found]
    return ExperimentsOut(experiments=experiments, next=next_page([each.experiment_id for each in experiments], limit))


@router.get("/experiments/{experiment_id}", summary="Get an experiment")
@about_nobody
def get_experiment(experiment_id: IdPath, wiring: WiringDep, caller: Reader) -> ExperimentOut:
    """Return one of the caller's experiments."""
    return _shown(read_experiment(wiring.engine, caller.tenant, experiment_id))


@router.post("/experiments/{experiment_id}/start", summary="Start an experiment")
@about_nobody
def start(experiment_id: IdPath, wiring: WiringDep, caller: Writer) -> ExperimentOut:
    """Start the experiment with each server's next poll. 422: its slots are taken, or it was stopped."""
    return _shown(start_experiment(wiring.engine, caller.tenant, experiment_id, datetime.now(UTC)))


@router.put("/experiments/{experiment_id}/shares", summary="Change the shares of an experiment")
@about_nobody
def put_shares(experiment_id: IdPath, body: SharesIn, wiring: WiringDep, caller: Writer) -> ExperimentOut:
    """Change the shares, moving as few people as possible. A running experiment's results start over."""
    return _shown(change_shares(wiring.engine, caller.tenant, experiment_id, body.shares, datetime.now(UTC)))


@router.post("/experiments/{experiment_id}/stop", summary="Stop an experiment for good")
@about_nobody
def stop(experiment_id: IdPath, wiring: WiringDep, caller: Writer) -> ExperimentOut:
    """Stop the experiment for good; it cannot be restarted."""
    return _shown(stop_experiment(wiring.engine, caller.tenant, experiment_id, datetime.now(UTC)))
