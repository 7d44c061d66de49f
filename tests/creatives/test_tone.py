"""Tone follows the emotion and its journey; people in distress are left in peace."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.creatives.base import Brief, Options, render
from alphaads_pipelines.creatives.llm_budget import Price
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.creatives.registry import GENERATORS
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.creatives.tone import (
    CALM_TONES,
    FALLING,
    HIGH_VOLATILITY,
    RISING,
    TONES,
    TRENDS,
    JourneySummary,
    applies_pressure,
    in_distress,
    names_a_feeling,
    suits_mood,
    tone_for,
)
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS
from benchmarks.llm_server import KEY, language_model_server, says
from tests.nlp.packages import needs

JOURNEYS = st.builds(JourneySummary, st.sampled_from(TRENDS), st.none() | st.floats(0, 2))
DISTRESSED = {"anger", "disgust", "fear", "sadness"}


def test_every_emotion_has_a_tone() -> None:
    assert set(TONES) == set(EMOTIONS)


@settings(max_examples=100)
@given(st.sampled_from(EMOTIONS), JOURNEYS)
def test_distress_gets_only_calm_tones_and_a_text_that_presses_nobody(emotion: str, journey: JourneySummary) -> None:
    volatility = journey.volatility or 0.0
    distressed = emotion in DISTRESSED or journey.trend == FALLING or volatility >= HIGH_VOLATILITY
    assert in_distress(emotion, journey) == distressed
    assert suits_mood(tone_for(emotion, journey), emotion, journey)
    [creative] = TemplateGenerator().generate(
        Brief("hub", "Ovanta hub", "one cable for all", emotion, "See the hub", journey)
    )
    text = f"{creative.headline} {creative.body} {creative.call_to_action}"
    assert not names_a_feeling(text)
    assert moderate(creative).approved
    if distressed:
        assert creative.tone in CALM_TONES
        assert not applies_pressure(text)


@settings(max_examples=50)
@given(st.sampled_from(EMOTIONS), JOURNEYS, st.sampled_from(sorted(set(TONES.values()))))
def test_nobody_in_distress_is_suited_by_a_lively_tone(emotion: str, journey: JourneySummary, tone: str) -> None:
    assert suits_mood(tone, emotion, journey) == (tone in CALM_TONES or not in_distress(emotion, journey))


def test_getting_better_is_still_distress() -> None:
    assert tone_for("sadness", JourneySummary(RISING, 0.0)) == "gentle"


def test_a_fall_turns_even_joy_gentle_and_swings_turn_it_calm() -> None:
    assert tone_for("joy") == "upbeat"
    assert tone_for("joy", JourneySummary(FALLING)) == "gentle"
    assert tone_for("joy", JourneySummary(volatility=HIGH_VOLATILITY)) == "calm"
    assert tone_for("joy", JourneySummary(volatility=HIGH_VOLATILITY - 0.01)) == "upbeat"


def test_an_emotion_nobody_knows_counts_as_distress() -> None:
    assert in_distress("melancholy")
    assert tone_for("melancholy") in CALM_TONES
    assert not suits_mood("pushy", "joy")


@pytest.mark.parametrize(
    "text",
    [
        "Hurry", "Only 3 left", "Just a few left", "While stocks last", "Selling fast", "Almost gone", "Buy now",
        "Limited edition", "Don’t wait", "Offer ends soon", "Ends tonight", "Before it’s gone", "Final hours", "Tea!",
        "Tea ❗", "ＨＵＲＲＹ", "LAST  CHANCE",
    ],
)  # fmt: skip
def test_urgency_scarcity_and_exclamation_press(text: str) -> None:
    assert applies_pressure(text)


@pytest.mark.parametrize(
    "text",
    [
        "Take your time", "Left and right handed", "A lasting kettle", "Dry feet on the last mile", "No end in sight",
        "Hot in a few minutes", "Unlimited refills", "The few, the many", "Now in green",
    ],
)  # fmt: skip
def test_plain_words_do_not(text: str) -> None:
    assert not applies_pressure(text)


@pytest.mark.parametrize("text", ["Feeling sad?", "Your fears", "For the LONELY", "No more anxiety", "Are you ѕаԁ"])
def test_feelings_are_found(text: str) -> None:
    assert names_a_feeling(text)


@pytest.mark.parametrize("wrong", [{"trend": "so sad today"}, {"volatility": -0.1}, {"volatility": float("nan")}])
def test_a_journey_is_an_enum_and_a_score(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        JourneySummary(**wrong)  # type: ignore[arg-type]
    assert "so sad" not in str(refused.value)


# The table of cases: emotion, trend, volatility and the tones that may be used.
# Volatility `-` is unknown; from 0.5 on it is high.
_ALL_TONES = "calm curious gentle plain reassuring upbeat"
_CALM = "calm gentle reassuring"
_TABLE = f"""
anger    | rising steady falling | - 0 0.49 0.5 2 | {_CALM}
disgust  | rising steady falling | - 0 0.49 0.5 2 | {_CALM}
fear     | rising steady falling | - 0 0.49 0.5 2 | {_CALM}
sadness  | rising steady falling | - 0 0.49 0.5 2 | {_CALM}
joy      | rising steady         | - 0 0.49       | {_ALL_TONES}
joy      | rising steady         | 0.5 2          | {_CALM}
joy      | falling               | - 0 0.49 0.5 2 | {_CALM}
neutral  | rising steady         | - 0 0.49       | {_ALL_TONES}
neutral  | rising steady         | 0.5 2          | {_CALM}
neutral  | falling               | - 0 0.49 0.5 2 | {_CALM}
surprise | rising steady         | - 0 0.49       | {_ALL_TONES}
surprise | rising steady         | 0.5 2          | {_CALM}
surprise | falling               | - 0 0.49 0.5 2 | {_CALM}
"""
CASES = [
    pytest.param(emotion.strip(), JourneySummary(trend, None if volatility == "-" else float(volatility)),
                 frozenset(allowed.split()), id=f"{emotion.strip()}-{trend}-{volatility}")
    for emotion, trends, volatilities, allowed in (row.split("|") for row in _TABLE.strip().splitlines())
    for trend in trends.split()
    for volatility in volatilities.split()
]  # fmt: skip
PRESSING = ("Hurry, it is late.", "Only 3 left.", "Last chance to see it.", "Have a look!", "Because you are lonely.")


def test_the_table_has_every_emotion_trend_and_band_once() -> None:
    keys = [(emotion, journey) for emotion, journey, _ in (case.values for case in CASES)]
    assert len(keys) == len(set(keys)) == len(EMOTIONS) * len(TRENDS) * 5


@pytest.mark.parametrize(("emotion", "journey", "allowed"), CASES)
def test_only_the_tones_of_the_table_are_used_for_texts_that_are_served(
    emotion: str, journey: JourneySummary, allowed: frozenset[str]
) -> None:
    assert {tone for tone in set(TONES.values()) if suits_mood(tone, emotion, journey)} == allowed
    assert tone_for(emotion, journey) in allowed
    is_distressed = allowed == CALM_TONES
    brief = Brief("hub", "Ovanta hub", "one cable for all", emotion, "See the hub", journey)
    for words in PRESSING:
        pressing = render(brief, tone_for(emotion, journey), "Ovanta hub", words, "anybody")
        is_refused = is_distressed or "lonely" in words
        assert moderate(pressing).approved != is_refused, "whoever wrote it"


@needs("anthropic", "openai")
def test_a_model_that_presses_people_in_distress_is_replaced_by_the_template() -> None:
    with language_model_server() as server:
        server.always_will(says("Ovanta hub", "Hurry, only 3 left!"))
        generators = []
        for name in ("anthropic", "openai"):
            told = Options(api_key=KEY, model="m", base_url=server.base_url(name), price=Price(1, 5), budget_usd=100)
            generators.append(GENERATORS.load(name)(dataclasses.replace(told, calls_per_creative=1)))
        for number, (emotion, journey, allowed) in enumerate(case.values for case in CASES):
            brief = Brief("hub", "Ovanta hub", "one cable for all", emotion, "See the hub", journey)
            generator = generators[number % 2]
            [creative] = generator.generate(brief)
            if allowed == CALM_TONES:
                assert [creative] == TemplateGenerator().generate(brief)
                assert creative.tone in CALM_TONES
            else:
                assert creative.generator == generator.name
