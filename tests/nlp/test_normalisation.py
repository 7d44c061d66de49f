"""Posts as the models read them, and the way back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.nlp.emoji import PICTURES
from alphaads_pipelines.nlp.normalisation import MENTION, Normal, normalise
from alphaads_pipelines.nlp.text import LONGEST
from tests.nlp.texts import AWKWARD, TEXTS, every_emoji

WORDS = st.lists(st.sampled_from("I can't stand the new phone of Acme, it is 20 % worse!".split()), min_size=1)

PATHOLOGICAL = [
    *("&" * 10_000, "#" * 10_000, "aA1_" * 2_500, "#" + "1" * 9_999, "#" + "_" * 9_999, "#1" * 5_000, "#_" * 5_000),
    *("@" * 10_000, "@a" * 5_000, "&#" * 5_000, "&" + "a" * 9_999, "&lt;" * 2_500, "&#128545;" * 1_111),
    *("\u200d" * 10_000, "👩\u200d" * 5_000, "👩‍👩‍👧‍👦" * 1_428, "http:/" * 1_666, "w" * 10_000, "aab" * 3_333),
]


def _words(text: str) -> str:
    """A normalised text with one space at most in a row."""
    return " ".join(normalise(text).text.split())


def _in_post(text: str, part: str) -> str:
    """The characters of a post that became `part`."""
    normal = normalise(text)
    start = normal.text.index(part)
    first, last = normal.span_in_post(start, start + len(part))
    return text[first:last]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("plain words, twice!", "plain words, twice!"),
        ("thanks @great_service!", f"thanks {MENTION} !"),
        ("thanks ＠great", f"thanks {MENTION}"),
        ("mail me@home.example", "mail me@home.example"),
        ("@", "@"),
        ("see https://t.co/abc?x=1#y now", "see now"),
        ("see WWW.bad.com", "see"),
        ("#GoodMorning all", "# Good Morning all"),
        ("#good_morning", "# good morning"),
        ("#MakeUSAGreat2020", "# Make USA Great 2020"),
        ("＃love", "# love".replace("#", "＃")),
        ("we are #1", "we are #1"),
        ("I ❤️ it", "I ❤ it"),
        ("great😡", "great 😡"),
        ("👩‍❤️‍👨", "👩 ❤ 👨"),
        ("👍🏽", "👍 🏽"),
        ("🇺🇸", "🇺 🇸"),
        ("1️⃣", "1 ⃣"),
        ("sooooo goooood", "soo good"),
        ("SOooOO", "SOo"),
        ("what?????? no.....", "what??? no..."),
        ("1000000", "1000000"),
        ("tom &amp; jerry &lt;3", "tom & jerry <3"),
        ("bad&#128545;bad", "bad 😡 bad"),
        ("&#x1F621;", "😡"),
        ("&nosuch; &#99999999999; &", "&nosuch; &#99999999999; &"),
        ("don’t ‘quote’", "don't 'quote'"),
        ("ha\u200bte ha\u200dte ha\ufe0fte ha\xadte h\u034fate", "hate hate hate hate hate"),
        ("\u202eevol\u202c \u2066a\u2069", "evol a"),
        ("a\x00b\nc\x85d\u2028e\tf", "a b c d e f"),
        ("half \ud83d of", "half of"),
        ("", ""),
        (" \n\t ", ""),
        ("\u200b\ufeff", ""),
    ],
)
def test_what_is_read(text: str, read: str) -> None:
    assert _words(text) == read


@pytest.mark.parametrize(
    ("text", "part", "was"),
    [
        ("so #GoodMorning all", "Good", "Good"),
        ("so #GoodMorning all", "Morning", "Morning"),
        ("so #GoodMorning all", "Good  Morning", "GoodMorning"),
        ("#good__morning__ Ada", "morning", "morning"),
        ("#good__morning__ Ada", "Ada", "Ada"),
        ("#__ #__a__ Ada #b_ Bob", "Bob", "Bob"),
        ("#ÉcoleNormale", "Normale", "Normale"),
        ("hi @ada, meet Bob", "Bob", "Bob"),
        ("hi @ada, meet Bob", MENTION, "@ada"),
        ("https://t.co/abc Acme", "Acme", "Acme"),
        ("🎉🎉 Acme 👍🏽", "Acme", "Acme"),
        ("🎉🎉 Acme 👍🏽", "🎉  🎉", "🎉🎉"),
        ("AT&amp;T rocks", "AT&T", "AT&amp;T"),
        ("AT&amp;T rocks", "rocks", "rocks"),
        ("gooooood Acme", "good", "gooooood"),
        ("gooooood Acme", "Acme", "Acme"),
        ("Ac\u200bme is", "Acme", "Ac\u200bme"),
        ("Ac\u200bme is", "is", "is"),
        ("Macy’s sale", "Macy's", "Macy’s"),
        ("&#128545;Acme", "Acme", "Acme"),
        ("\ud83d Acme", "Acme", "Acme"),
    ],
)
def test_each_word_finds_its_own_place_in_the_post(text: str, part: str, was: str) -> None:
    assert _in_post(text, part) == was


@given(TEXTS)
def test_any_string_is_read_and_every_span_lies_in_the_post_in_order(text: str) -> None:
    normal = normalise(text)
    places = [normal.span_in_post(at, at + 1) for at in range(len(normal.text))]
    for start, end in places:
        assert 0 <= start <= end <= len(text)
    assert places == sorted(places)
    assert [start for _, start in places] == sorted(start for _, start in places)


@given(TEXTS)
def test_what_was_not_replaced_is_where_it_says(text: str) -> None:
    normal = normalise(text)
    replaced = {at for start, end, _, _ in normal.edits for at in range(start, end)}
    for at, character in enumerate(normal.text):
        if at not in replaced:
            start, end = normal.span_in_post(at, at + 1)
            assert text[start:end] == character


@given(TEXTS)
def test_nothing_is_left_that_cannot_be_seen_or_encoded(text: str) -> None:
    read = normalise(text).text
    read.encode()
    if "&" not in text:
        assert not re.search("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\ufe0f\ufeff]", read)
        assert not re.search(r"https?://\S", read)


@given(WORDS)
def test_ordinary_words_are_read_as_they_stand(words: list[str]) -> None:
    text = " ".join(words)
    assert normalise(text) == Normal(text, [])
    assert normalise(text).span_in_post(0, len(text)) == (0, len(text))


@given(WORDS, st.sampled_from(["@someone", "https://t.co/x", "#GoodMorning_", "🎉", "👩🏽‍🚀", "&amp;", "sooooo", "’"]))
def test_a_word_keeps_its_place_behind_anything_replaced(words: list[str], before: str) -> None:
    text = " ".join([before, *words, "Qzx"])
    assert _in_post(text, "Qzx") == "Qzx"
    assert normalise(text).span_in_post(*_span(normalise(text).text, "Qzx")) == _span(text, "Qzx")


def _span(text: str, part: str) -> tuple[int, int]:
    return text.index(part), text.index(part) + len(part)


def test_every_emoji_stands_apart_without_its_joiners(shared_data: Path) -> None:
    for emoji in every_emoji(shared_data):
        read = normalise(f"good{emoji}bad").text
        assert read.startswith("good"), emoji
        assert read.endswith("bad"), emoji
        said = read[4:-3]
        assert "\ufe0f" not in said, emoji
        assert "\u200d" not in said, emoji
        if emoji[0] not in "0123456789#*©®":
            assert all(PICTURES.fullmatch(part) for part in said.split()), emoji
            assert said[0] == said[-1] == " ", emoji


def test_a_post_of_ten_thousand_characters_is_read_whole_and_no_more() -> None:
    text = "good " * (LONGEST // 5)
    assert normalise(text).text == text
    assert normalise(text + "bad").text == text


@pytest.mark.timeout(120)
@pytest.mark.parametrize("text", [*PATHOLOGICAL, *AWKWARD], ids=lambda text: f"{len(text)} of {text[:12]!a}")
def test_hostile_posts_are_read_and_stay_about_as_long(text: str) -> None:
    normal = normalise(text)
    assert len(normal.text) <= 3 * LONGEST + 3
    assert normal.span_in_post(0, len(normal.text))[1] <= len(text)
