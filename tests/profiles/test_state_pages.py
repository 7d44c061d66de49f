"""A page of a state: rows of integers that grow in any order to the same bytes."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.profiles.count_fields import SENTIMENT_SUM_MILLI, WIDTH
from alphaads_pipelines.profiles.state_pages import PAGE_HOURS, Page

_numbers = st.one_of(st.integers(0, 9), st.sampled_from((32_767, 32_768, 2_000_000)))
_counts = st.lists(_numbers, min_size=WIDTH, max_size=WIDTH)
_topics = st.dictionaries(
    st.sampled_from(("lumora", "pelmo", "n_é")), st.tuples(_numbers, st.integers(-40_000, 40_000))
)
_added = st.tuples(st.integers(0, PAGE_HOURS - 1) | st.integers(0, 3), _counts, _topics)

Added = tuple[int, list[int], dict[str, tuple[int, int]]]


def _page(added: list[Added], page: Page | None = None) -> Page:
    page = page or Page()
    for hour, counts, topics in added:
        page.add_hour(hour, counts)
        if topics:
            page.add_topics(hour, [(name, *topics[name]) for name in sorted(topics)])
    return page


@settings(max_examples=60)
@given(st.lists(_added, max_size=12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_what_is_added_in_any_order_and_in_parts_gives_the_same_bytes(
    added: list[Added], cut: int, dice: random.Random
) -> None:
    whole = _page(added).close()
    shuffled = dice.sample(added, len(added))
    assert bytes(_page(shuffled[cut:], Page.open(_page(shuffled[:cut]).close())).close()) == bytes(whole)


@settings(max_examples=60)
@given(st.lists(_added, max_size=8))
def test_the_hours_are_the_sums_of_what_was_added(added: list[Added]) -> None:
    read = list(Page.open(_page(added).close()).hours())
    assert [hour for hour, _, _ in read] == sorted({hour for hour, _, _ in added})
    for hour, counts, topics in read:
        parts = [each for each in added if each[0] == hour]
        assert counts == [sum(column) for column in zip(*(each[1] for each in parts), strict=True)]
        names = sorted({name for each in parts for name in each[2]})
        assert [name for name, _, _ in topics] == names
        for name, *sums in topics:
            said = [each[2][name] for each in parts if name in each[2]]
            assert sums == [sum(column) for column in zip(*said, strict=True)]


def _swing(milli: int) -> list[int]:
    return [milli if place == SENTIMENT_SUM_MILLI else 0 for place in range(WIDTH)]


def test_a_page_that_needed_wide_integers_for_a_while_has_the_bytes_of_one_that_never_did() -> None:
    page = _page([(7, _swing(40_000), {})])
    assert len(page.close()) > len(_page([(7, _swing(4), {})]).close())
    assert bytes(_page([(7, _swing(-39_996), {})], page).close()) == bytes(_page([(7, _swing(4), {})]).close())


def test_topics_of_an_hour_may_take_any_number_of_bytes() -> None:
    many = {f"name-{number:04}": (1, 0) for number in range(3_000)}
    page = _page([(3, [1] * WIDTH, many), (3, [1] * WIDTH, many), (4, [1] * WIDTH, {"last": (1, 0)})])
    [(_, _, third), (_, _, fourth)] = Page.open(page.close()).hours()
    assert len(third) == 3_000
    assert {mentions for _, mentions, _ in third} == {2}
    assert fourth == [("last", 1, 0)]


@pytest.mark.parametrize("stored", [b"", b"\xc1", msgspec.msgpack.encode([False, b"odd", b""])])
def test_what_is_no_page_is_refused(stored: bytes) -> None:
    with pytest.raises(SchemaMismatch):
        Page.open(msgspec.Raw(stored))
