"""Moderation reads texts as people do, in any disguise, and fails closed."""

from __future__ import annotations

import dataclasses
import threading
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.campaigns.brand_rules import CampaignRules
from alphaads_pipelines.campaigns.placements import GOOGLE_SEARCH, LIMITS, META_FEED
from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.moderation import Opinion, moderate

LIMIT = LIMITS[GOOGLE_SEARCH]
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
        ("x" * (LIMIT.body + 1), "too_long"),
        ("茶" * (LIMIT.body // 2 + 1), "too_long"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_reason(body: str, reason: str) -> None:
    assert _reasons(body) == (reason,)


@pytest.mark.parametrize("part", ["headline", "call_to_action"])
def test_every_part_is_judged(part: str) -> None:
    assert _reasons(**{part: "Miracle kettle"}) == ("banned_claim",)
    assert "too_long" in _reasons(headline="x" * (LIMIT.headline + 1))
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
@pytest.mark.parametrize(
    "body", ["Hurry, tea is hot", "Don’t miss our tea", "Tea！", "Tea❗", "Tea‼", "Only 3 left", "Last  chance for tea"]
)
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


def test_a_tone_or_a_placement_nobody_knows_is_refused() -> None:
    assert _reasons(tone="pushy") == ("unknown_tone",)
    assert _reasons(placement="billboard") == ("unknown_placement",)


def test_a_calm_tone_binds_whatever_the_emotion_is() -> None:
    """It was chosen because the mood falls or swings, which the creative does not say."""
    assert _reasons("Tea!", tone="gentle") == ("urgency_in_distress",)


def test_a_soft_limit_warns_and_a_hard_one_refuses() -> None:
    long = dataclasses.replace(FINE, headline="x" * 41, placement=META_FEED)
    assert (moderate(long).approved, moderate(long).warnings) == (True, ("over_soft_limit",))
    assert moderate(dataclasses.replace(long, headline="x" * 40)).warnings == ()
    verdict = moderate(dataclasses.replace(long, placement=GOOGLE_SEARCH))
    assert (verdict.reasons, verdict.warnings) == (("too_long",), ())


def test_the_campaigns_rules_are_checked_in_the_rendered_text() -> None:
    rules = CampaignRules(banned_claims=("right heat",), disclosures=("Ad.",))
    assert moderate(FINE, rules).reasons == ("campaign_claim", "missing_disclosure")


def test_every_judge_is_heard_and_every_reason_kept() -> None:
    classifiers = [
        lambda _: Opinion(("offensive",)),
        lambda _: Opinion(doubts=("maybe",)),
        lambda _: Opinion(("flagged", "offensive")),
    ]
    verdict = moderate(FINE, classifiers=classifiers)
    assert (verdict.approved, verdict.reasons, verdict.doubts) == (False, ("offensive", "flagged"), ("maybe",))


def test_a_doubt_alone_approves_nothing() -> None:
    verdict = moderate(FINE, classifiers=[lambda _: Opinion(doubts=("maybe",))])
    assert (verdict.approved, verdict.reasons) == (False, ())


def test_a_judge_sees_the_normalised_text_and_only_what_the_rules_let_pass() -> None:
    seen: list[str] = []

    def classifier(text: str) -> Opinion:
        seen.append(text)
        return Opinion()

    assert moderate(dataclasses.replace(FINE, body="Ｔｅａ  for\u00a0you, caffè."), classifiers=[classifier]).approved
    assert seen == ["Say hi to the kettle Tea for you, caffè. Have a look"]
    assert not moderate(dataclasses.replace(FINE, body="A miracle."), classifiers=[classifier]).approved
    assert len(seen) == 1


@pytest.mark.parametrize("answer", [None, True, (), "fine"])
def test_a_judge_that_answers_nonsense_refuses(answer: object) -> None:
    verdict = moderate(FINE, classifiers=[lambda _: answer])  # type: ignore[list-item, return-value]
    assert (verdict.approved, verdict.reasons) == (False, ("moderation_unavailable",))


@pytest.mark.parametrize("error", [RuntimeError("no"), TimeoutError(), KeyError("x"), SystemExit(1)])
def test_a_judge_that_fails_refuses(error: BaseException) -> None:
    def classifier(_: str) -> Opinion:
        raise error

    if isinstance(error, Exception):
        assert moderate(FINE, classifiers=[classifier]).reasons == ("moderation_unavailable",)
    else:
        with pytest.raises(SystemExit):
            moderate(FINE, classifiers=[classifier])


def test_a_judge_that_never_answers_refuses() -> None:
    never = threading.Event()

    def classifier(_: str) -> Opinion:
        never.wait(30)
        return Opinion()

    assert moderate(FINE, classifiers=[classifier], time_limit_s=0.05).reasons == ("moderation_unavailable",)
    never.set()
