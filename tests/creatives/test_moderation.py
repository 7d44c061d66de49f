"""Moderation judges what an eye reads, whatever the characters are, and fails closed."""

from __future__ import annotations

import dataclasses
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.creatives.templates import BODY_WIDTH, HEADLINE_WIDTH

FINE = Creative("c1", "kettle", "joy", "upbeat", "Say hi to the kettle", "Tea at the right heat.", "Have a look", "t")


def _reasons(body: str = FINE.body, **changes: str) -> tuple[str, ...]:
    return moderate(dataclasses.replace(FINE, body=body, **changes)).reasons


def test_a_plain_text_is_approved() -> None:
    assert moderate(FINE).approved
    assert _reasons("Schöne Grüße: tea & café, 20 % less, for €5 – don’t you like it?") == ()
    assert _reasons("Чай с лимоном и мёдом.") == (), "a word of one other script is a word"
    assert _reasons("温かいお茶をどうぞ。") == ()
    assert _reasons("Come and have a look ❤️ 🎉") == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Guaranteed to work", "banned_claim"),
        ("100% pure", "banned_claim"),
        ("A risk-free try", "banned_claim"),
        ("Hot water with NO SIDE EFFECTS", "banned_claim"),
        ("See https://example.invalid", "unlisted_link"),
        ("See kettle.example today", "unlisted_link"),
        ("Write to tea@kettles", "unlisted_link"),
        ("For those who feel lonely", "names_a_feeling"),
        ("   ", "empty"),
        ("x" * (BODY_WIDTH + 1), "too_long"),
        ("茶" * (BODY_WIDTH // 2 + 1), "too_long"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_reason(body: str, reason: str) -> None:
    assert _reasons(body) == (reason,)


@pytest.mark.parametrize("part", ["headline", "call_to_action"])
def test_every_part_is_judged(part: str) -> None:
    assert _reasons(**{part: "Miracle kettle"}) == ("banned_claim",)
    assert "too_long" in _reasons(headline="x" * (HEADLINE_WIDTH + 1))
    assert _reasons("free tea, no side", call_to_action="effects") == ("banned_claim",), "nor may parts make a phrase"


@pytest.mark.parametrize(
    "word",
    [
        "ｇｕａｒａｎｔｅｅｄ",  # full-width
        "𝐠𝐮𝐚𝐫𝐚𝐧𝐭𝐞𝐞𝐝",  # mathematical bold
        "ⓖⓤⓐⓡⓐⓝⓣⓔⓔⓓ",  # circled
        "GUARANTEED",
        "gua\u200branteed",  # zero width space
        "gua\u00adranteed",  # soft hyphen
        "gua\u2060ranteed",  # word joiner
        "gua\ufe0franteed",  # variation selector
        "gua\u034franteed",  # combining grapheme joiner
        "gua\U000e0072ranteed",  # a tag character
        "gua\u3164ranteed",  # Hangul filler
        "\u202edeetnaraug",  # right-to-left override
        "guаrаnteed",  # Cyrillic a
        "guaranτeed",  # Greek tau
        "gua\u0301ranteed",  # an accent
        "ɡuaranteed",  # Latin script g
        "guaranteed\x00",
        "miracle\ue000",  # private use
    ],
)
def test_tricks_with_characters_do_not_help(word: str) -> None:
    assert not moderate(dataclasses.replace(FINE, body=f"It is {word} to work.")).approved


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("risk‑free", "banned_claim"),
        ("100 ％ pure", "banned_claim"),
        ("no  side\u00a0 effects", "banned_claim"),
        ("are you ѕаԁ", "names_a_feeling"),  # Cyrillic throughout
        ("ѡｗｗ．kettle．example", "unlisted_link"),
    ],
)
def test_look_alikes_are_read_as_what_they_look_like(body: str, reason: str) -> None:
    assert reason in _reasons(body)


@pytest.mark.parametrize("emotion", ["anger", "disgust", "fear", "sadness"])
@pytest.mark.parametrize("body", ["Hurry, tea is hot", "Don’t miss our tea", "Tea！", "Tea❗", "Last  chance for tea"])
def test_people_in_distress_are_not_pressed(emotion: str, body: str) -> None:
    assert _reasons(body, emotion=emotion, tone="calm") == ("urgency_in_distress",)
    assert _reasons(body) == (), "others may be"


def test_people_in_distress_are_spoken_to_calmly() -> None:
    assert _reasons(emotion="sadness", tone="upbeat") == ("urgency_in_distress",)
    assert _reasons(emotion="sadness", tone="gentle") == ()


def test_an_emotion_nobody_knows_is_refused() -> None:
    assert _reasons(emotion="melancholy") == ("unknown_emotion",)


@settings(max_examples=80)
@given(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=20), st.sampled_from(("NFC", "NFD", "NFKC", "NFKD"))
)
def test_any_text_gets_a_verdict_and_spelling_it_otherwise_frees_nobody(noise: str, form: str) -> None:
    body = f"A miracle: {noise}"
    assert "banned_claim" in _reasons(body)
    assert "banned_claim" in _reasons(unicodedata.normalize(form, body))  # type: ignore[arg-type]
