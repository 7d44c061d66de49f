"""Evaluates an experiment on decisions.

A person counts once, in the variant of the first decision, whatever was shown or seen (intention to treat); an outcome
counts if it ever happened on any decision in the experiment. Looks go by the time of decisions and events, so only late
arrivals change an earlier look.

Changed shares split people differently, so counts start at the last change and exclude all before it, as well as
restricted subjects. Memory holds units, never decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Engine, Row

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.analysis import analyse
from alphaads_pipelines.experiments.observations import Observations, look_rows
from alphaads_pipelines.experiments.result import Kind, Metric, Plan, Result
from alphaads_pipelines.experiments.sequences import Floats
from alphaads_pipelines.experiments.store import StoredExperiment
from alphaads_pipelines.stores.sql.relational import reading, sql_table

OUTCOMES: Final = ("seen", "clicked", "converted")
"""Rates per person: an ad was seen (a click implies it), clicked, followed by a conversion."""

NOT_STARTED: Final = "it was not started yet"
NOBODY_YET: Final = "nobody has taken part yet, or no decision of it is in; that takes some seconds"

_PROPAGATION = timedelta(seconds=5)
"""Margin for servers to notice changes, for which they poll several times a second."""
_CHUNK_ROWS = 2_000
_NEVER = float("inf")
_CONTROL = "control"
_DECISIONS, _RESTRICTIONS = sql_table("ad_decisions"), sql_table("restrictions")


@dataclass(frozen=True, slots=True)
class Units:
    """Units of an experiment; times are in seconds since 1970.

    Parameters
    ----------
    since: start of counting; None if not started.
    subjects: by first decision; for the audit log only.
    arms: (units,) index into `names`. first: (units,) first decision.
    outcomes: by OUTCOMES, (units,) first occurrence, or infinity.
    moved: units seen in two variants, which indicates broken assignment.
    """

    since: datetime | None
    names: tuple[str, ...]
    subjects: tuple[str, ...]
    arms: NDArray[np.int64]
    first: Floats
    outcomes: Mapping[str, Floats]
    decisions: int
    moved: int


@dataclass(slots=True)
class _Unit:
    """A unit being read; `outcomes` in the order of OUTCOMES."""

    arm: int
    first: float
    outcomes: list[float]
    has_moved: bool = False


def counted_since(experiment: StoredExperiment, now: datetime, keep: timedelta) -> datetime | None:
    """Time from which decisions count, cut at their retention `keep`; None before the start."""
    since = experiment.allocated_at
    if since is None:
        return None
    was_changed = since != experiment.started_at
    return max(since + _PROPAGATION if was_changed else since, now - keep)


def read_units(engine: Engine, experiment: StoredExperiment, *, now: datetime, keep: timedelta) -> Units:
    """Read the units since the last change of shares, scanning all tenants' decisions by time.

    Raises
    ------
    StoreUnavailable.
    """
    since = counted_since(experiment, now, keep)
    names = tuple(experiment.allocation.shares)
    if since is None:
        return _units({}, since, names, 0)
    place = {name: at for at, name in enumerate(names)}
    found: dict[str, _Unit] = {}
    decisions = 0
    with reading(engine) as connection:
        for row in connection.execute(_query(experiment, since).execution_options(yield_per=_CHUNK_ROWS)):
            if row.arm in place:
                _count(found, row, place[row.arm])
                decisions += 1
    return _units(found, since, names, decisions)


def _query(experiment: StoredExperiment, since: datetime) -> sa.Select[Any]:
    table = _DECISIONS.c
    arm = table.experiments[experiment.experiment_id].as_string()
    query = sa.select(
        table.subject_id, arm.label("arm"), table.decided_at, table.impression_at, table.click_at, table.conversion_at
    ).where(
        table.decided_at >= since,
        table.tenant == experiment.tenant,
        arm.is_not(None),
        table.subject_id.is_not(None),
        table.subject_id.not_in(sa.select(_RESTRICTIONS.c.subject_id)),
    )
    if experiment.stopped_at is not None:
        query = query.where(table.decided_at <= experiment.stopped_at + _PROPAGATION)
    return query.order_by(table.decided_at)


def _count(found: dict[str, _Unit], row: Row[Any], arm: int) -> None:
    unit = found.get(row.subject_id)
    if unit is None:
        unit = found[row.subject_id] = _Unit(arm, row.decided_at.timestamp(), [_NEVER] * len(OUTCOMES))
    unit.has_moved |= unit.arm != arm
    seen = [at for at in (row.impression_at, row.click_at) if at is not None]
    happened = (min(seen, default=None), row.click_at, row.conversion_at)
    for place, at in enumerate(happened):
        if at is not None:
            # Clocks differ: no outcome precedes the first decision.
            unit.outcomes[place] = min(unit.outcomes[place], max(unit.first, at.timestamp()))


def _units(found: Mapping[str, _Unit], since: datetime | None, names: tuple[str, ...], decisions: int) -> Units:
    outcomes = np.array([unit.outcomes for unit in found.values()], dtype=np.float64).reshape(-1, len(OUTCOMES))
    return Units(
        since=since,
        names=names,
        subjects=tuple(found),
        arms=np.array([unit.arm for unit in found.values()], dtype=np.int64),
        first=np.array([unit.first for unit in found.values()], dtype=np.float64),
        outcomes={name: outcomes[:, place] for place, name in enumerate(OUTCOMES)},
        decisions=decisions,
        moved=sum(unit.has_moved for unit in found.values()),
    )


def observe(units: Units, metrics: Sequence[Metric]) -> Observations:
    """Build observations of at least one unit, looks spread evenly over decisions and outcomes.

    Raises
    ------
    InvalidRequest: a metric is not a rate of OUTCOMES.
    """
    for metric in metrics:
        if metric.name not in OUTCOMES or metric.kind is not Kind.RATE:
            raise InvalidRequest(f"metrics: of decisions these rates are known: {', '.join(OUTCOMES)}")
    happened = {metric.name: units.outcomes[metric.name] for metric in metrics}
    times = np.sort(np.concatenate([units.first, *(each[each < _NEVER] for each in happened.values())]))
    looks = np.unique(times[look_rows(len(times)) - 1])

    def so_far(at: Floats) -> Floats:
        by_arm = [np.sort(at[units.arms == arm]) for arm in range(len(units.names))]
        return np.stack([np.searchsorted(each, looks, side="right") for each in by_arm], axis=1).astype(np.float64)

    names = tuple(datetime.fromtimestamp(look, UTC).isoformat(timespec="seconds") for look in looks)
    return Observations(
        units.names, names, so_far(units.first), {name: so_far(at) for name, at in happened.items()}, {}
    )


def control_arm(experiment: StoredExperiment, named: str | None = None) -> str:
    """Choose control: as named, else the only variant without a treatment, else `control`.

    Raises
    ------
    InvalidRequest: no such variant.
    """
    arms = experiment.allocation.shares
    if named is not None:
        if named not in arms:
            raise InvalidRequest("control: must name an arm of the experiment")
        return named
    unchanged = [arm for arm in arms if experiment.treatments.get(arm) is None]
    if len(unchanged) == 1:
        return unchanged[0]
    if _CONTROL in arms:
        return _CONTROL
    raise InvalidRequest("control: name the arm that the others are compared with")


def evaluate(experiment: StoredExperiment, units: Units, plan: Plan, control: str | None = None) -> Result | str:
    """Return the result, or the reason why there is none yet.

    Raises
    ------
    InvalidRequest: as in `control_arm`, `observe` and `analyse`.
    """
    against = control_arm(experiment, control)
    if units.since is None:
        return NOT_STARTED
    if not units.subjects:
        return NOBODY_YET
    return analyse(observe(units, plan.metrics), plan, control=against, shares=experiment.allocation.shares)


def result_document(experiment: StoredExperiment, units: Units, found: Result | str, *, looks: bool) -> dict[str, Any]:
    """Convert to JSON values, without subject ids."""
    shown: dict[str, Any] = {"nothing_yet": None, "result": None}
    shown |= {"nothing_yet": found} if isinstance(found, str) else {"result": found.as_dict(looks=looks)}
    return {
        "experiment_id": experiment.experiment_id,
        "name": experiment.name,
        "state": experiment.state,
        "since": units.since,
        "decisions": units.decisions,
        "units": len(units.subjects),
        "moved_units": units.moved,
        **shown,
    }
