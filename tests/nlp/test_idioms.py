"""Idioms that become one word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.nlp import idioms
from alphaads_pipelines.schema.tables import EMOTIONS

WORDS = st.sampled_from(
    sorted({word for idiom in idioms._ALL for word in idiom.split()} | {"her", "face", "up!", "it...", "CAN'T"})
)


def _joined(text: str) -> list[str]:
    words = text.split()
    return idioms.join_idioms(words, [word.lower() for word in words])[0]


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("I can't stand her", "I cant_stand her"),
        ("I CAN'T STAND HER", "I cant_stand HER"),
        ("I can not stand it", "I can_not_stand it"),
        ("we can't stand up", "we cant_stand_up"),
        ("so fed up! really", "so fed_up really"),
        ("can't", "can't"),
        ("can't stand can't wait", "cant_stand cant_wait"),
        ("I can't recommend it enough", "I cant_recommend_it_enough"),
        ("nothing here", "nothing here"),
        ("", ""),
    ],
)
def test_the_longest_idiom_becomes_one_word(text: str, joined: str) -> None:
    assert _joined(text) == joined.split()


@pytest.mark.parametrize("idiom", sorted(idioms._ALL))
def test_each_idiom_is_found_with_its_own_valence(idiom: str) -> None:
    [name] = _joined(idiom)
    assert idioms.VALENCE[name] == idioms._ALL[idiom][0]
    assert "'" not in name
    assert -4.0 <= idioms.VALENCE[name] <= 4.0
    assert idioms.EMOTION.get(name) in {None, *EMOTIONS}


@given(st.lists(WORDS, max_size=12))
def test_nothing_is_lost_but_punctuation_inside_an_idiom(words: list[str]) -> None:
    joined, lower = idioms.join_idioms(words, [word.lower() for word in words])
    assert [word.lower() for word in joined] == lower
    letters = "".join(filter(str.isalnum, "".join(words).lower()))
    assert "".join(filter(str.isalnum, "".join(lower))) == letters
