"""Stores experiments, scoped by tenant.

    draft ──► running ──► stopped
      └─────────────────────►┘

Layers are per tenant, so tenants never compete for slots.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.campaigns.campaign import LONGEST_WORDS
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.store import campaign_of
from alphaads_pipelines.campaigns.text.normalisation import has_hidden_characters
from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.experiments.assignment import SLOTS, Allocation, Experiment, Run, check_apart
from alphaads_pipelines.msgspec_types import decoder
from alphaads_pipelines.schema.advertising_tables import EXPERIMENT_STATES
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table

DRAFT, RUNNING, STOPPED = EXPERIMENT_STATES
MOST_LISTED: Final = 500
MOST_ARMS: Final = 20
MOST_RUNNING: Final = 50
"""Per tenant; each decision evaluates all of them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_EXPERIMENTS = sql_table("experiments")


class StoredExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's experiment.

    Attributes
    ----------
    campaign_id: whose decisions take part; None includes all campaigns.
    treatments: arm -> policy that decides; None changes nothing.
    allocated_at: start, or last change of shares while running.
    """

    experiment_id: str
    tenant: str
    campaign_id: str | None
    name: str
    state: str
    layer: str
    layer_start: int
    layer_stop: int
    allocation: Allocation
    treatments: Mapping[str, str | None]
    created_at: datetime
    started_at: datetime | None = None
    allocated_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def assignment(self) -> Experiment:
        """Input of `Assigner`; the layer is prefixed with the tenant."""
        layer = f"{self.tenant}/{self.layer}"
        return Experiment(self.experiment_id, layer, self.layer_start, self.layer_stop, self.allocation)


class NewExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's draft; shares are in ten-thousandths."""

    name: str
    shares: Mapping[str, int]
    treatments: Mapping[str, str | None]
    campaign_id: str | None = None
    layer: str = "default"
    layer_start: int = 0
    layer_stop: int = SLOTS


to_new_experiment = decoder(NewExperiment)
"""Raises msgspec.ValidationError."""


def parse_experiment(fields: Mapping[str, Any]) -> NewExperiment:
    """Parse JSON values. Raises InvalidRequest for unknown, missing or invalid fields."""
    if not fields.keys() <= set(NewExperiment.__struct_fields__):
        raise InvalidRequest(f"fields of an experiment are {', '.join(sorted(NewExperiment.__struct_fields__))}")
    try:
        return to_new_experiment(fields)
    except msgspec.ValidationError as error:  # names the path and the expected type, never a value
        raise InvalidRequest(str(error)) from None


def create_experiment(
    engine: Engine, tenant: str, new: NewExperiment, *, policies: Collection[str], now: datetime
) -> StoredExperiment:
    """Insert a draft; `policies` are the allowed treatments.

    Raises
    ------
    InvalidRequest: invalid fields. NotFound: unknown campaign. StoreUnavailable.
    """
    _check(new, policies)
    made = StoredExperiment(
        experiment_id=uuid.uuid4().hex,
        tenant=tenant,
        campaign_id=new.campaign_id,
        name=new.name,
        state=DRAFT,
        layer=new.layer,
        layer_start=new.layer_start,
        layer_stop=new.layer_stop,
        allocation=Allocation().with_shares(new.shares),
        treatments=dict(new.treatments),
        created_at=now,
    )
    _ = made.assignment  # validates the slots
    with editing(engine, now) as connection:
        if new.campaign_id is not None:
            campaign_of(connection, tenant, new.campaign_id)
        insert_ignore(connection, "experiments", [_row(made)])
    return made


def _check(new: NewExperiment, policies: Collection[str]) -> None:
    treatments = {*filter(None, new.treatments.values())}
    checks = {
        f"name must be 1 to {LONGEST_WORDS} characters, none of them hidden": bool(new.name.strip())
        and len(new.name) <= LONGEST_WORDS
        and not has_hidden_characters(new.name),
        "layer and arms must be named by letters, digits, '.', '_' and '-', 64 at most": all(
            _NAME.fullmatch(each) for each in (new.layer, *new.shares)
        ),
        f"an experiment has 2 to {MOST_ARMS} arms": 2 <= len(new.shares) <= MOST_ARMS,
        "shares must be above 0": all(share > 0 for share in new.shares.values()),
        "treatments must name the arms that have shares, and no others": new.treatments.keys() == new.shares.keys(),
        f"treatments must be null or one of {', '.join(sorted(policies))}": treatments <= set(policies),
    }
    for problem, is_fine in checks.items():
        if not is_fine:
            raise InvalidRequest(problem)


def read_experiment(engine: Engine, tenant: str, experiment_id: str) -> StoredExperiment:
    """Read one experiment. Raises NotFound, StoreUnavailable."""
    with reading(engine) as connection:
        return _experiment_of(connection, tenant, experiment_id)


