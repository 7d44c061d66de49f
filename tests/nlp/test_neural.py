"""The neural tier: the traps, what it will not say, and that a text's neighbours do not matter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp import neural
from alphaads_pipelines.nlp.artifact import Calibration
from alphaads_pipelines.nlp.base import Label, Options
from alphaads_pipelines.nlp.neural import TOLERANCE, Classified, NeuralScorer, calibrated
from alphaads_pipelines.nlp.text import LONGEST
from alphaads_pipelines.schema.tables import SENTIMENTS
from tests.nlp.texts import bad_inputs, tweets

FIELDS = ("sentiment", "emotion", "tweet_emotion", "intent", "offensive", "entities")
CONFIDENT = 0.8
OPTIONS = Options(threads=1)


@pytest.fixture(scope="module")
def scorer() -> NeuralScorer:
    return NeuralScorer(OPTIONS)


@pytest.fixture(scope="module")
def public(shared_data: Path) -> list[str]:
    """Some 500 different real texts, the naughty ones among them."""
    return list(dict.fromkeys([*tweets(shared_data, "val")[0][:330], *bad_inputs(shared_data)[:180]]))


def _sentiment(scorer: NeuralScorer, text: str) -> Label:
    said = scorer.score([text])[0].sentiment
    assert said is not None, text
    return said


def _greatest_difference(one: Classified, other: Classified, rows: Sequence[int]) -> float:
    return max(
        float(np.abs(one.probabilities[task] - other.probabilities[task][rows]).max()) for task in one.probabilities
    )


@pytest.mark.parametrize(
    "text",
    [
        "God I can't stand her face",
        "not good at all",
        "Not good at all!",
        "not happy with this",
        "This isn't great",
        "I wouldn't recommend this to anyone",
        "nothing good about it",
        "hardly worth the money",
        "worst service ever",
        "never buying from them again, what a waste",
    ],
)
def test_what_is_said_against_something_is_negative(scorer: NeuralScorer, text: str) -> None:
    assert _sentiment(scorer, text).label == "negative"


@pytest.mark.parametrize("text", ["great 😡", "great 😠", "love it 😡", "great 😡😡😡", "great&#128545;", "😡", "🤮"])
def test_words_of_praise_with_a_face_of_rage_are_not_positive(scorer: NeuralScorer, text: str) -> None:
    assert _sentiment(scorer, text).label != "positive"


@pytest.mark.parametrize(
    "text",
    [
        "oh great, another delay",
        "Oh great, my flight is delayed again",
        "thanks for nothing",
        "wow, thanks for nothing",
    ],
)
def test_sarcasm_is_not_taken_for_praise_with_confidence(scorer: NeuralScorer, text: str) -> None:
    assert _sentiment(scorer, text).probs["positive"] < CONFIDENT


@pytest.mark.parametrize(
    "text", ["I love this phone", "not bad at all", "I can't stop smiling", "so proud of you all ❤️", "😍", "great 😍"]
)
def test_praise_is_positive(scorer: NeuralScorer, text: str) -> None:
    assert _sentiment(scorer, text).label == "positive"


def test_an_emoji_without_valence_changes_nothing_but_what_the_words_say(scorer: NeuralScorer) -> None:
    assert neural._emoji_shift("🇺🇸🍕") == 0.0
    assert neural._emoji_shift("😡") == neural._emoji_shift("😡😡😡") < -1.5
    assert neural._emoji_shift("😍") > 0.8
    assert _sentiment(scorer, "the bus is at 9 🚌").label == "neutral"


@pytest.mark.parametrize(
    "text",
    [
        "Me encanta, gracias por todo",
        "¡Qué buen servicio, muchas gracias!",
        "Excelente",
        "gracias",
        "te amo mi vida 😍",
        "genial",
        "No puedo más, te amo",
        "J'adore ce téléphone, il est magnifique",
        "C'est génial, bravo",
        "merci",
        "Ich liebe dieses Handy, es ist wunderbar",
        "Vielen Dank, toller Service",
        "die beste",
        "Adoro este telefone, é maravilhoso",
        "Muito obrigado, ótimo serviço",
        "amei",
    ],
)
def test_praise_in_another_language_is_null_or_right_or_unsure(scorer: NeuralScorer, text: str) -> None:
    [score] = scorer.score([text])
    if score.sentiment is None:
        assert score.null_reasons["sentiment"] in ("unsupported_language", "unknown_language")
    else:
        assert score.sentiment.label == "positive" or max(score.sentiment.probs.values()) < CONFIDENT


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("", None, "no_words"),
        (" \n\t", None, "no_words"),
        ("\u200b\u202e", None, "no_words"),
        ("...!!?", None, "no_words"),
        ("42", None, "no_words"),
        ("🇺🇸 🍕", None, "no_words"),
        ("@someone https://t.co/x", None, "no_words"),
        ("Me encanta este teléfono, es maravilloso", "es", "unsupported_language"),
        ("愛してるよ、とても美しい日ですね", "ja", "unsupported_language"),
    ],
)
def test_what_it_cannot_say_is_null_with_the_reason(
    scorer: NeuralScorer, text: str, language: str | None, reason: str
) -> None:
    [score] = scorer.score([text])
    assert score.language == language
    assert all(getattr(score, field) is None for field in FIELDS)
    reasons = dict.fromkeys(FIELDS, reason) | ({"language": "no_words"} if language is None else {})
    assert score.null_reasons == reasons


def test_emoji_alone_are_judged_but_have_no_language(scorer: NeuralScorer) -> None:
    [score] = scorer.score(["😡😡"])
    assert score.sentiment is not None
    assert score.null_reasons == {"language": "no_words"}


def test_names_are_found_where_they_stand(scorer: NeuralScorer) -> None:
    text = "🎉 @ada I saw Barack Obama in Paris yesterday &amp; he waved"
    found = {entity.type: entity for entity in scorer.score([text])[0].entities or ()}
    assert {kind: each.text for kind, each in found.items()} == {"PER": "Barack Obama", "LOC": "Paris"}
    assert all(text[each.start : each.end] == each.text for each in found.values())


def test_a_text_is_judged_the_same_alone_and_in_any_batch(scorer: NeuralScorer, public: list[str]) -> None:
    alone = [scorer.classify([text]) for text in public]
    chance = random.Random(11)
    order = list(range(len(public)))
    chance.shuffle(order)
    while order:
        size = chance.choice([1, 2, 3, 7, 16, 40, 200])
        rows, order = order[:size], order[size:]
        batch = scorer.classify([public[row] for row in rows])
        for place, row in enumerate(rows):
            assert _greatest_difference(alone[row], batch, [place]) <= TOLERANCE, public[row]
            assert alone[row].entities[0] == batch.entities[place]


def test_a_long_post_is_judged_by_all_of_its_windows(scorer: NeuralScorer) -> None:
    praise, anger = "I love this wonderful phone so much. ", "I hate this awful phone, worst ever. "
    mostly = scorer.classify([anger * 200 + praise * 40, praise * 200 + anger * 40]).probabilities["sentiment"]
    assert [SENTIMENTS[most] for most in mostly.argmax(1)] == ["negative", "positive"]
    names = scorer.classify(["nothing to see here, " * 60 + "said Barack Obama in Paris"]).entities[0]
    assert "Paris" in {each.text for each in names}, "an entity beyond the first window"


def test_what_stands_beyond_the_longest_post_counts_for_nothing(scorer: NeuralScorer) -> None:
    text = "I love it. " * (LONGEST // 11)
    text += "." * (LONGEST - len(text))
    one, other = scorer.score([text, text + "I hate it, Paris. " * 500])
    assert one == other


def test_reposts_are_scored_once(scorer: NeuralScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    real = scorer.classify

    def counting(texts: Sequence[str]) -> Classified:
        judged.extend(texts)
        return real(texts)

    monkeypatch.setattr(scorer, "classify", counting)
    text = "a repost that nobody wrote before"
    first, again = scorer.score([text, text])
    [later] = scorer.score([text])
    assert judged == [text]
    assert first == again == later


def test_no_more_is_held_at_once_than_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = NeuralScorer(OPTIONS)
    monkeypatch.setattr(neural, "_AT_ONCE", 3)
    monkeypatch.setattr(neural, "_CHARACTERS_AT_ONCE", 100)
    sizes: list[int] = []
    real = scorer.classify

    def watched(texts: Sequence[str]) -> Classified:
        sizes.append(len(texts))
        return real(texts)

    monkeypatch.setattr(scorer, "classify", watched)
    texts = [f"day {number} is a good day" for number in "one two three four five six seven".split()]
    texts += ["this one is a very long one. " * 6, "and this is it", f"that was all{' of it' * 20}"]
    scores = scorer.score(texts)
    assert sizes == [3, 3, 1, 1, 1, 1]
    assert scores == NeuralScorer(OPTIONS).score(texts)


def test_no_texts_are_no_parts() -> None:
    assert list(neural._parts([])) == []


def test_threads_change_nothing(scorer: NeuralScorer, public: list[str]) -> None:
    two = NeuralScorer(Options(threads=2)).classify(public[:100])
    assert _greatest_difference(two, scorer.classify(public[:100]), list(range(100))) == 0.0


def test_it_knows_how_reliable_it_is_on_validation_data(scorer: NeuralScorer) -> None:
    reliability = scorer.reliability()
    assert set(reliability) >= {"sentiment", "emotion", "tweet_emotion", "intent", "offensive"}
    assert all(0.0 <= each.ece <= 0.05 for task, each in reliability.items() if task != "irony")


def test_a_missing_model_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifact, match="alphaads train nlp"):
        NeuralScorer(Options(artifact=tmp_path))


def test_probabilities_are_those_of_the_logits_divided_by_the_temperature_and_shifted() -> None:
    logits = np.array([[0.0, 2.0], [1e4, -1e4]])
    found = calibrated(logits, Calibration(2.0, (0.0, 1.0)))
    assert found[0] == pytest.approx([1 / (1 + np.e**2), np.e**2 / (1 + np.e**2)])
    assert found[1] == pytest.approx([1.0, 0.0]), "no overflow"
