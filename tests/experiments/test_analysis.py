"""Analysis: ship, stop or continue, with reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np
import pytest

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.analysis import analyse
from alphaads_pipelines.experiments.observations import Observations
from alphaads_pipelines.experiments.result import Action, Better, Kind, Metric, Plan, Result, Verdict

GOAL = Metric("converted")
COMPLAINTS = Metric("complained", better=Better.LOWER, margin=0.2)
PERIODS = 20


def _observed(units: Mapping[str, int], **rates: Mapping[str, float]) -> Observations:
    """So many units per period and arm, converting at a steady rate."""
    so_far = np.arange(1, PERIODS + 1, dtype=np.float64)[:, None]
    counts = so_far * np.array(list(units.values()), dtype=np.float64)
    converted = {name: np.round(counts * [of_arm[arm] for arm in units]) for name, of_arm in rates.items()}
    return Observations(tuple(units), tuple(str(at) for at in range(PERIODS)), counts, converted, {})


def _judge(warm: float, complaints: float = 0.1, *, units: int = 2_000, planned: int = 10**6) -> Result:
    observed = _observed(
        {"control": units, "warm": units},
        converted={"control": 0.1, "warm": warm},
        complained={"control": 0.1, "warm": complaints},
    )
    return analyse(observed, Plan(GOAL, (COMPLAINTS,), planned_units=planned))


def test_an_arm_that_is_better_and_harms_nothing_ships() -> None:
    result = _judge(0.12)
    assert (result.decision.action, result.decision.arm) == (Action.SHIP, "warm")
    goal, complaints = result.comparisons
    assert (goal.verdict, complaints.verdict) == (Verdict.BETTER, Verdict.PASSED)
    assert goal.effect == pytest.approx(0.2)
    assert goal.low is not None
    assert goal.high is not None
    assert 0 < goal.low < 0.2 < goal.high
    assert goal.p_value < 0.05
    assert len(goal.looks) == PERIODS
    assert "better than control" in result.decision.reasons[0]
    assert "within its margin" in result.decision.reasons[1]


@pytest.mark.parametrize(
    ("warm", "complaints", "units", "planned", "action", "reason"),
    [
        (0.08, 0.10, 2_000, 10**6, Action.STOP, "converted .* worse than control"),
        (0.12, 0.14, 2_000, 10**6, Action.STOP, "complained .* worse than its margin"),
        (0.12, 0.12, 2_000, 10**6, Action.CONTINUE, "complained .* not yet known to be within its margin"),
        (0.101, 0.10, 2_000, 10**6, Action.CONTINUE, "converted .* not yet told from no effect"),
        (0.12, 0.10, 10, 10**6, Action.CONTINUE, "converted .* not yet told from no effect"),
        (0.101, 0.10, 2_000, 80_000, Action.STOP, "planned units are used up"),
    ],
)
def test_what_the_numbers_say_is_done(
    warm: float, complaints: float, units: int, planned: int, action: Action, reason: str
) -> None:
    decision = _judge(warm, complaints, units=units, planned=planned).decision
    assert decision.action is action
    assert any(re.search(reason, each) for each in decision.reasons), decision.reasons


LOOKS, LOOK_UNITS = 20, 500


@pytest.mark.parametrize("kind", list(Kind))
def test_of_a_thousand_experiments_on_nothing_looked_at_twenty_times_few_are_told_apart(kind: Kind) -> None:
    """Each look analyses all data so far, with a z-test for comparison."""
    rng = np.random.default_rng(17)
    told, told_by_z = 0, 0
    plan = Plan(Metric("clicked", kind), planned_units=LOOKS * LOOK_UNITS)
    for _ in range(1_000):
        treated = rng.binomial(LOOK_UNITS, 0.5, LOOKS)
        units = np.cumsum(np.stack([LOOK_UNITS - treated, treated], axis=1), axis=0).astype(np.float64)
        clicked = np.cumsum(rng.binomial(np.stack([LOOK_UNITS - treated, treated], axis=1), 0.1), axis=0).astype(float)
        names = tuple(map(str, range(LOOKS)))
        means = {"clicked": (np.stack([clicked] * 4), 0.0)} if kind is Kind.MEAN else {}
        observations = Observations(("control", "warm"), names, units, {"clicked": clicked}, means)
        [comparison] = analyse(observations, plan).comparisons
        told += any(look.low is not None and look.low > 0 for look in comparison.looks) or any(
            look.high is not None and look.high < 0 for look in comparison.looks
        )
        rate = clicked.sum(axis=1) / units.sum(axis=1)
        error = np.sqrt(rate * (1 - rate) * (1 / units).sum(axis=1))
        told_by_z += bool((np.abs(np.diff(clicked / units, axis=1)[:, 0]) > 1.959964 * error).any())
    assert told <= 65
    assert told_by_z > 150


def test_a_broken_split_stops_it_whatever_the_effect_is() -> None:
    observed = _observed({"control": 2_000, "warm": 1_700}, converted={"control": 0.1, "warm": 0.2})
    result = analyse(observed, Plan(GOAL))
    assert not result.sample_ratio.is_passed
    assert (result.decision.action, result.decision.arm) == (Action.STOP, None)
    assert "not split as planned" in result.decision.reasons[0]
    planned = analyse(observed, Plan(GOAL), shares={"control": 2_000, "warm": 1_700})
    assert planned.decision.action is Action.SHIP


def test_of_several_arms_the_surest_ships_and_each_is_judged_more_strictly() -> None:
    rates = {"control": 0.1, "a": 0.13, "b": 0.14, "c": 0.1}
    result = analyse(_observed(dict.fromkeys(rates, 2_000), converted=rates), Plan(GOAL, planned_units=10**6))
    assert (result.decision.action, result.decision.arm) == (Action.SHIP, "b")
    assert [each.action for each in result.by_arm] == [Action.SHIP, Action.SHIP, Action.CONTINUE]
    assert result.confidence == pytest.approx(1 - 0.05 / 3)


def test_it_stops_only_when_every_arm_does() -> None:
    rates = {"control": 0.1, "a": 0.05, "b": 0.1}
    going = analyse(_observed(dict.fromkeys(rates, 2_000), converted=rates), Plan(GOAL, planned_units=10**6)).decision
    assert (going.action, len(going.reasons)) == (Action.CONTINUE, 1)
    rates["b"] = 0.05
    ended = analyse(_observed(dict.fromkeys(rates, 2_000), converted=rates), Plan(GOAL, planned_units=10**6)).decision
    assert (ended.action, ended.arm, len(ended.reasons)) == (Action.STOP, None, 2)


def test_an_effect_that_turned_around_is_not_shipped() -> None:
    observed = _observed({"control": 2_000, "warm": 2_000}, converted={"control": 0.1, "warm": 0.2})
    observed.rates["converted"][10:, 1] = observed.rates["converted"][9, 1]
    result = analyse(observed, Plan(GOAL))
    assert result.comparisons[0].verdict is Verdict.CHANGING
    assert result.decision.action is Action.CONTINUE
    assert "changes over time" in result.decision.reasons[0]


def test_means_are_judged_by_their_difference() -> None:
    rng = np.random.default_rng(1)
    units = np.cumsum(np.full((PERIODS, 2), 500.0), axis=0)
    values = rng.exponential(10.0, (PERIODS, 500, 2)) + np.array([0.0, 1.0])
    powers = np.stack([np.cumsum(((values - 10.0) ** power).sum(axis=1), axis=0) for power in (1, 2, 3, 4)])
    looks = tuple(map(str, range(PERIODS)))
    observed = Observations(("control", "warm"), looks, units, {}, {"spend_usd": (powers, 10.0)})
    goal = Metric("spend_usd", Kind.MEAN)
    [better] = analyse(observed, Plan(goal, planned_units=20_000)).comparisons
    assert better.verdict is Verdict.BETTER
    assert better.effect == pytest.approx(1.0, abs=0.4)
    assert better.arm_value == pytest.approx(11.0, abs=0.4)
    [worse] = analyse(observed, Plan(Metric("spend_usd", Kind.MEAN, Better.LOWER), planned_units=20_000)).comparisons
    assert worse.verdict is Verdict.WORSE


def test_the_result_is_json() -> None:
    shown = json.loads(json.dumps(_judge(0.12).as_dict()))
    assert shown["decision"]["action"] == "ship"
    assert shown["sample_ratio"]["is_passed"] is True
    assert {"effect", "low", "high", "at", "units"} == set(shown["comparisons"][0]["looks"][0])
    assert "looks" not in _judge(0.12).as_dict(looks=False)["comparisons"][0]


def test_nothing_converted_is_no_result_and_no_error() -> None:
    observed = _observed({"control": 50, "warm": 50}, converted={"control": 0.0, "warm": 0.0})
    [comparison] = analyse(observed, Plan(GOAL)).comparisons
    assert (comparison.effect, comparison.high, comparison.p_value) == (None, None, 1.0)
    assert comparison.verdict is Verdict.OPEN


def test_a_plan_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="a goal has no margin"):
        Plan(COMPLAINTS)
    with pytest.raises(InvalidRequest, match="a guard-rail needs a margin"):
        Plan(GOAL, (Metric("complained"),))
    with pytest.raises(InvalidRequest, match="each column may be named once"):
        Plan(GOAL, (Metric("converted", margin=0.1),))
    with pytest.raises(InvalidRequest, match="alpha"):
        Plan(GOAL, alpha=0.5)
    with pytest.raises(InvalidRequest, match="margin must be above 0"):
        Metric("complained", margin=1.0)


@pytest.mark.parametrize(
    ("units", "control", "shares", "told"),
    [
        ({"a": 5, "b": 5}, "control", None, "control: no unit"),
        ({"control": 5}, "control", None, "none beside control"),
        ({"control": 5, "a": 5}, "control", {"control": 1}, "each arm needs one"),
        ({"control": 5, "a": 5}, "control", {"control": 1, "a": 0}, "each arm needs one"),
    ],
)
def test_arms_that_do_not_fit_are_refused(
    units: dict[str, int], control: str, shares: dict[str, int] | None, told: str
) -> None:
    observed = _observed(units, converted=dict.fromkeys(units, 0.1))
    with pytest.raises(InvalidRequest, match=told):
        analyse(observed, Plan(GOAL), control=control, shares=shares)
