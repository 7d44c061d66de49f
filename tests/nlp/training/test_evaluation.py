"""Figures of a scorer on small data of the real formats, with answers that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from alphaads_pipelines.nlp.base import Entity, Label, Model, Options, Score, Scorer
from alphaads_pipelines.nlp.heads import HEADS
from alphaads_pipelines.nlp.neural import NeuralScorer
from alphaads_pipelines.nlp.training.evaluation import Figure, evaluate, intent_validation
from alphaads_pipelines.nlp.training.sources import Sources
from tests.nlp.tiny_data import save_data

TASKS = ("sentiment", "emotion", "tweet_emotion", "intent", "offensive")


class Known(Scorer):
    """Names what it was told to name in each text, and gives each text the label that it was told for a task."""

    tier = "known"

    def __init__(
        self, names: Mapping[str, Sequence[tuple[str, str]]] = {}, labels: Mapping[str, Mapping[str, str]] = {}
    ) -> None:
        self._names, self._labels = names, labels

    @property
    def model(self) -> Model:
        return Model("known", "1")

    def score(self, texts: Sequence[str]) -> list[Score]:
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> Score:
        named = ((said, kind, text.index(said)) for said, kind in self._names.get(text, ()))
        entities = [Entity(said, kind, start, start + len(said)) for said, kind, start in named]
        labels = {task: self._label(task, self._labels.get(task, {}).get(text)) for task in TASKS}
        return Score(None, None, **labels, entities=entities, null_reasons={})

    def _label(self, task: str, name: str | None) -> Label | None:
        return None if name is None else Label(name, {each: float(each == name) for each in HEADS[task]})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return save_data(tmp_path)


def _figure(scorer: Scorer, data: Path, task: str, name: str, split: str = "validation") -> Figure:
    [figure] = [each for each in evaluate(scorer, Sources(data), split) if (each.task, each.data) == (task, name)]
    return figure


Names = Mapping[str, Sequence[tuple[str, str]]]


def _broad(data: Path, annotated: str, names: Names) -> float:
    """F1 on a Broad Twitter Corpus of these sentences."""
    _annotate(data / "broad_twitter_corpus" / "btc.dev", annotated)
    return _served(_figure(Known(names), data, "entities", "Broad Twitter Corpus"))


def _wnut(data: Path, annotated: str, names: Names) -> float:
    """F1 on a WNUT17 of these sentences."""
    _annotate(data / "wnut17" / "emerging.dev.conll", annotated)
    return _served(_figure(Known(names), data, "entities", "WNUT17"))


def _annotate(path: Path, annotated: str) -> None:
    path.write_text(annotated.replace(" / ", "\n\n").replace(" ", "\n").replace("|", "\t") + "\n", encoding="utf-8")


def _served(figure: Figure) -> float:
    assert figure.served is not None
    return figure.served


def test_labels_are_compared_by_name_and_what_is_null_is_a_miss(data: Path) -> None:
    right = {"I hate this awful phone": "negative", "I love it": "positive"}
    figure = _figure(Known(labels={"sentiment": right}), data, "sentiment", "TweetEval sentiment")
    assert figure.served == pytest.approx(2 / 3)
    assert figure.told is None
    assert figure.cases == 3
    half = {"so angry right now": "anger", "what a lovely day": "sadness"}
    figure = _figure(Known(labels={"tweet_emotion": half}), data, "tweet_emotion", "TweetEval emotion")
    assert figure.served == pytest.approx(1 / 4)


def test_a_task_that_the_scorer_never_answers_has_no_figure(data: Path) -> None:
    assert _figure(Known(), data, "intent", "weak labels (docs/models.md)").served is None
    assert _figure(Known(), data, "irony", "TweetEval irony").served is None, "a score has no such field"


def test_each_task_is_told_when_it_is_done(data: Path) -> None:
    done: list[str] = []
    figures = evaluate(Known(), Sources(data), "test", done.append)
    assert (
        done
        == [each.task for each in figures]
        == ["sentiment", "tweet_emotion", "offensive", "irony", "irony", "entities"]
    )
    assert {each.split for each in figures} == {"test"}


def test_only_our_own_network_is_judged_as_told_the_language(data: Path) -> None:
    scorer = NeuralScorer(Options(threads=1))
    figures = {(each.task, each.data): each for each in evaluate(scorer, Sources(data), "validation")}
    assert all(each.told is not None for each in figures.values())
    sentiment = figures["sentiment", "TweetEval sentiment"]
    assert sentiment.served == pytest.approx(2 / 3), "Spanish is not answered as served"
    assert figures["irony", "TweetEval irony"].served is None


def test_intent_is_validated_on_what_has_one(data: Path) -> None:
    examples = intent_validation(Sources(data))
    assert [HEADS["intent"][each.labels["intent"][0]] for each in examples] == [
        *("praise", "question", "complaint"),
        "question",
        "purchase",
    ]


ADA = "Ada|B-person Brill|I-person loves|O Lumora|B-corporation / nothing|O here|O"
SENTENCE = "Ada Brill loves Lumora"


@pytest.mark.parametrize(
    ("said", "f1"),
    [
        ([("Ada Brill", "PER"), ("Lumora", "ORG")], 1.0),
        ([("Ada Brill", "PER")], 2 / 3),
        ([("Ada", "PER"), ("Lumora", "ORG")], 0.5),
        ([("Ada Brill", "LOC"), ("Lumora", "PRODUCT")], 0.0),
        ([("da Bril", "PER"), ("umor", "ORG")], 1.0),
        ([("Ada Brill loves", "PER"), ("Lumora", "ORG")], 0.5),
        ([], 0.0),
    ],
)
def test_entities_are_compared_by_the_words_that_they_touch(data: Path, said: list[tuple[str, str]], f1: float) -> None:
    assert _wnut(data, ADA, {SENTENCE: said}) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("annotated", "said"),
    [
        ("A|B-person B|B-person", [("A", "PER"), ("B", "PER")]),
        ("A|I-person B|I-person", [("A B", "PER")]),
        ("A|B-person B|I-location", [("A", "PER"), ("B", "LOC")]),
        ("A|B-group B|I-group C|O", [("A B", "GROUP")]),
        ("A|B-product B|B-creative-work", [("A", "PRODUCT"), ("B", "WORK")]),
    ],
)
def test_annotations_become_entities_of_our_types(data: Path, annotated: str, said: list[tuple[str, str]]) -> None:
    text = " ".join(word.split("|")[0] for word in annotated.split())
    assert _wnut(data, annotated, {text: said}) == 1.0


def test_an_entity_found_in_a_sentence_without_any_is_wrong(data: Path) -> None:
    names = {SENTENCE: [("Ada Brill", "PER"), ("Lumora", "ORG")], "nothing here": [("here", "LOC")]}
    assert _wnut(data, ADA, names) == pytest.approx(2 * 2 / (2 + 3))


def test_groups_are_organisations_in_the_broad_twitter_corpus(data: Path) -> None:
    annotated = "The|O Smiths|B-ORG saw|O Paris|B-LOC"
    for kind in ("ORG", "GROUP"):
        assert _broad(data, annotated, {"The Smiths saw Paris": [("Smiths", kind), ("Paris", "LOC")]}) == 1.0
    assert _broad(data, annotated, {"The Smiths saw Paris": [("Smiths", "PER"), ("Paris", "LOC")]}) == 0.5


def test_what_the_broad_twitter_corpus_does_not_annotate_is_not_counted_there(data: Path) -> None:
    names = {"my Lumora in Paris": [("Lumora", "PRODUCT"), ("my", "WORK"), ("Paris", "LOC")]}
    assert _broad(data, "my|O Lumora|O in|O Paris|B-LOC", names) == 1.0


def test_the_sign_of_a_mention_is_an_entity_there_where_its_name_is_one(data: Path) -> None:
    annotated = "@|B-PER ada|B-PER in|O Paris|B-LOC"
    text = "@ ada in Paris"
    assert _broad(data, annotated, {text: [("ada", "PER"), ("Paris", "LOC")]}) == 1.0
    assert _broad(data, annotated, {text: [("Paris", "LOC")]}) == pytest.approx(2 * 1 / (3 + 1))
    assert _broad(data, annotated, {text: [("ada", "ORG"), ("Paris", "LOC")]}) == pytest.approx(2 * 1 / (3 + 3))
