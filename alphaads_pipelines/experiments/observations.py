"""Reads observations of an experiment from JSON lines or CSV.

Rows are in chronological order, in one of two forms:

    unit, arm, OUTCOME ...          a row per unit, even without outcomes; `unit` is any unique text
    at, arm, units, OUTCOME ...     a row per variant and period: new units, conversions

Outcomes of a unit are 0 or 1 for a rate, any number for a mean; the second form has rates only. Errors name line and
column, never a value.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.result import Kind, Metric
from alphaads_pipelines.experiments.sequences import Floats, Moments

MOST_LOOKS = 200
"""More units or periods are sampled evenly, including the last."""

_MOST_ARMS = 50
_object_decoder = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Observations:
    """Cumulative observations at each look.

    Parameters
    ----------
    looks: times, or numbers of units. units: (looks, arms).
    rates: metric -> (looks, arms) converted units.
    means: metric -> (4, looks, arms) sums of powers, centre; see `Moments`.
    """

    arms: tuple[str, ...]
    looks: tuple[str, ...]
    units: Floats
    rates: Mapping[str, Floats]
    means: Mapping[str, tuple[Floats, float]]

    def moments(self, metric: str, arm: int) -> Moments:
        """Moments of a metric in one variant."""
        powers, centre = self.means[metric]
        return Moments(self.units[:, arm], powers[:, :, arm], centre)


@dataclass(slots=True)
class _Table:
    """Parsed columns, with variants as numbers."""

    arms: dict[str, int]
    is_open: bool
    at: list[int] = field(default_factory=list)
    outcomes: list[list[float]] = field(default_factory=list)
    units: list[int] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def arm(self, number: int, row: Mapping[str, Any]) -> int:
        name = row.get("arm")
        if not (isinstance(name, str) and name):
            raise _line_error(number, "arm", "must be a name")
        if name not in self.arms:
            if not self.is_open:
                raise _line_error(number, "arm", "is none of those that have a share")
            if len(self.arms) == _MOST_ARMS:
                raise _line_error(number, "arm", f"there are more than {_MOST_ARMS} of them")
            self.arms[name] = len(self.arms)
        return self.arms[name]


def read_observations(text: str, metrics: Sequence[Metric], arms: Iterable[str] | None = None) -> Observations:
    """Parse a file's text, ignoring other columns. Raises InvalidRequest for invalid or no rows.

    Parameters
    ----------
    arms: all variants, including empty ones; None takes them from the rows.
    """
    table = _Table({name: at for at, name in enumerate(arms or ())}, is_open=arms is None)
    is_counted = None
    for number, row in _rows(text):
        if is_counted is None:
            is_counted = _is_counted(number, row, metrics)
        (_read_period if is_counted else _read_unit)(table, number, row, metrics)
    if is_counted is None:
        raise InvalidRequest("there are no observations")
    return _of_periods(table, metrics) if is_counted else _of_units(table, metrics)


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows with line numbers from 1."""
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
            if line.strip():
                yield number, _json_row(number, line)
        return
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), strict=True)
    last = 1
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InvalidRequest(f"line {reader.line_num}: must have as many fields as the first line")
            yield reader.line_num, row
            last = reader.line_num
    except csv.Error:
        raise InvalidRequest(f"line {last + 1}: is no CSV") from None


def _json_row(number: int, line: str) -> Mapping[str, Any]:
    try:
        return _object_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise InvalidRequest(f"line {number}: is no JSON object") from None


def _is_counted(number: int, row: Mapping[str, Any], metrics: Sequence[Metric]) -> bool:
    is_counted = "unit" not in row
    needed = ["at", "arm", "units"] if is_counted else ["unit", "arm"]
    missing = [name for name in (*needed, *(metric.name for metric in metrics)) if name not in row]
    if is_counted and "units" not in row:
        raise InvalidRequest(f"line {number}: needs the columns unit and arm, or at, arm and units")
    if missing:
        raise InvalidRequest(f"line {number}: the column {missing[0]} is missing")
    for metric in metrics:
        if is_counted and metric.kind is Kind.MEAN:
            raise InvalidRequest(f"{metric.name}: a mean needs a row for each unit, counts by time hold rates only")
    return is_counted


