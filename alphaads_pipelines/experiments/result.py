"""Plans and results of experiments, as records for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.sample_ratio import SampleRatio


class Kind(StrEnum):
    """Type of a metric."""

    RATE = "rate"
    MEAN = "mean"


class Better(StrEnum):
    """Desired direction of a metric."""

    HIGHER = "higher"
    LOWER = "lower"


class Verdict(StrEnum):
    """Conclusion from an effect's interval."""

    BETTER = "better"
    WORSE = "worse"
    PASSED = "passed"
    BREACHED = "breached"
    OPEN = "open"
    CHANGING = "changing"


class Action(StrEnum):
    """Action on a variant or the experiment."""

    SHIP = "ship"
    STOP = "stop"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: a column of outcomes.

    Parameters
    ----------
    kind: a rate's effect is the relative lift, a mean's the difference.
    margin: a guard-rail's tolerated loss in the effect's unit; None for the goal.

    Raises
    ------
    InvalidRequest: a margin not above 0, or not below 1 for a rate.
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
    """Parse "NAME:kind:direction:margin", all but the name optional and in any order.

    Raises
    ------
    InvalidRequest: malformed; the message names `field`.
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
    """An analysis plan, fixed before the first unit.

    Parameters
    ----------
    guard_rails: metrics that must not get worse by more than their margin.
    alpha: bounds the probability of shipping any variant that is no better, over all looks.
    planned_units: total after which inconclusive variants stop.

    Raises
    ------
    InvalidRequest: duplicate metrics, a goal with a margin, a guard-rail without, or numbers out of range.
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
        """Goal and guard-rails."""
        return (self.goal, *self.guard_rails)


@dataclass(frozen=True, slots=True)
class Look:
    """An effect at one look; None if unknown or unbounded."""

    at: str
    units: int
    effect: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant compared with control in one metric, at the last look."""

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
    """A variant's planned share and its units."""

    name: str
    share: float
    units: int


@dataclass(frozen=True, slots=True)
class Decision:
    """An action with its reasons; `arm` is None for the whole experiment."""

    action: Action
    arm: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """An experiment's result; `confidence` splits alpha among the variants beside control."""

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
        """Convert to JSON values, optionally with all looks."""
        shown = asdict(self)
        if not looks:
            for comparison in shown["comparisons"]:
                del comparison["looks"]
        return shown
