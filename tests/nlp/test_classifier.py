"""A classifier as transformers loads it, from folders made on the spot."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.errors import ConfigurationError, MissingArtifact
from alphaads_pipelines.nlp import classifier
from alphaads_pipelines.nlp.classifier import Classifier, pick_device, use_threads
from alphaads_pipelines.nlp.hub import locate
from tests.nlp.packages import NEEDS_TRANSFORMERS
from tests.nlp.tiny_models import POSITIONS, SENTIMENT_EXAMPLES, save_classifier

pytestmark = NEEDS_TRANSFORMERS
LABELS = ("negative", "neutral", "positive")
TEXTS = [
    *("I love this phone", "the bus", "Worst service ever", "é 😡 \ud83d", "", "\x00"),
    *(f"furious {'phone ' * length}" for length in range(1, 60, 7)),
]


def _open(folder: Path) -> Classifier:
    return Classifier(locate(str(folder), None), pick_device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("models") / "fitted", LABELS, SENTIMENT_EXAMPLES)


@pytest.fixture(scope="module")
def fitted(folder: Path) -> Classifier:
    use_threads(1)
    return _open(folder)


def test_it_says_what_it_was_fitted_to(fitted: Classifier) -> None:
    rows = fitted.probabilities(list(SENTIMENT_EXAMPLES))
    assert [fitted.labels[row.argmax()] for row in rows] == list(SENTIMENT_EXAMPLES.values())
    assert rows.sum(1) == pytest.approx(1.0, abs=1e-9)


def test_no_texts_no_rows(fitted: Classifier) -> None:
    assert fitted.probabilities([]).shape == (0, 3)


def test_a_text_has_the_same_probabilities_alone_and_in_any_batch(
    fitted: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {text: fitted.probabilities([text])[0] for text in TEXTS}
    for tokens in (1, 100, 4_096):
        monkeypatch.setitem(classifier._TOKENS_AT_ONCE, "cpu", tokens)
        texts = random.Random(tokens).sample(TEXTS, len(TEXTS))
        together = fitted.probabilities(texts)
        assert together == pytest.approx(np.array([alone[text] for text in texts]), abs=1e-5)


def test_a_text_is_cut_at_the_models_own_maximum(fitted: Classifier) -> None:
    long = "love it " * 500
    kept = fitted._tokenizer([long], truncation=True, max_length=fitted._limit)["input_ids"][0]
    assert len(kept) == POSITIONS - 2, "RoBERTa's positions start after the padding's"
    assert fitted.probabilities([long + "furious worst"])[0] == pytest.approx(fitted.probabilities([long])[0], abs=1e-6)


@pytest.mark.parametrize("stated", [16, 10_000])
def test_the_least_of_the_stated_maxima_counts(tmp_path: Path, stated: int) -> None:
    from transformers import AutoTokenizer

    folder = save_classifier(tmp_path / "model", LABELS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = stated
    tokenizer.save_pretrained(folder)
    found = _open(folder)
    assert found._limit == min(stated, POSITIONS - 2)
    assert found.probabilities(["phone " * 200]).shape == (1, 3)


def test_a_distilbert_without_a_padding_position_uses_all_positions(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

    AutoTokenizer.from_pretrained(save_classifier(tmp_path / "other", LABELS)).save_pretrained(tmp_path / "model")
    config = DistilBertConfig(
        vocab_size=500, dim=16, n_layers=1, n_heads=2, hidden_dim=16, max_position_embeddings=20, num_labels=3
    )
    DistilBertForSequenceClassification(config).save_pretrained(tmp_path / "model")
    found = _open(tmp_path / "model")
    assert found._limit == 20
    assert found.probabilities(["phone " * 200]).shape == (1, 3)


def test_independent_labels_share_one_probability(tmp_path: Path) -> None:
    found = _open(save_classifier(tmp_path / "m", LABELS, problem_type="multi_label_classification"))
    [row] = found.probabilities(["I love this phone"])
    assert row.sum() == pytest.approx(1.0)
    logits = found._model(**found._tokenizer(["I love this phone"], return_tensors="pt")).logits[0].sigmoid()
    assert row == pytest.approx((logits / logits.sum()).tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("card", "languages"),
    [
        (None, {"en"}),
        ("no front matter", {"en"}),
        ("---\nlanguage: es\n---\n", {"es"}),
        ("---\nlanguage:\n- EN\n- fr\n---\n", {"en", "fr"}),
        ("---\nlanguage: multilingual\n---\n", {"multilingual"}),
        ("---\nlanguage: [\n---\n", {"en"}),
        ("---\n- a list\n---\n", {"en"}),
    ],
)
def test_its_languages_are_those_of_its_card(
    tmp_path: Path, folder: Path, card: str | None, languages: set[str]
) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert _open(tmp_path).languages == languages


def test_a_model_without_a_trained_head_is_refused(tmp_path: Path) -> None:
    from transformers import RobertaForSequenceClassification

    folder = save_classifier(tmp_path / "model", LABELS)
    RobertaForSequenceClassification.from_pretrained(folder).roberta.save_pretrained(folder)
    with pytest.raises(ConfigurationError, match=r"not trained to classify.*classifier"):
        _open(folder)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("old_layout", "name", "harm"),
    [
        (False, "config.json", Path.unlink),
        (False, "config.json", _cut),
        (False, "model.safetensors", Path.unlink),
        (False, "model.safetensors", _cut),
        (False, "tokenizer.json", _cut),
        (False, "tokenizer.json", Path.unlink),
        (True, "pytorch_model.bin", _cut),
        (True, "vocab.json", Path.unlink),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_incomplete_or_damaged_files_name_the_model_and_the_mend(
    tmp_path: Path, old_layout: bool, name: str, harm: Any
) -> None:
    folder = save_classifier(tmp_path / "tiny", LABELS, old_layout=old_layout)
    harm(folder / name)
    with pytest.raises(MissingArtifact, match=r"'tiny' cannot be loaded.*save the model there again"):
        _open(folder)


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "meta", "cpu:x", ""])
def test_a_device_that_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="SCORER_DEVICE"):
        pick_device(name)


def test_auto_is_some_device() -> None:
    assert pick_device("auto").type in {"cpu", "cuda", "mps"}
