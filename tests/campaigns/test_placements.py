"""Lengths as the platforms count them."""

from __future__ import annotations

import pytest

from alphaads_pipelines.campaigns.placements import GOOGLE_SEARCH, LIMITS, META_FEED, width


@pytest.mark.parametrize(("text", "wide"), [("tea", 3), ("お茶", 4), ("ｔｅａ", 6), ("café", 4), ("", 0)])
def test_double_width_characters_count_two(text: str, wide: int) -> None:
    assert width(text) == wide


@pytest.mark.parametrize(("placement", "headline", "body"), [(GOOGLE_SEARCH, 30, 90), (META_FEED, 40, 125)])
def test_the_longest_texts_fit_and_one_character_more_does_not(placement: str, headline: int, body: int) -> None:
    limit = LIMITS[placement]
    assert not limit.exceeded("x" * headline, "y" * body)
    assert limit.exceeded("x" * (headline + 1), "y")
    assert limit.exceeded("x", "y" * (body + 1))


def test_only_google_counts_double_width_and_refuses() -> None:
    assert LIMITS[GOOGLE_SEARCH].exceeded("茶" * 16, "")
    assert not LIMITS[META_FEED].exceeded("茶" * 40, "")
    assert [LIMITS[each].is_hard for each in (GOOGLE_SEARCH, META_FEED)] == [True, False]
