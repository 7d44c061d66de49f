"""From tags of pieces to entities in the post."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.nlp.artifact import SHIPPED, TOKENIZER
from alphaads_pipelines.nlp.base import Entity
from alphaads_pipelines.nlp.entity_decoding import entities_of
from alphaads_pipelines.nlp.heads import TAGS
from alphaads_pipelines.nlp.normalisation import normalise
from alphaads_pipelines.nlp.tokenisation import Window, WordPieces
from tests.nlp.texts import TEXTS

PIECES = WordPieces(SHIPPED / TOKENIZER)


def _entities(text: str, *tags: str) -> list[tuple[str, str]]:
    """(type, text) of what the tags of a text's words say; each word is one piece."""
    normal = normalise(text)
    offsets = [(match.start(), match.end()) for match in re.finditer(r"\S+", normal.text)]
    window = Window(0, [0] * len(tags), [0] * len(tags), offsets, [True] * len(tags))
    found = entities_of(text, normal, window, tags)
    assert all(text[each.start : each.end] == each.text for each in found)
    return [(each.type, each.text) for each in found]


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("O O O O", []),
        ("B-PER O O O", [("PER", "Ada")]),
        ("B-PER I-PER O O", [("PER", "Ada Lovelace")]),
        ("B-PER I-PER I-PER I-PER", [("PER", "Ada Lovelace Acme Paris")]),
        ("B-PER B-PER O O", [("PER", "Ada"), ("PER", "Lovelace")]),
        ("B-PER I-PER B-ORG B-LOC", [("PER", "Ada Lovelace"), ("ORG", "Acme"), ("LOC", "Paris")]),
        ("O O O B-LOC", [("LOC", "Paris")]),
        ("I-PER I-PER O O", [("PER", "Ada Lovelace")]),
        ("B-PER I-ORG I-ORG O", [("PER", "Ada"), ("ORG", "Lovelace Acme")]),
        ("B-PER O I-PER O", [("PER", "Ada"), ("PER", "Acme")]),
    ],
)
def test_tags_of_words(tags: str, said: list[tuple[str, str]]) -> None:
    assert _entities("Ada Lovelace Acme Paris", *tags.split()) == said


def test_the_first_piece_of_a_word_decides_for_the_word() -> None:
    text = "so Qzxwvia went"
    [normal], [window] = PIECES.windows([text])
    inside = [start >= 3 and end <= 10 for start, end in window.offsets]
    assert sum(inside) > 1
    first = inside.index(True)
    only_the_first = ["B-ORG" if at == first else "O" for at in range(len(inside))]
    all_but_the_first = ["B-ORG" if each and at != first else "O" for at, each in enumerate(inside)]
    assert entities_of(text, normal, window, only_the_first) == [Entity("Qzxwvia", "ORG", 3, 10)]
    assert entities_of(text, normal, window, all_but_the_first) == []


@pytest.mark.parametrize(
    ("text", "tags", "said"),
    [
        ("#NewYork now", "O B-LOC I-LOC O", [("LOC", "NewYork")]),
        ("#NewYork_ Paris", "O O O B-LOC", [("LOC", "Paris")]),
        ("🎉 AT&amp;T rocks", "O B-ORG O", [("ORG", "AT&amp;T")]),
        ("see https://t.co/x Acme", "O B-ORG", [("ORG", "Acme")]),
        ("Ac\u200bme rocks", "B-ORG O", [("ORG", "Ac\u200bme")]),
        ("Gooooogle rocks", "B-ORG O", [("ORG", "Gooooogle")]),
        ("Macy’s rocks", "B-ORG O", [("ORG", "Macy’s")]),
    ],
)
def test_entities_are_told_in_the_characters_of_the_post(text: str, tags: str, said: list[tuple[str, str]]) -> None:
    assert _entities(text, *tags.split()) == said


@pytest.mark.parametrize(
    ("text", "tags"),
    [("hi @ada", "O B-PER"), ("Ada @lovelace", "B-PER I-PER"), ("! ?", "B-ORG I-ORG"), ("😡", "B-ORG")],
)
def test_a_mention_or_a_sign_is_no_entity(text: str, tags: str) -> None:
    assert _entities(text, *tags.split()) == []


@settings(max_examples=100)
@given(TEXTS, st.integers(0, 2**32))
def test_any_tags_of_any_text_give_entities_that_are_in_it(text: str, seed: int) -> None:
    chance = random.Random(seed)
    normal, windows = PIECES.windows([text])
    for window in windows:
        for each in entities_of(text, normal[0], window, chance.choices(TAGS, k=len(window.ids))):
            assert text[each.start : each.end] == each.text
            assert each.text