def _read_unit(table: _Table, number: int, row: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
    unit = str(row.get("unit") or "")
    if not unit:
        raise _line_error(number, "unit", "must not be empty")
    if unit in table.seen:
        raise _line_error(number, "unit", f"is there already, on line {table.seen[unit]}; each has one row and one arm")
    table.seen[unit] = number
    table.at.append(table.arm(number, row))
    table.outcomes.append([_outcome(number, row, metric) for metric in metrics])


def _read_period(table: _Table, number: int, row: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
    try:
        time = datetime.fromisoformat(str(row.get("at")))
        is_later = not table.times or table.times[-1] <= time
    except (ValueError, TypeError):
        raise _line_error(number, "at", "must be an ISO 8601 time, all with a time zone or all without") from None
    if not is_later:
        raise _line_error(number, "at", "must not lie before the line above")
    table.times.append(time)
    table.at.append(table.arm(number, row))
    table.units.append(_count(number, row, "units"))
    table.outcomes.append([float(_count(number, row, metric.name)) for metric in metrics])


def _outcome(number: int, row: Mapping[str, Any], metric: Metric) -> float:
    value = _number(row.get(metric.name))
    if metric.kind is Kind.RATE and value not in (0.0, 1.0):
        raise _line_error(number, metric.name, "must be 0 or 1")
    if value is None:
        raise _line_error(number, metric.name, "must be a number")
    return value


def _count(number: int, row: Mapping[str, Any], column: str) -> int:
    value = _number(row.get(column))
    if value is None or value < 0 or value != int(value):
        raise _line_error(number, column, "must be a count, 0 or more")
    return int(value)


def _number(value: Any) -> float | None:
    """Parse a finite number from JSON or text; None otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _line_error(number: int, column: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"line {number}: {column}: {what}")


def _of_units(table: _Table, metrics: Sequence[Metric]) -> Observations:
    rows = len(table.at)
    ends = look_rows(rows)
    block = np.searchsorted(ends, np.arange(rows), side="right")
    cell = block * len(table.arms) + np.array(table.at)

    def so_far(values: Floats | None = None) -> Floats:
        counts = np.bincount(cell, weights=values, minlength=len(ends) * len(table.arms))
        return np.asarray(np.cumsum(counts.reshape(len(ends), -1), axis=0), dtype=np.float64)

    outcomes = np.array(table.outcomes).reshape(rows, -1)
    rates, means = {}, {}
    for at, metric in enumerate(metrics):
        values = outcomes[:, at]
        if metric.kind is Kind.RATE:
            rates[metric.name] = so_far(values)
        else:
            centre = float(values.mean())
            means[metric.name] = (np.stack([so_far((values - centre) ** power) for power in (1, 2, 3, 4)]), centre)
    return Observations(tuple(table.arms), tuple(f"{end} units" for end in ends), so_far(), rates, means)


def _of_periods(table: _Table, metrics: Sequence[Metric]) -> Observations:
    names = sorted(set(table.times))
    period = {time: at for at, time in enumerate(names)}
    shape = (len(names), len(table.arms))
    cell = ([period[time] for time in table.times], table.at)
    sampled = look_rows(len(names)) - 1

    def so_far(values: Sequence[float]) -> Floats:
        counts = np.zeros(shape)
        np.add.at(counts, cell, values)
        return np.asarray(np.cumsum(counts, axis=0)[sampled])

    units = so_far(table.units)
    rates = {metric.name: so_far([row[at] for row in table.outcomes]) for at, metric in enumerate(metrics)}
    for name, converted in rates.items():
        if (converted > units).any():
            raise InvalidRequest(f"{name}: more units converted than there were; a unit converts once")
    if not units[-1].sum():
        raise InvalidRequest("there are no observations")
    return Observations(tuple(table.arms), tuple(names[at].isoformat() for at in sampled), units, rates, {})


def look_rows(rows: int) -> NDArray[np.int64]:
    """(looks,) Row counts at which to look: all, or MOST_LOOKS evenly, including the last."""
    return np.unique(np.linspace(0, rows, min(rows, MOST_LOOKS) + 1)[1:].round().astype(np.int64))
