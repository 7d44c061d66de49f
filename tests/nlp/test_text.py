"""Texts made ready to be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from alphaads_pipelines.nlp.text import LONGEST, readable
from tests.nlp.texts import TEXTS, every_emoji


@pytest.mark.parametrize(
    ("text", "words", "emoji"),
    [
        ("plain words!", "plain words!", ""),
        ("so good https://t.co/abc", "so good  ", ""),
        ("see www.good.com/now and WWW.bad.com", "see   and  ", ""),
        ("thanks @great_service", "thanks  ", ""),
        ("thanks ＠great", "thanks  ", ""),
        ("tom &amp; jerry &lt;3", "tom & jerry <3", ""),
        ("bad &#128545;", "bad  ", "😡"),
        ("don’t", "don't", ""),
        ("I ❤️ it", "I   it", "❤"),
        ("👩‍❤️‍👨", " ", "👩❤👨"),
        ("ha\u200bte ha\u200dte ha\ufe0fte ha\xadte h\u034fate", "hate hate hate hate hate", ""),
        ("\u202eevol\u202c", "evol", ""),
        ("a\x00b\nc\x85d\u2028e", "a b c d e", ""),
        ("half \ud83d", "half \ud83d", ""),
        ("&#" + "9" * 5_000 + ";", " ;", ""),
        ("1️⃣", "1 ", "⃣"),
    ],
)
def test_what_is_read(text: str, words: str, emoji: str) -> None:
    assert readable(text) == (words, emoji)


def test_the_rest_of_a_huge_text_is_cut_off() -> None:
    words, _ = readable("a" * LONGEST + "b")
    assert words == "a" * LONGEST


def test_no_part_of_an_emoji_is_taken_for_a_word(shared_data: Path) -> None:
    for emoji in every_emoji(shared_data):
        words, pictures = readable(emoji)
        assert words.strip() in {"", *"0123456789#*©®"}, emoji
        assert pictures or words.strip(), emoji


@given(TEXTS)
def test_any_text_can_be_made_ready_twice(text: str) -> None:
    words, pictures = readable(text)
    assert len(words) <= LONGEST
    assert "@" not in pictures
