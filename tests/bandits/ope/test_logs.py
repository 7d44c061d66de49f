"""A log is checked once, when it is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.errors import InvalidRequest
from tests.bandits.ope.small_logs import small_log


def _with(column: Any, at: int, value: float) -> Any:
    changed = column.copy()
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("propensities", 0.0, "propensities: record 2 must be above 0 and at most 1"),
        ("propensities", -0.1, "propensities: record 2"),
        ("propensities", 1.001, "propensities: record 2"),
        ("propensities", np.nan, "propensities: record 2"),
        ("rewards", 1.5, "rewards: record 2 must be from 0 to 1"),
        ("rewards", np.nan, "rewards: record 2"),
        ("chosen", 3, "chosen: record 2 is no arm"),
        ("chosen", -1, "chosen: record 2 is no arm"),
        ("contexts", np.inf, "contexts: record 2 must be finite"),
    ],
)
def test_what_cannot_be_is_refused_with_its_record(column: str, value: float, told: str) -> None:
    log = small_log()
    with pytest.raises(InvalidRequest, match=told):
        small_log(**{column: _with(getattr(log, column), 2, value)})


@pytest.mark.parametrize("column", ["propensities", "rewards", "contexts", "positions"])
def test_columns_of_different_lengths_are_refused(column: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{column}: shape"):
        small_log(**{column: getattr(small_log(), column)[1:]})


def test_an_arm_that_was_drawn_has_to_be_eligible() -> None:
    eligible = np.ones((4, 3), dtype=bool)
    eligible[1, 2] = False
    assert small_log(eligible=eligible).take(np.array([1])).eligible is not None
    eligible[1, 1] = False
    with pytest.raises(InvalidRequest, match="record 1 lacks the arm"):
        small_log(eligible=eligible)


def test_rewards_may_have_another_range() -> None:
    log = small_log(rewards=np.array([-2.0, 0.0, 3.0, 1.0]), reward_range=(-2.0, 3.0))
    assert log.take(slice(1, 3)).reward_range == (-2.0, 3.0)
    assert log.take(slice(1, 3)).rewards.tolist() == [0.0, 3.0]
