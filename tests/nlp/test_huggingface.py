"""The transformers tier: which texts its models read, in whose words, and what it says where they cannot."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import msgspec
import pytest

from alphaads_pipelines.errors import ConfigurationError, MissingArtifact
from alphaads_pipelines.nlp.base import Options, Score
from alphaads_pipelines.nlp.huggingface import TransformersScorer, writer_for
from alphaads_pipelines.schema.tables import SENTIMENTS
from tests.nlp.packages import NEEDS_TRANSFORMERS
from tests.nlp.tiny_models import save_classifier, tiny_options

pytestmark = NEEDS_TRANSFORMERS
ENGLISH, SPANISH, UNCLEAR = "I love this phone so much", "Me encanta, gracias por todo", "Zxcv qwpo mnbv lkjh"


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return tiny_options(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def scorer(options: Options) -> TransformersScorer:
    return TransformersScorer(options)


def _with_card(options: Options, folder: Path, languages: str) -> Options:
    """The same models, but the sentiment model's card names `languages`."""
    for file in Path(options.sentiment_model).iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "README.md").write_text(f"---\nlanguage: {languages}\n---\n")
    return msgspec.structs.replace(options, sentiment_model=str(folder))


def _reason(score: Score, field: str = "sentiment") -> str | None:
    return score.null_reasons.get(field)


def test_what_two_classifiers_cannot_give_is_not_in_the_tier(scorer: TransformersScorer) -> None:
    [score] = scorer.score([ENGLISH])
    assert score.sentiment is not None
    assert score.emotion is not None
    assert score.null_reasons == dict.fromkeys(("tweet_emotion", "intent", "offensive", "entities"), "not_in_tier")


def test_a_card_without_languages_means_english(scorer: TransformersScorer) -> None:
    english, spanish, unclear, none = scorer.score([ENGLISH, SPANISH, UNCLEAR, "😡 @someone"])
    assert english.language == "en"
    assert (spanish.language, _reason(spanish), _reason(spanish, "emotion")) == ("es", *["unsupported_language"] * 2)
    assert _reason(unclear) == "unknown_language"
    assert (_reason(none), _reason(none, "language")) == ("no_words", "no_words")


@pytest.mark.parametrize(
    ("languages", "reasons"),
    [
        ("[en, es]", [None, None, "unknown_language", "no_words"]),
        ("es", ["unsupported_language", None, "unknown_language", "no_words"]),
        ("multilingual", [None, None, None, "no_words"]),
    ],
)
def test_a_model_reads_the_languages_on_its_card(
    options: Options, tmp_path: Path, languages: str, reasons: list[str | None]
) -> None:
    scores = TransformersScorer(_with_card(options, tmp_path, languages)).score([ENGLISH, SPANISH, UNCLEAR, "42"])
    assert [_reason(score) for score in scores] == reasons
    assert _reason(scores[1], "emotion") == "unsupported_language", "the other model's card says nothing of Spanish"


def test_tweetevals_emotions_fill_a_field_of_their_own(options: Options, tmp_path: Path) -> None:
    labels = ("joy", "optimism", "anger", "sadness")
    four = msgspec.structs.replace(options, emotion_model=str(save_classifier(tmp_path / "four", labels)))
    [english, spanish] = TransformersScorer(four).score([ENGLISH, SPANISH])
    assert english.tweet_emotion is not None
    assert english.emotion is not None
    assert set(english.tweet_emotion.probs) == set(labels)
    assert english.emotion.probs["neutral"] == 0.0
    assert _reason(spanish, "tweet_emotion") == "unsupported_language"


def test_a_label_that_we_lack_gives_null_where_it_leads(options: Options, tmp_path: Path) -> None:
    examples = {ENGLISH: "boredom", "the bus is at 9": "joy"}
    folder = save_classifier(tmp_path / "bored", ["anger", "joy", "boredom"], examples)
    scorer = TransformersScorer(msgspec.structs.replace(options, emotion_model=str(folder)))
    bored, glad = scorer.score(list(examples))
    assert (bored.emotion, _reason(bored, "emotion")) == (None, "label_not_ours")
    assert glad.emotion is not None
    assert glad.emotion.label == "joy"


def test_arithmetic_that_failed_is_null(options: Options, tmp_path: Path) -> None:
    from transformers import RobertaForSequenceClassification

    folder = save_classifier(tmp_path / "broken", SENTIMENTS)
    model = RobertaForSequenceClassification.from_pretrained(folder)
    model.classifier.out_proj.bias.data.fill_(math.nan)
    model.save_pretrained(folder)
    [score] = TransformersScorer(msgspec.structs.replace(options, sentiment_model=str(folder))).score([ENGLISH])
    assert (score.sentiment, _reason(score)) == (None, "not_a_number")
    assert score.emotion is not None


def test_its_version_changes_with_either_model(options: Options, scorer: TransformersScorer, tmp_path: Path) -> None:
    assert TransformersScorer(options).model == scorer.model
    assert scorer.model.name == "tiny-sentiment+tiny-emotion"
    other = save_classifier(tmp_path / "tiny-sentiment", SENTIMENTS)
    changed = TransformersScorer(msgspec.structs.replace(options, sentiment_model=str(other))).model
    assert changed.name == scorer.model.name
    assert changed.version != scorer.model.version


def test_labels_of_another_task_are_refused_before_any_text(options: Options) -> None:
    for swapped in ({"sentiment_model": options.emotion_model}, {"emotion_model": options.sentiment_model}):
        with pytest.raises(ConfigurationError, match="the labels of"):
            TransformersScorer(msgspec.structs.replace(options, **swapped))


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_names_the_extra(options: Options, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingArtifact, match=rf"'{package}'.*make install-models.*\[transformers\]"):
        TransformersScorer(options)


def test_the_token_is_never_shown() -> None:
    options = Options(token="hf_secret", threads=3)
    assert "hf_secret" not in f"{options} {options!r}"
    assert "threads=3" in repr(options)


@pytest.mark.parametrize(
    ("model", "written"),
    [
        ("cardiffnlp/twitter-roberta-base-sentiment-latest", "@user see http a@b.c &amp; 😡"),
        ("/models/cardiffnlp/mine", "@user see http a@b.c &amp; 😡"),
        ("finiteautomata/bertweet-base-sentiment-analysis", "@USER see HTTPURL a@b.c &amp; 😡"),
        ("j-hartmann/emotion-english-distilroberta-base", "@ann_1 see https://t.co/x?y a@b.c &amp; 😡"),
    ],
)
def test_a_text_is_written_as_the_models_family_reads_it(model: str, written: str) -> None:
    assert writer_for(model)("@ann_1 see https://t.co/x?y a@b.c &amp; 😡") == written
