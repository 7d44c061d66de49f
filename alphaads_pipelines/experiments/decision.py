"""The rule that ships, stops or continues.

A variant ships when its goal is better and all guard-rails hold. It stops when its goal is worse, a guard-rail is
breached or the planned units are used up. Intervals hold at every look, so the rule may run after every unit. A variant
that is no better ships with probability at most alpha for any number of guard-rails, as all must hold; a false breach
has probability at most alpha per guard-rail.
"""

from __future__ import annotations

from collections.abc import Sequence

from alphaads_pipelines.experiments.result import Action, Comparison, Decision, Kind, Verdict
from alphaads_pipelines.experiments.sample_ratio import SampleRatio


def goal_verdict(gain_low: float, gain_high: float) -> Verdict:
    """Classify the goal's interval of gains, where more is better."""
    if gain_low > gain_high:
        return Verdict.CHANGING
    if gain_low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if gain_high < 0 else Verdict.OPEN


def guard_rail_verdict(gain_low: float, gain_high: float, margin: float) -> Verdict:
    """Classify a guard-rail's interval: passed if all above -margin, breached if all below."""
    if gain_low > gain_high:
        return Verdict.CHANGING
    if gain_low > -margin:
        return Verdict.PASSED
    return Verdict.BREACHED if gain_high < -margin else Verdict.OPEN


def decide_arm(comparisons: Sequence[Comparison], *, is_used_up: bool) -> Decision:
    """Decide on a variant by its comparisons, goal first; `is_used_up` means all planned units are in."""
    goal, *guard_rails = comparisons
    breached = [each for each in guard_rails if each.verdict is Verdict.BREACHED]
    if breached:
        return Decision(Action.STOP, goal.arm, tuple(f"{_described(each)}: worse than its margin" for each in breached))
    if goal.verdict is Verdict.WORSE:
        return Decision(Action.STOP, goal.arm, (f"{_described(goal)}: worse than control",))
    waiting = tuple(_open_reason(each) for each in comparisons if each.verdict in (Verdict.OPEN, Verdict.CHANGING))
    if not waiting:
        passed = tuple(f"{_described(each)}: within its margin" for each in guard_rails)
        return Decision(Action.SHIP, goal.arm, (f"{_described(goal)}: better than control", *passed))
    if is_used_up:
        return Decision(Action.STOP, goal.arm, ("the planned units are used up", *waiting))
    return Decision(Action.CONTINUE, goal.arm, waiting)


def decide(by_arm: Sequence[Decision], gains: Sequence[float], sample_ratio: SampleRatio) -> Decision:
    """Decide on the experiment.

    Parameters
    ----------
    by_arm: decisions on all variants but control.
    gains: lower bounds of their gains in the goal; of those ready to ship, the highest wins.
    """
    if not sample_ratio.is_passed:
        why = f"units are not split as planned (p = {sample_ratio.p_value:.2g}): find out why and start anew"
        return Decision(Action.STOP, None, (why,))
    ready = [(gain, each) for gain, each in zip(gains, by_arm, strict=True) if each.action is Action.SHIP]
    if ready:
        return max(ready, key=lambda pair: pair[0])[1]
    going = [each for each in by_arm if each.action is Action.CONTINUE]
    action, of = (Action.CONTINUE, going) if going else (Action.STOP, by_arm)
    return Decision(action, None, tuple(f"{each.arm}: {reason}" for each in of for reason in each.reasons))


def _open_reason(comparison: Comparison) -> str:
    if comparison.verdict is Verdict.CHANGING:
        return f"{comparison.metric}: its effect changes over time, its intervals contradict each other"
    if comparison.margin is None:
        return f"{_described(comparison)}: not yet told from no effect"
    return f"{_described(comparison)}: not yet known to be within its margin"


def _described(comparison: Comparison) -> str:
    bounds = [_number(bound, comparison.kind) for bound in (comparison.low, comparison.high)]
    return f"{comparison.metric} {bounds[0]} to {bounds[1]}"


def _number(value: float | None, kind: Kind) -> str:
    if value is None:
        return "?"
    return f"{value:+.1%}" if kind is Kind.RATE else f"{value:+.4g}"