def _experiment_of(connection: Connection, tenant: str, experiment_id: str) -> StoredExperiment:
    own = sa.select(_EXPERIMENTS).where(_EXPERIMENTS.c.experiment_id == experiment_id, _EXPERIMENTS.c.tenant == tenant)
    row = connection.execute(own).one_or_none()
    if row is None:
        raise NotFound("there is no such experiment")
    return _from_row(row)


def list_experiments(
    engine: Engine, tenant: str, *, state: str | None = None, after: str = "", limit: int = 100
) -> list[StoredExperiment]:
    """List a page of the tenant's experiments by id. Raises StoreUnavailable."""
    query = sa.select(_EXPERIMENTS).where(_EXPERIMENTS.c.tenant == tenant, _EXPERIMENTS.c.experiment_id > after)
    if state is not None:
        query = query.where(_EXPERIMENTS.c.state == state)
    page = query.order_by(_EXPERIMENTS.c.experiment_id).limit(min(limit, MOST_LISTED))
    with reading(engine) as connection:
        return [_from_row(row) for row in connection.execute(page)]


def running_experiments(connection: Connection, tenant: str | None = None) -> list[StoredExperiment]:
    """Read running experiments of one tenant or all."""
    query = sa.select(_EXPERIMENTS).where(_EXPERIMENTS.c.state == RUNNING).order_by(_EXPERIMENTS.c.experiment_id)
    if tenant is not None:
        query = query.where(_EXPERIMENTS.c.tenant == tenant)
    return [_from_row(row) for row in connection.execute(query)]


def start_experiment(engine: Engine, tenant: str, experiment_id: str, now: datetime) -> StoredExperiment:
    """Start a draft; idempotent.

    Raises
    ------
    InvalidRequest: stopped, overlapping slots, or too many running. NotFound. StoreUnavailable.
    """

    def started(connection: Connection, stored: StoredExperiment) -> StoredExperiment:
        if stored.state == RUNNING:
            return stored
        if stored.state == STOPPED:
            raise InvalidRequest("an experiment that was stopped is not started again; draft another one")
        others = running_experiments(connection, tenant)
        if len(others) >= MOST_RUNNING:
            raise InvalidRequest(f"{MOST_RUNNING} experiments run already; stop one")
        check_apart(each.assignment for each in (*others, stored))
        return msgspec.structs.replace(stored, state=RUNNING, started_at=now, allocated_at=now)

    return _change(engine, tenant, experiment_id, started, now)


def change_shares(
    engine: Engine, tenant: str, experiment_id: str, shares: Mapping[str, int], now: datetime
) -> StoredExperiment:
    """Change the variants' shares, moving as few units as possible; results restart.

    Raises
    ------
    InvalidRequest: stopped, unknown variants or invalid shares. NotFound. StoreUnavailable.
    """

    def changed(_: Connection, stored: StoredExperiment) -> StoredExperiment:
        if stored.state == STOPPED:
            raise InvalidRequest("the shares of an experiment that was stopped stay as they are")
        if not shares.keys() <= stored.treatments.keys():
            raise InvalidRequest("shares must name arms of the experiment")
        allocation = stored.allocation.with_shares(shares)
        if stored.state == DRAFT or allocation == stored.allocation:
            return msgspec.structs.replace(stored, allocation=allocation)
        return msgspec.structs.replace(stored, allocation=allocation, allocated_at=now)

    return _change(engine, tenant, experiment_id, changed, now)


def stop_experiment(engine: Engine, tenant: str, experiment_id: str, now: datetime) -> StoredExperiment:
    """Stop for good; idempotent. Raises NotFound, StoreUnavailable."""

    def stopped(_: Connection, stored: StoredExperiment) -> StoredExperiment:
        return stored if stored.state == STOPPED else msgspec.structs.replace(stored, state=STOPPED, stopped_at=now)

    return _change(engine, tenant, experiment_id, stopped, now)


def _change(
    engine: Engine,
    tenant: str,
    experiment_id: str,
    change: Callable[[Connection, StoredExperiment], StoredExperiment],
    now: datetime,
) -> StoredExperiment:
    with editing(engine, now) as connection:
        changed = change(connection, _experiment_of(connection, tenant, experiment_id))
        statement = _EXPERIMENTS.update().where(_EXPERIMENTS.c.experiment_id == experiment_id)
        connection.execute(statement.values(**_row(changed)))
    return changed


def _row(experiment: StoredExperiment) -> dict[str, Any]:
    columns = {name: getattr(experiment, name) for name in experiment.__struct_fields__}
    runs = [[run.arm, run.start, run.stop] for run in experiment.allocation.runs]
    return {**columns, "allocation": runs, "treatments": dict(experiment.treatments)}


def _from_row(row: Row[Any]) -> StoredExperiment:
    fields = {name: getattr(row, name) for name in StoredExperiment.__struct_fields__}
    return StoredExperiment(**{**fields, "allocation": Allocation(tuple(Run(*run) for run in row.allocation))})
