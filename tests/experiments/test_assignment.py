"""Assignment: uniform, sticky, independent across experiments; changed shares move as few units as possible."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.experiments.assignment import SLOTS, Allocation, Assigner, Experiment, Run

SALT = bytes(range(32))
HALVES = Allocation().with_shares({"control": 5000, "warm": 5000})
UNITS = [f"unit-{number}" for number in range(12_000)]

ARMS = st.sampled_from(["control", "a", "b", "c"])
SHARES = st.dictionaries(ARMS, st.integers(0, SLOTS // 4))


def _experiment(name: str, layer: str, slots: range = range(SLOTS), allocation: Allocation = HALVES) -> Experiment:
    return Experiment(name, layer, slots.start, slots.stop, allocation)


def test_arms_get_the_shares_they_were_given() -> None:
    shares = {"control": 5000, "warm": 2000, "plain": 1000}
    assigner = Assigner(SALT, [_experiment("e", "texts", allocation=Allocation().with_shares(shares))])
    arms = [assigner.arm("e", unit) for unit in UNITS]
    expected = {**shares, None: 2000}
    counts = [arms.count(arm) for arm in expected]
    assert chisquare(counts, [len(UNITS) * share / SLOTS for share in expected.values()]).pvalue > 0.001


def test_two_experiments_of_different_layers_are_independent() -> None:
    assigner = Assigner(SALT, [_experiment("e1", "texts"), _experiment("e2", "images")])
    table = {(one, two): 0 for one in HALVES.shares for two in HALVES.shares}
    for unit in UNITS:
        arms = assigner.arms(unit)
        table[arms["e1"], arms["e2"]] += 1
    counts = [[table[one, two] for two in HALVES.shares] for one in HALVES.shares]
    assert chi2_contingency(counts).pvalue > 0.001


def test_experiments_of_one_layer_exclude_one_another() -> None:
    assigner = Assigner(SALT, [_experiment("e1", "texts", range(4000)), _experiment("e2", "texts", range(4000, SLOTS))])
    taking_part = [set(assigner.arms(unit)) for unit in UNITS]
    assert all(len(experiments) == 1 for experiments in taking_part)
    first = sum(experiments == {"e1"} for experiments in taking_part)
    assert chisquare([first, len(UNITS) - first], [0.4 * len(UNITS), 0.6 * len(UNITS)]).pvalue > 0.001


def test_a_later_experiment_of_the_same_slots_shuffles_units_anew() -> None:
    arms = [Assigner(SALT, [_experiment(name, "texts")]).arms(unit)[name] for unit in UNITS for name in ("e1", "e2")]
    counts = [[0, 0], [0, 0]]
    for first, second in zip(arms[::2], arms[1::2], strict=True):
        counts[first == "warm"][second == "warm"] += 1
    assert chi2_contingency(counts).pvalue > 0.001


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=20))
def test_a_unit_keeps_its_arm_whatever_else_runs(unit: str) -> None:
    alone = Assigner(SALT, [_experiment("e1", "texts")])
    beside = Assigner(SALT, [_experiment("e2", "images"), _experiment("e1", "texts")])
    assert alone.arm("e1", unit) == beside.arm("e1", unit) == alone.arm("e1", unit)


def test_the_hash_is_the_documented_one() -> None:
    """Regression values: a changed hash would reassign all units."""
    assigner = Assigner(SALT, [_experiment("e", "texts")], holdout=500)
    assert [assigner.arm("e", f"unit-{number}") for number in range(6)] == [
        None,
        "warm",
        "control",
        "control",
        "control",
        "warm",
    ]
    other = Assigner(bytes(16), [_experiment("e", "texts")])
    assert [assigner.arm("e", unit) for unit in UNITS[:50]] != [other.arm("e", unit) for unit in UNITS[:50]]


def test_the_holdout_is_the_same_people_for_every_experiment_and_only_grows() -> None:
    small = Assigner(SALT, [_experiment("e1", "texts"), _experiment("e2", "images")], holdout=500)
    large = Assigner(SALT, holdout=1000)
    held = {unit for unit in UNITS if small.is_held_out(unit)}
    assert chisquare([len(held), len(UNITS) - len(held)], [0.05 * len(UNITS), 0.95 * len(UNITS)]).pvalue > 0.001
    assert all((small.arms(unit) == {}) == (unit in held) for unit in UNITS)
    assert held < {unit for unit in UNITS if large.is_held_out(unit)}


def _owners(allocation: Allocation) -> list[str | None]:
    return [allocation.arm(slot) for slot in range(0, SLOTS)]


@settings(max_examples=25, deadline=None)
@given(SHARES, SHARES)
def test_a_change_of_shares_moves_no_more_slots_than_it_must(before: dict[str, int], after: dict[str, int]) -> None:
    old = Allocation().with_shares(before)
    new = old.with_shares(after)
    assert new.shares == {arm: share for arm, share in after.items() if share}
    growth = sum(max(0, share - before.get(arm, 0)) for arm, share in after.items())
    shrinkage = sum(max(0, share - after.get(arm, 0)) for arm, share in before.items())
    pairs = [(one, two) for one, two in zip(_owners(old), _owners(new), strict=True) if one != two]
    between = sum(one is not None and two is not None for one, two in pairs)
    free = SLOTS - sum(before.values())
    assert between == max(0, growth - free), "an arm's slot goes to another arm only when no free one is left"
    assert len(pairs) == growth + shrinkage - between
    assert old.with_shares(before) == old


def test_a_ramp_up_moves_nobody_from_an_arm() -> None:
    allocation = Allocation()
    placed: dict[int, str] = {}
    for share in (100, 1000, 2500, 5000):
        allocation = allocation.with_shares({"control": share, "warm": share})
        assert all(allocation.arm(slot) == arm for slot, arm in placed.items())
        placed = {slot: arm for slot, arm in enumerate(_owners(allocation)) if arm}
    assert len(placed) == SLOTS


@pytest.mark.parametrize("shares", [{"a": -1}, {"a": 5000, "b": 5001}])
def test_shares_that_cannot_be_are_refused(shares: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="ten-thousandths"):
        Allocation().with_shares(shares)


@pytest.mark.parametrize("runs", [(Run("a", 0, 10), Run("b", 9, 20)), (Run("a", 0, SLOTS + 1),), (Run("", 0, 1),)])
def test_a_stored_allocation_that_overlaps_or_overflows_is_refused(runs: tuple[Run, ...]) -> None:
    with pytest.raises(InvalidRequest, match="runs must be in order"):
        Allocation(runs)


def test_what_cannot_be_told_apart_is_refused() -> None:
    overlapping = [_experiment("e1", "texts", range(5001)), _experiment("e2", "texts", range(5000, SLOTS))]
    with pytest.raises(InvalidRequest, match="e1 and e2 claim the same slots"):
        Assigner(SALT, overlapping)
    with pytest.raises(InvalidRequest, match="there twice"):
        Assigner(SALT, [_experiment("e1", "texts"), _experiment("e1", "images")])
    with pytest.raises(InvalidRequest, match="salt"):
        Assigner(b"short")
    with pytest.raises(InvalidRequest, match="holdout"):
        Assigner(SALT, holdout=SLOTS + 1)
    with pytest.raises(InvalidRequest, match="needs an id"):
        _experiment("", "texts")
    with pytest.raises(InvalidRequest, match="range within"):
        _experiment("e", "texts", range(5, 5))
    with pytest.raises(NotFound):
        Assigner(SALT).arm("e1", "unit")
