"""Values that every network has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.errors import RejectedPayload
from alphaads_pipelines.platforms import fields

MOMENT = datetime(2026, 10, 5, 7, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-05T07:06:30Z",
        "2026-10-05t07:06:30z",
        "2026-10-05 07:06:30+00:00",
        "2026-10-05T07:06:30.000Z",
        "2026-10-05T07:06:30.000000000Z",
        "2026-10-05T09:06:30+02:00",
        "2026-10-05T01:36:30-05:30",
    ],
)
def test_rfc3339_as_utc(text: str) -> None:
    assert fields.rfc3339(text) == MOMENT
    assert fields.rfc3339(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "2026-10-05", "2026-10-05T07:06:30", "20261005T070630Z", "2026-13-05T07:06:30Z", "2026-10-05T25:06:30Z",
     "1999-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "2101-01-01T00:30:00+00:00", "0001-01-01T00:00:00+23:59",
     "٢٠٢٦-10-05T07:06:30Z", "2026-10-05T07:06:30Z\n", "2026-W41-1T07:06:30Z", "2026-10-05T07:06:30+99:99"],
)  # fmt: skip
def test_what_is_no_rfc3339_time_is_rejected(text: str) -> None:
    with pytest.raises(RejectedPayload) as caught:
        fields.rfc3339(text)
    assert caught.value.reason == "bad_timestamp"


def test_an_offset_may_carry_a_time_over_the_edge() -> None:
    assert fields.rfc3339("1999-12-31T23:59:59-00:01").year == 2000


@pytest.mark.parametrize("number", [1791183990, 1791183990.0, 1791183990000])
def test_epoch_seconds_and_milliseconds(number: float) -> None:
    assert fields.epoch(number) == MOMENT


@pytest.mark.parametrize("number", [0, -1, 946684799, 4133980800, 10**15, 10**30, float("nan"), float("inf"), -1e300])
def test_an_epoch_outside_the_years_is_rejected(number: float) -> None:
    with pytest.raises(RejectedPayload):
        fields.epoch(number)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC)))
def test_every_time_survives_its_three_forms(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert fields.rfc3339(moment.isoformat()) == moment
    if moment.year > 2000:
        assert fields.epoch(round(moment.timestamp() * 1000)) == moment
        assert abs((fields.epoch(moment.timestamp()) - moment).total_seconds()) < 1e-5


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", "7"), (" 7 ", "7"), (7, "7"), (0, "0"), (7.0, "7"), ("", None), ("  ", None), (None, None), (True, None),
     (7.5, None), (2.0**60, None), (float("nan"), None), ([], None), ({}, None), ("a\ud800", "a\ufffd")],
)  # fmt: skip
def test_identifiers(value: object, expected: str | None) -> None:
    assert fields.identifier(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", "plain"), ("é😀", "é😀"), ("a\0b", "a\ufffdb"), ("\ud83d\ude00", "😀"), ("x\ud83d", "x\ufffd"),
     ("\ude00é", "\ufffdé")],
)  # fmt: skip
def test_clean(text: str, expected: str) -> None:
    assert fields.clean(text) == expected


@given(st.text(alphabet=st.characters()))
def test_clean_text_can_be_stored_anywhere(text: str) -> None:
    cleaned = fields.clean(text)
    assert "\0" not in cleaned
    cleaned.encode()
    assert fields.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("value", "reason"), [(None, "missing_text"), (5, "bad_type"), ([], "bad_type"), ("x" * 100_001, "text_too_long")]
)
def test_texts_that_are_rejected(value: object, reason: str) -> None:
    with pytest.raises(RejectedPayload) as caught:
        fields.post_text(value)
    assert caught.value.reason == reason


def test_the_longest_and_the_shortest_text_are_accepted() -> None:
    assert fields.post_text("") == ""
    assert len(fields.post_text("x" * 100_000)) == 100_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [("en", "en"), ("EN", "en"), ("pt-BR", "pt"), ("zh_CN", "zh"), ("in", "id"), ("iw", "he"), ("und", None),
     ("zxx", None), ("ckb", None), ("", None), ("e", None), ("日本", None), (None, None), (5, None)],
)  # fmt: skip
def test_languages(value: object, expected: str | None) -> None:
    assert fields.language(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("1", None), (2**63, None)]
)
def test_counts(value: object, expected: int | None) -> None:
    assert fields.count(value) == expected


def test_hashtags_are_distinct_and_bare() -> None:
    assert fields.hashtags(["#Joy", "joy", " ＃Tea ", "", "#", 5, None, "Über"]) == ("joy", "tea", "über")
