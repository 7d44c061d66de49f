"""The public datasets as examples, and that what only reports is never trained on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.nlp.heads import HEADS, TAGS
from alphaads_pipelines.nlp.normalisation import MENTION
from alphaads_pipelines.nlp.training.sources import Example, Sources, without_authors_tags
from tests.nlp.tiny_data import save_data


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Sources:
    return Sources(shared_data)


@pytest.fixture(scope="module")
def train(real: Sources) -> list[Example]:
    return real.train()


@pytest.fixture
def tiny(tmp_path: Path) -> Sources:
    return Sources(save_data(tmp_path))


def _plain(text: str) -> str:
    """A text as far as the same tweet in two datasets is the same."""
    return "".join(character for character in text.lower() if character.isalnum())


_PHRASE = 20
"""Characters of "this is great" and the like."""


def _said(example: Example) -> list[tuple[str, str]]:
    return [(example.text[start:end], "|".join(sorted(allowed))) for start, end, allowed in example.words or []]


def test_training_has_all_heads_and_entities(train: list[Example]) -> None:
    cases = Counter(task for example in train for task in example.labels)
    assert set(cases) == set(HEADS)
    assert min(cases.values()) > 2_000
    assert sum(example.words is not None for example in train) > 5_000
    for example in train:
        for task, labels in example.labels.items():
            assert labels
            assert all(0 <= label < len(HEADS[task]) for label in labels)
        for start, end, allowed in example.words or ():
            assert 0 <= start < end <= len(example.text)
            assert allowed <= set(TAGS)
            assert allowed


def test_ironic_tweets_have_an_authors_tag_as_often_as_they_once_had(real: Sources, train: list[Example]) -> None:
    """One with a tag is ironic in four cases of five (Van Hee et al. 2018), and half of the ironic ones have none."""
    held = {each.text for each in real.tweeteval("irony", "train")}
    ironic = [each for each in train if "irony" in each.labels]
    assert len(ironic) == len(held)
    tagged = [each for each in ironic if each.text not in held]
    assert {each.text.rsplit(" ", 1)[1] for each in tagged} == {"#irony", "#sarcasm", "#not"}
    assert {each.text.rsplit(" ", 1)[0] for each in tagged} <= held
    share = sum(each.labels["irony"] == (1,) for each in tagged) / len(tagged)
    assert share == pytest.approx(0.8, abs=0.02)
    assert len(tagged) == pytest.approx(0.31 * len(ironic), rel=0.05)


def test_an_authors_tag_is_taken_out_whole() -> None:
    texts = ["so happy #Irony", "#not fun #notable", "sarcasm is #sarcasm, #ironyofit", "#fun"]
    found = without_authors_tags([Example(each, {"irony": (1,)}) for each in texts])
    assert [each.text for each in found] == ["so happy ", " fun #notable", "sarcasm is , #ironyofit", "#fun"]
    assert all(each.labels == {"irony": (1,)} for each in found)


@pytest.mark.parametrize("task", ["sentiment", "emotion", "offensive", "irony"])
def test_no_test_tweet_is_trained_on(real: Sources, train: list[Example], task: str) -> None:
    """But for phrases that anybody might write, and the few that a dataset's authors have in both of their splits."""
    reported = {plain for each in real.tweeteval(task, "test") if len(plain := _plain(each.text)) > _PHRASE}
    assert len(reported) > 700
    own = [] if task == "sentiment" else real.tweeteval(task, "train")
    of_the_authors = {_plain(example.text) for example in own}
    others = {_plain(example.text) for example in train} - of_the_authors
    assert reported & others == set()
    assert len(reported & of_the_authors) < 0.01 * len(reported)


def test_no_sentence_of_the_entities_test_is_trained_on(real: Sources, train: list[Example]) -> None:
    learned = {_plain(example.text) for example in train if example.words is not None}
    reported = [example for example in real.wnut17("test") if len(example.words or ()) > 3]
    assert len(reported) > 1_000
    assert [example.text for example in reported if _plain(example.text) in learned] == []


def test_no_validation_tweet_of_sentiment_is_trained_on(real: Sources, train: list[Example]) -> None:
    learned = {_plain(example.text) for example in train if "sentiment" in example.labels}
    assert [each.text for each in real.tweeteval("sentiment", "val") if _plain(each.text) in learned] == []


def test_purchases_are_either_trained_on_or_validate(real: Sources) -> None:
    train, val = real.purchase("train"), real.purchase("val")
    assert 3.0 < len(train) / len(val) < 5.5
    names = {name for each in (*train, *val) for name in each.labels}
    assert names == {"intent"}


def test_a_missing_file_is_told_with_where_to_find_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"semeval2017_task4A/train_merged\.tsv is missing; docs/models\.md"):
        Sources(tmp_path).train()
    with pytest.raises(InvalidRequest, match=r"tweeteval/irony/val_text\.txt is missing"):
        Sources(tmp_path).tweeteval("irony", "val")


def test_tweets_have_the_label_of_their_line(tiny: Sources) -> None:
    examples = tiny.tweeteval("sentiment", "val")
    assert [(each.text, each.labels) for each in examples][:2] == [
        ("I hate this awful phone", {"sentiment": (0,)}),
        ("I love it", {"sentiment": (2,)}),
    ]
    assert tiny.tweeteval("emotion", "val")[0].labels == {"tweet_emotion": (0,)}


def test_comments_have_ekmans_emotion_and_an_intent_where_it_is_clear(tiny: Sources) -> None:
    emotions = HEADS["emotion"]
    examples = tiny.goemotions("dev")
    assert [emotions[each.labels["emotion"][0]] for each in examples] == ["joy", "neutral", "anger"]
    intents = [HEADS["intent"][each.labels["intent"][0]] for each in examples]
    assert intents == ["praise", "question", "complaint"]
    assert examples[2].text == f"{MENTION} is furious"


def test_entities_of_wnut_have_our_types(tiny: Sources) -> None:
    first, second = tiny.wnut17("dev")
    assert first.text == "Ada Brill loves Lumora"
    assert _said(first) == [("Ada", "B-PER"), ("Brill", "I-PER"), ("loves", "O"), ("Lumora", "B-ORG")]
    assert _said(second) == [("nothing", "O"), ("here", "O")]


def test_what_the_broad_twitter_corpus_does_not_tell_may_be_either(tmp_path: Path) -> None:
    folder = tmp_path / "broad_twitter_corpus"
    folder.mkdir()
    (folder / "btc.dev").write_text("Acme\tB-ORG\nInc\tI-ORG\r\nin\tO\nParis\tB-LOC\n\n\n\nbye\tO")
    first, last = Sources(tmp_path).broad_twitter("dev")
    allowed = {word: tags.split("|") for word, tags in _said(first)}
    assert allowed["Acme"] == ["B-GROUP", "B-ORG"]
    assert allowed["Inc"] == ["I-GROUP", "I-ORG"]
    assert allowed["Paris"] == ["B-LOC"]
    assert set(allowed["in"]) == {"O", *(f"{mark}-{kind}" for mark in "BI" for kind in ("PRODUCT", "WORK", "GROUP"))}
    assert [word for word, _ in _said(last)] == ["bye"]
