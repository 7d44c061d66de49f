"""Files of observations: both forms parse alike, looks are spread evenly, errors name line and column."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.observations import MOST_LOOKS, read_observations
from alphaads_pipelines.experiments.result import Kind, Metric

RATE, SPEND = Metric("converted"), Metric("spend_usd", Kind.MEAN)
CSV = "unit,arm,converted,spend_usd\nu1,control,1,2.5\nu2,warm,0,0\nu3,control,0,-1\nu4,warm,1,10\n"


def _json_lines(text: str) -> str:
    head, *rows = (line.split(",") for line in text.splitlines())
    values = [[unit, arm, int(converted), float(spend)] for unit, arm, converted, spend in rows]
    return "\n".join(json.dumps(dict(zip(head, row, strict=True))) for row in values)


@pytest.mark.parametrize(
    "text", [CSV, _json_lines(CSV), "\ufeff" + CSV.replace("\n", "\r\n"), _json_lines(CSV) + "\n\n"]
)
def test_units_are_counted_at_every_look(text: str) -> None:
    seen = read_observations(text, [RATE, SPEND])
    assert seen.arms == ("control", "warm")
    assert seen.looks == ("1 units", "2 units", "3 units", "4 units")
    np.testing.assert_array_equal(seen.units, [[1, 0], [1, 1], [2, 1], [2, 2]])
    np.testing.assert_array_equal(seen.rates["converted"], [[1, 0], [1, 0], [1, 0], [1, 1]])
    control, warm = seen.moments("spend_usd", 0), seen.moments("spend_usd", 1)
    assert (control.mean[-1], warm.mean[-1]) == (pytest.approx(0.75), pytest.approx(5.0))
    assert (control.variance[-1], warm.variance[-1]) == (pytest.approx(np.var([2.5, -1])), pytest.approx(25.0))


def test_counts_by_time_are_the_units_they_count() -> None:
    text = (
        "at,arm,units,converted\n2026-03-01,control,10,2\n2026-03-01,warm,12,3\n"
        "2026-03-02,warm,5,1\n2026-03-03,control,4,0\n"
    )
    seen = read_observations(text, [RATE])
    np.testing.assert_array_equal(seen.units, [[10, 12], [10, 17], [14, 17]])
    np.testing.assert_array_equal(seen.rates["converted"], [[2, 3], [2, 4], [2, 4]])
    assert seen.looks[-1].startswith("2026-03-03")


def test_a_long_file_is_looked_at_a_limited_number_of_times_and_at_its_end() -> None:
    rows = [f"u{number},{'warm' if number % 3 else 'control'},{number % 2}" for number in range(1001)]
    seen = read_observations("unit,arm,converted\n" + "\n".join(rows), [RATE])
    assert seen.units.shape == (MOST_LOOKS, 2)
    assert seen.units[-1].sum() == 1001
    assert seen.rates["converted"][-1].sum() == 500
    assert (np.diff(seen.units.sum(axis=1)) >= 5).all()


def test_an_arm_that_nobody_is_in_still_counts() -> None:
    seen = read_observations(CSV, [RATE], ["control", "warm", "plain"])
    np.testing.assert_array_equal(seen.units[-1], [2, 2, 0])


UNIT_HEAD, TIME_HEAD = "unit,arm,converted\n", "at,arm,units,converted\n"
WRONG = [
    ("", "no observations"),
    (UNIT_HEAD, "no observations"),
    ("a,b\n1,2\n", "line 2: needs the columns unit and arm, or at, arm and units"),
    ("unit,arm\nu1,control\n", "line 2: the column converted is missing"),
    (UNIT_HEAD + "u1,control\n", "line 2: must have as many fields"),
    (UNIT_HEAD + "u1,control,1,1\n", "line 2: must have as many fields"),
    (UNIT_HEAD + 'u1,"control,1\n', "line 2: is no CSV"),
    (UNIT_HEAD + ",control,1\n", "line 2: unit: must not be empty"),
    (UNIT_HEAD + "u1,,1\n", "line 2: arm: must be a name"),
    (UNIT_HEAD + "u1,control,1\nsecret,control,2\n", "line 3: converted: must be 0 or 1"),
    (UNIT_HEAD + "u1,control,1\nu2,control,0\nu1,warm,1\n", "line 4: unit: is there already, on line 2"),
    ('{"unit": "u1", "arm": "control", "converted": 1}\n{"unit"', "line 2: is no JSON object"),
    ('{"unit": "u1", "arm": "control", "converted": 1}\n[1]', "line 2: is no JSON object"),
    ('{"unit": "u1", "arm": "control", "converted": 1}\n{"unit": "u2"}', "line 2: arm: must be a name"),
    ('{"unit": "u1", "arm": "control", "converted": null}', "line 1: converted: must be 0 or 1"),
    (TIME_HEAD + "yesterday,control,1,1\n", "line 2: at: must be an ISO 8601 time"),
    (TIME_HEAD + "2026-03-02,control,1,1\n2026-03-01,control,1,1\n", "line 3: at: must not lie before"),
    (TIME_HEAD + "2026-03-02T00:00Z,control,1,1\n2026-03-03,control,1,1\n", "line 3: at: must be an ISO 8601 time"),
    (TIME_HEAD + "2026-03-02,control,1.5,1\n", "line 2: units: must be a count"),
    (TIME_HEAD + "2026-03-02,control,1,-1\n", "line 2: converted: must be a count"),
    (TIME_HEAD + "2026-03-02,control,1,2\n", "converted: more units converted than there were"),
    (TIME_HEAD + "2026-03-02,control,0,0\n", "no observations"),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[told for _, told in WRONG])
def test_a_wrong_line_is_named_and_no_value_is_shown(text: str, told: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_observations(text, [RATE])
    assert told in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("value", ["nan", "inf", "much", ""])
def test_an_outcome_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match="line 2: spend_usd: must be a number"):
        read_observations(f"unit,arm,spend_usd\nu1,control,{value}\n", [SPEND])


def test_counts_by_time_hold_no_means() -> None:
    with pytest.raises(InvalidRequest, match="a mean needs a row for each unit"):
        read_observations("at,arm,units,spend_usd\n2026-03-02,control,1,1\n", [SPEND])


def test_an_arm_without_a_share_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="line 3: arm: is none of those that have a share"):
        read_observations(CSV, [RATE], ["control"])
