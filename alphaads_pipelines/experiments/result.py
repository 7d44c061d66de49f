"""What is asked of an experiment and what comes out: plain records, made for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.sample_ratio import SampleRatio


class Kind(StrEnum):
    """What a unit's outcome is."""

    RATE = "rate"
    MEAN = "mean"


class Better(StrEnum):
    """Which way a metric should go."""

    HIGHER = "higher"
    LOWER = "lower"


class Verdict(StrEnum):
    """What the interval of an effect says by now."""

    BETTER = "better"
    WORSE = "worse"
    PASSED = "passed"
    BREACHED = "breached"
    OPEN = "open"
    CHANGING = "changing"


class Action(StrEnum):
    """What to do with an arm, or with the experiment."""

    SHIP = "ship"
    STOP = "stop"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of outcomes, and what is asked of it.

    Parameters
    ----------
    kind: of a rate the effect is the lift, a share of control's rate; of a mean the difference, in the metric's unit.
    margin: None for the goal; of a guard-rail by how much the effect may be worse, in the effect's unit.

    Raises
    ------
    InvalidRequest: a margin that is not positive, or of 1 and more for a rate.
    """

    name: str
    kind: Kind = Kind.RATE
    better: Better = Better.HIGHER
    margin: float | None = None

    def __post_init__(self) -> None:
        most = 1.0 if self.kind is Kind.RATE else float("inf")
        if self.margin is not None and not 0 < self.margin < most:
            raise InvalidRequest(f"{self.name}: a margin must be above 0, and of a rate below 1")


def metric_of(text: str, field: str) -> Metric:
    """A metric from what somebody wrote: NAME, then kind, direction and margin in any order, with colons between.

    Parameters
    ----------
    field: what a message calls it.

    Raises
    ------
    InvalidRequest: it is none.
    """
    name, *parts = text.split(":")
    kind, better, margin = Kind.RATE, Better.HIGHER, None
    for part in parts:
        if part in list(Kind):
            kind = Kind(part)
        elif part in list(Better):
            better = Better(part)
        else:
            try:
                margin = float(part)
            except ValueError:
                raise InvalidRequest(f"{field}: {part} is neither rate, mean, higher, lower nor a number") from None
    if not name:
        raise InvalidRequest(f"{field}: must begin with the name of a column")
    return Metric(name, kind, better, margin)


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided before the first unit came.

    Parameters
    ----------
    goal: the one metric that the experiment is about.
    guard_rails: metrics that may not get worse by more than their margin.
    alpha: chance that any arm is shipped that is not better, over all looks and arms.
    planned_units: units of all arms after which an arm that has shown nothing stops.

    Raises
    ------
    InvalidRequest: metrics with the same name, a goal with a margin, a guard-rail without, or numbers out of range.
    """

    goal: Metric
    guard_rails: tuple[Metric, ...] = ()
    alpha: float = 0.05
    planned_units: int = 100_000

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        if len(set(names)) < len(names):
            raise InvalidRequest("metrics: each column may be named once")
        if self.goal.margin is not None:
            raise InvalidRequest(f"{self.goal.name}: a goal has no margin")
        for metric in self.guard_rails:
            if metric.margin is None:
                raise InvalidRequest(f"{metric.name}: a guard-rail needs a margin")
        if not 0 < self.alpha < 0.5 or self.planned_units < 1:
            raise InvalidRequest("alpha must lie between 0 and 0.5, planned_units above 0")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The goal, then the guard-rails."""
        return (self.goal, *self.guard_rails)


@dataclass(frozen=True, slots=True)
class Look:
    """An effect as of one look; None: not known, or without bound."""

    at: str
    units: int
    effect: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm beside control, in one metric, as of the last look; `looks` holds all of them."""

    arm: str
    metric: str
    kind: Kind
    better: Better
    margin: float | None
    control_value: float | None
    arm_value: float | None
    effect: float | None
    low: float | None
    high: float | None
    p_value: float
    verdict: Verdict
    looks: tuple[Look, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm's size: its share of the experiment as planned, and its units."""

    name: str
    share: float
    units: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do and why; `arm` is None where it concerns the experiment."""

    action: Action
    arm: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """An experiment's result.

    Parameters
    ----------
    confidence: of each interval: 1 - alpha, with alpha divided among the arms beside control.
    """

    control: str
    arms: tuple[Arm, ...]
    units: int
    planned_units: int
    alpha: float
    confidence: float
    sample_ratio: SampleRatio
    comparisons: tuple[Comparison, ...]
    decision: Decision
    by_arm: tuple[Decision, ...]

    def as_dict(self, *, looks: bool = True) -> dict[str, Any]:
        """Plain values, for JSON.

        Parameters
        ----------
        looks: with each comparison's looks, up to 200 of them.
        """
        shown = asdict(self)
        if not looks:
            for comparison in shown["comparisons"]:
                del comparison["looks"]
        return shown
