"""Drift: chance never trips it, what was planted always does, and a new model is no drift."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import log
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.nlp.drift import (
    CHANCE,
    LEAST_EXPECTED,
    LEAST_POSTS,
    MATERIAL,
    REFERENCE_DAYS,
    Drift,
    judge,
    newest_hour,
    population_stability_index,
    read_counts,
    threshold,
    together,
)
from alphaads_pipelines.schema.tables import POST_SCORES
from alphaads_pipelines.stores.lake.delta import DeltaLake
from tests.stores.lake.lake_rows import frame

Floats = npt.NDArray[np.float64]

UNTIL = datetime(2026, 11, 24, 14, tzinfo=UTC)
HOURS = [UNTIL - timedelta(hours=each) for each in range(24 * (REFERENCE_DAYS + 1), 0, -1)]
NEWEST_DAY = HOURS[-24:]
MODEL = "neural 1.0.0"
SENTIMENT = {"negative": 0.55, "neutral": 0.35, "positive": 0.10}
EMOTION = {"joy": 0.4, "neutral": 0.3, "anger": 0.12, "sadness": 0.1, "surprise": 0.05, "fear": 0.02, "disgust": 0.01}
SEEDS = range(50)

Shares = Callable[[str, datetime], Sequence[float]]


def _usual(task: str, hour: datetime) -> Sequence[float]:
    """What people say; by night they speak other languages than by day."""
    if task == "language":
        night = 0.3 if hour.hour < 6 else 0.0
        return [0.85 - night, 0.1 + night, 0.05]
    return list((SENTIMENT if task == "sentiment" else EMOTION).values())


LABELS = {"language": ["en", "es", "de"], "sentiment": list(SENTIMENT), "emotion": list(EMOTION)}


def _stream(
    seed: int, sizes: Callable[[np.random.Generator], int], shares: Shares = _usual, model: str = MODEL
) -> pl.DataFrame:
    """Counts of eight days, drawn from `shares`."""
    dice = np.random.default_rng(seed)
    rows = []
    for hour in HOURS:
        posts = sizes(dice)
        for task, labels in LABELS.items():
            drawn = dice.multinomial(posts, np.asarray(shares(task, hour)))
            rows += [(hour, model, task, label, int(n)) for label, n in zip(labels, drawn, strict=True) if n]
    return _counts(rows)


def _counts(rows: Sequence[tuple[datetime, str, str, str, int]]) -> pl.DataFrame:
    schema = {"hour": pl.Datetime("us", "UTC"), "model": pl.String, "task": pl.String, "label": pl.String}
    return pl.DataFrame(rows, schema={**schema, "posts": pl.Int64}, orient="row")


def _any_size(dice: np.random.Generator) -> int:
    return int(np.exp(dice.uniform(log(50), log(50_000))))


def _moved(hours: Sequence[datetime], task: str = "sentiment", points: float = 0.10) -> Shares:
    """Points that move from the first label to the second in these hours, and nothing else."""

    def shares(each_task: str, hour: datetime) -> Sequence[float]:
        first, second, *rest = _usual(each_task, hour)
        move = points if each_task == task and hour in hours else 0.0
        return [first - move, second + move, *rest]

    return shares


def _places(drift: Drift) -> set[tuple[str, datetime | None]]:
    return {(each.task, each.hour) for each in drift.drifted}


def test_an_unchanged_stream_never_trips() -> None:
    judged = 0
    for seed in SEEDS:
        drift = judge(_stream(seed, _any_size), UNTIL)
        assert drift.drifted == (), seed
        judged += len(drift.judged)
    assert judged > 50 * 3 * 22


def test_ten_points_that_move_trip_every_hour_of_5000_posts_and_no_other() -> None:
    hours = NEWEST_DAY[5:8]
    for seed in SEEDS:
        found = _places(judge(_stream(seed, lambda _: 5_000, _moved(hours)), UNTIL))
        assert found == {("sentiment", hour) for hour in hours}, seed


def test_ten_points_that_move_all_day_trip_the_day_of_a_quiet_stream() -> None:
    for seed in SEEDS:
        drift = judge(_stream(seed, lambda dice: int(dice.integers(150, 400)), _moved(NEWEST_DAY)), UNTIL)
        assert ("sentiment", None) in _places(drift), seed
        assert {task for task, _ in _places(drift)} == {"sentiment"}, seed


def test_half_of_an_hour_of_100_posts_that_changes_trips_it() -> None:
    hour = NEWEST_DAY[-1]
    for seed in SEEDS:
        drift = judge(_stream(seed, lambda _: 100, _moved([hour], points=0.5)), UNTIL)
        assert ("sentiment", hour) in _places(drift), seed


def test_what_moved_is_told_with_its_shares() -> None:
    hour = NEWEST_DAY[0]
    rows = [(each, MODEL, "emotion", name, 5_000) for each in HOURS for name in ("joy", "anger") if each != hour]
    rows += [(hour, MODEL, "emotion", "joy", 2_000), (hour, MODEL, "emotion", "anger", 8_000)]
    [found, *_] = judge(_counts(rows), UNTIL).drifted
    assert (found.hour, found.posts, found.model) == (hour, 10_000, MODEL)
    assert found.reference == 7 * 10_000
    assert found.moved == "joy 50.0% → 20.0%"


@pytest.mark.parametrize(("posts", "judged"), [(LEAST_POSTS - 1, False), (LEAST_POSTS, True)])
def test_an_hour_with_too_few_posts_is_not_judged(posts: int, judged: bool) -> None:
    small = NEWEST_DAY[3]
    half = posts - posts // 2
    names = ("negative", "neutral")
    rows = [(hour, MODEL, "sentiment", name, 500) for hour in HOURS for name in names if hour != small]
    rows += [(small, MODEL, "sentiment", "negative", half), (small, MODEL, "sentiment", "neutral", posts // 2)]
    drift = judge(_counts(rows), UNTIL)
    assert (small in {each.hour for each in drift.judged}) == judged
    assert drift.not_judged == (0 if judged else 1)


def test_a_young_stream_has_nothing_to_compare_with() -> None:
    drift = judge(_stream(1, lambda _: 5_000).filter(pl.col("hour") >= NEWEST_DAY[0]), UNTIL)
    assert drift.judged == ()
    assert drift.not_judged == 24 * len(LABELS)


def test_a_new_model_is_told_apart_and_is_no_drift() -> None:
    change = NEWEST_DAY[10]
    old = _stream(1, lambda _: 5_000).filter(pl.col("hour") < change)
    new = _stream(2, lambda _: 5_000, _moved(HOURS, points=0.3), model="neural 2.0.0").filter(pl.col("hour") >= change)
    drift = judge(pl.concat([old, new]), UNTIL)
    assert drift.drifted == ()
    [told] = drift.changes
    assert (told.hour, told.before, told.after) == (change, MODEL, "neural 2.0.0")
    assert {each.model for each in drift.judged} == {MODEL}
    assert drift.not_judged == 14 * len(LABELS), "the new model has nothing to be compared with"


def test_once_the_days_before_are_rescored_the_new_model_is_judged_too() -> None:
    change, drifted = HOURS[24 * 5], NEWEST_DAY[20]
    old = _stream(1, lambda _: 5_000).filter(pl.col("hour") < change)
    new = _stream(2, lambda _: 5_000, _moved([drifted]), model="neural 2.0.0").filter(pl.col("hour") >= change)
    drift = judge(pl.concat([old, new]), UNTIL)
    assert _places(drift) == {("sentiment", drifted)}
    assert {each.model for each in drift.judged} == {"neural 2.0.0"}


def test_in_an_hour_that_two_models_share_each_is_compared_with_itself() -> None:
    shared = NEWEST_DAY[12]
    old, new = (_stream(seed, lambda _: 5_000, model=f"neural {seed}") for seed in (1, 2))
    swapped = new.filter(pl.col("task") == "sentiment").with_columns(
        label=pl.col("label").replace({"negative": "positive", "positive": "negative"})
    )
    hours = (pl.col("hour") == shared) | (pl.col("hour") < NEWEST_DAY[0])
    drift = judge(pl.concat([old, swapped.filter(hours)]), UNTIL)
    assert drift.drifted == ()
    assert {each.model for each in drift.judged if each.hour == shared} == {"neural 1", "neural 2"}


def test_a_task_of_which_the_model_says_nothing_is_left_out() -> None:
    rows = [(hour, MODEL, "emotion", "(none)", 900) for hour in HOURS]
    drift = judge(_counts(rows), UNTIL)
    assert (drift.judged, drift.not_judged) == ((), 0)


def test_answers_that_stop_coming_are_drift() -> None:
    hour = NEWEST_DAY[4]
    rows = [(each, MODEL, "emotion", "joy", 1_500 if each == hour else 1_900) for each in HOURS]
    rows += [(each, MODEL, "emotion", "(none)", 500 if each == hour else 100) for each in HOURS]
    assert ("emotion", hour) in _places(judge(_counts(rows), UNTIL))


counts = st.lists(st.integers(0, 5_000), min_size=2, max_size=9).filter(lambda each: sum(each) > 0)
pairs = st.integers(2, 9).flatmap(
    lambda k: st.tuples(*(st.lists(st.integers(0, 5_000), min_size=k, max_size=k).filter(any) for _ in range(2)))
)


@settings(max_examples=150)
@given(pairs, st.randoms(use_true_random=False))
def test_the_index_is_never_negative_and_knows_neither_direction_nor_order(
    pair: tuple[list[int], list[int]], dice: object
) -> None:
    one, other = (np.array(each, float) for each in pair)
    index = population_stability_index(one, other)
    assert index >= 0
    assert index == pytest.approx(population_stability_index(other, one), abs=1e-12)
    order = np.random.default_rng(len(one)).permutation(len(one))
    assert index == pytest.approx(population_stability_index(one[order], other[order]), abs=1e-12)


@settings(max_examples=60)
@given(counts, st.integers(1, 50))
def test_the_index_of_equal_shares_is_nothing(held: list[int], times: int) -> None:
    one = np.array(held, float)
    assert population_stability_index(one, one) == 0
    assert population_stability_index(one, one * times) == pytest.approx(0, abs=1e-12)


def test_large_samples_have_the_index_of_the_formula() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    expected = float(((p - q) * np.log(p / q)).sum())
    assert population_stability_index(p * 1e7, q * 1e7) == pytest.approx(expected, rel=1e-4)


def test_without_any_change_the_index_is_what_the_literature_says() -> None:
    dice, shares = np.random.default_rng(7), np.array([0.4, 0.3, 0.2, 0.1])
    n, m = 2_000, 6_000
    draws = zip(dice.multinomial(n, shares, 3_000), dice.multinomial(m, shares, 3_000), strict=True)
    mean = np.mean([population_stability_index(one.astype(float), other.astype(float)) for one, other in draws])
    assert mean == pytest.approx(3 * (1 / n + 1 / m), rel=0.06)


def test_the_threshold_is_the_tail_of_chi_square_and_errs_upwards() -> None:
    exact = -2 * log(CHANCE)  # two degrees of freedom have a closed form
    assert exact <= threshold(100, 100, 3) / 0.02 <= 1.12 * exact
    assert threshold(100, 100, 7) / 0.02 == pytest.approx(38.258, rel=0.05)
    assert threshold(50_000, 350_000, 3) == MATERIAL
    assert threshold(100, 700, 3) == threshold(700, 100, 3) > threshold(200, 700, 3)


@settings(max_examples=150)
@given(pairs)
def test_rare_labels_are_counted_together_and_no_post_is_lost(pair: tuple[list[int], list[int]]) -> None:
    one, other = (np.array(each, float) for each in pair)
    names, few, many = together([f"label{place}" for place in range(len(one))], one, other)
    assert len(names) == len(few) == len(many)
    assert few.sum() == one.sum()
    assert many.sum() == other.sum()
    expected = (few + many) * min(one.sum(), other.sum()) / (one.sum() + other.sum())
    assert len(names) == 1 or expected.min() >= LEAST_EXPECTED


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(tmp_path / "lake")


def _score(at: datetime, seq: int = 1, **columns: object) -> dict[str, object]:
    said = {"sentiment": "positive", "language": "en", "model_name": "m", "model_version": "1", "version": 0}
    return {"event_date": at.date(), "created_at": at, "batch_seq": seq, **said, **columns}


def test_counts_are_read_by_hour_model_task_and_label(lake: DeltaLake) -> None:
    first, second = UNTIL - timedelta(hours=2), UNTIL - timedelta(minutes=1)
    rows = [_score(first), _score(first, sentiment=None), _score(second, model_version="2"), _score(first, version=1)]
    rows += [_score(UNTIL), _score(UNTIL - timedelta(days=8, seconds=1))]
    lake.append(POST_SCORES, frame(POST_SCORES, rows))
    found = read_counts(lake, UNTIL).filter(pl.col("task") == "sentiment").sort("hour", "label")
    hour = UNTIL - timedelta(hours=1)
    assert found.rows() == [
        (first, "m 1", "sentiment", "(none)", 1),
        (first, "m 1", "sentiment", "positive", 1),
        (hour, "m 2", "sentiment", "positive", 1),
    ]


def test_only_the_dates_of_the_window_are_read(lake: DeltaLake, tmp_path: Path) -> None:
    old = UNTIL - timedelta(days=30)
    lake.append(POST_SCORES, frame(POST_SCORES, [_score(old)]))
    lake.append(POST_SCORES, frame(POST_SCORES, [_score(UNTIL - timedelta(hours=1), seq=900)]))
    [folder] = (tmp_path / "lake" / "post_scores").glob(f"event_date={old:%Y-%m-%d}")
    shutil.rmtree(folder)
    assert read_counts(lake, UNTIL)["posts"].sum() > 0
    assert newest_hour(lake, 900, UNTIL) == UNTIL


def test_the_day_ends_with_the_newest_post_that_is_not_from_the_future(lake: DeltaLake) -> None:
    assert newest_hour(lake, 1, UNTIL) is None
    times = [UNTIL - timedelta(days=3), UNTIL - timedelta(days=2, minutes=10), UNTIL + timedelta(days=400)]
    lake.append(POST_SCORES, frame(POST_SCORES, [_score(at) for at in times]))
    assert newest_hour(lake, 1, UNTIL) == UNTIL - timedelta(days=2)
