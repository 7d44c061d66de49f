"""Evaluates scorers on public datasets by their authors' measures, beside published results.

All texts are English: a scorer is evaluated as it serves (a null is a miss) and, if supported, with the language given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from alphaads_pipelines.nlp.base import Entity, Score, Scorer
from alphaads_pipelines.nlp.heads import HEADS, IRONY
from alphaads_pipelines.nlp.neural import NeuralScorer
from alphaads_pipelines.nlp.training import metrics
from alphaads_pipelines.nlp.training.sources import Example, Sources, without_authors_tags

Ints = metrics.Ints
_NOTHING = -1


class Figure(msgspec.Struct, frozen=True):
    """One task's figure on one split, as a share of 1.

    `served` uses `score`, None if it has no such field; `told` is with the language given; `published` maps systems to
    figures.
    """

    task: str
    data: str
    split: str
    measure: str
    cases: int
    served: float | None
    told: float | None
    published: dict[str, float]


class _Task(msgspec.Struct, frozen=True):
    task: str
    data: str
    measure: str
    value: Callable[[Ints, Ints], float]
    read: Callable[[Sources, str], list[Example]]
    splits: dict[str, str]
    published: dict[str, float]
    label: int | None = None
    """The label measured by F1; None if all count alike."""


def _single(examples: list[Example], task: str) -> list[Example]:
    return [each for each in examples if len(each.labels.get(task, ())) == 1]


TASKS: tuple[_Task, ...] = (
    _Task(
        "sentiment",
        "TweetEval sentiment",
        "macro recall",
        lambda truth, said: metrics.macro_recall(truth, said, 3),
        lambda sources, split: sources.tweeteval("sentiment", split),
        {"validation": "val", "test": "test"},
        {"SVM": 0.629, "RoBERTa-base": 0.713, "best": 0.737},
    ),
    _Task(
        "tweet_emotion",
        "TweetEval emotion",
        "macro F1",
        lambda truth, said: metrics.macro_f1(truth, said, 4),
        lambda sources, split: sources.tweeteval("emotion", split),
        {"validation": "val", "test": "test"},
        {"SVM": 0.647, "RoBERTa-base": 0.761, "best": 0.802},
    ),
    _Task(
        "emotion",
        "GoEmotions Ekman",
        "macro F1",
        lambda truth, said: metrics.macro_f1(truth, said, 7),
        lambda sources, split: _single(sources.goemotions(split), "emotion"),
        {"validation": "dev"},
        {"BERT-base (test, multi-label)": 0.64},
    ),
    _Task(
        "offensive",
        "TweetEval offensive",
        "macro F1",
        lambda truth, said: metrics.macro_f1(truth, said, 2),
        lambda sources, split: sources.tweeteval("offensive", split),
        {"validation": "val", "test": "test"},
        {"RoBERTa-base": 0.795, "best": 0.822},
    ),
    _Task(
        "irony",
        "TweetEval irony",
        "F1 of ironic",
        lambda truth, said: metrics.f1(truth, said, 1),
        lambda sources, split: sources.tweeteval("irony", split),
        {"validation": "val", "test": "test"},
        {"RoBERTa-base": 0.597, "best": 0.821},
        IRONY.index("ironic"),
    ),
    _Task(
        "irony",
        "TweetEval irony, authors' tags taken out",
        "F1 of ironic",
        lambda truth, said: metrics.f1(truth, said, 1),
        lambda sources, split: without_authors_tags(sources.tweeteval("irony", split)),
        {"test": "test"},
        {},
        IRONY.index("ironic"),
    ),
    _Task(
        "intent",
        "weak labels (docs/models.md)",
        "macro F1",
        lambda truth, said: metrics.macro_f1(truth, said, 5),
        lambda sources, split: intent_validation(sources),
        {"validation": "val"},
        {},
    ),
)


def validated() -> list[_Task]:
    """Tasks with a validation set, one per head."""
    return [task for task in TASKS if "validation" in task.splits]


def intent_validation(sources: Sources) -> list[Example]:
    """Validation set of intent, weakly labelled (docs/models.md)."""
    examples = [*sources.goemotions("dev"), *sources.clinc("val"), *sources.purchase("val")]
    return [each for each in examples if "intent" in each.labels]


def evaluate(
    scorer: Scorer, sources: Sources, split: str, done: Callable[[str], None] = lambda _: None
) -> list[Figure]:
    """Evaluate a scorer.

    Parameters
    ----------
    split: "validation" or "test"; use test once, for the chosen model.
    done: called with each finished task.
    """
    figures = []
    for figure in _figures(scorer, sources, split):
        figures.append(figure)
        done(figure.task)
    return figures


def _figures(scorer: Scorer, sources: Sources, split: str) -> Iterator[Figure]:
    for task in TASKS:
        if split in task.splits:
            yield _figure(scorer, task, task.read(sources, task.splits[split]), split)
    yield _entity_figure(scorer, "WNUT17", sources.wnut17("dev" if split == "validation" else "test"), split)
    if split == "validation":
        yield _entity_figure(scorer, "Broad Twitter Corpus", sources.broad_twitter("dev"), split, _BROAD)


def _figure(scorer: Scorer, task: _Task, examples: list[Example], split: str) -> Figure:
    texts = [each.text for each in examples]
    truth = np.array([each.labels[task.task][0] for each in examples])
    served = told = None
    if task.task in Score.__struct_fields__:
        said = [getattr(score, task.task) for score in scorer.score(texts)]
        names = HEADS[task.task]
        found = np.array([_NOTHING if label is None else names.index(label.label) for label in said])
        served = None if (found == _NOTHING).all() else task.value(truth, found)
    if isinstance(scorer, NeuralScorer):
        told = task.value(truth, scorer.classify(texts).probabilities[task.task].argmax(1))
    return Figure(task.task, task.data, split, task.measure, len(texts), served, told, task.published)


_BROAD = {"PER": "PER", "LOC": "LOC", "ORG": "ORG", "GROUP": "ORG"}
"""Types annotated by the Broad Twitter Corpus, groups as organisations."""


def _entity_figure(
    scorer: Scorer, data: str, examples: list[Example], split: str, types: dict[str, str] | None = None
) -> Figure:
    texts = [each.text for each in examples]
    gold = [_gold(each) for each in examples]

    def value(found: list[list[Entity]]) -> float:
        said = [_words(example, entities, types) for example, entities in zip(examples, found, strict=True)]
        if types is not None:
            said = [[*spans, *_signs(example, spans)] for example, spans in zip(examples, said, strict=True)]
        return metrics.span_f1(gold, said)

    served = value([score.entities or [] for score in scorer.score(texts)])
    told = value(scorer.classify(texts).entities) if isinstance(scorer, NeuralScorer) else None
    return Figure("entities", data, split, "entity F1", len(texts), served, told, {})


def _gold(example: Example) -> list[metrics.Span]:
    spans: list[metrics.Span] = []
    for number, (_, _, allowed) in enumerate(example.words or []):
        # A group is allowed where the corpus says organisation; the corpus's own type counts.
        tag = next((each for each in sorted(allowed) if each == "O" or not each.endswith("GROUP")), min(allowed))
        mark, _, kind = tag.partition("-") if "O" not in allowed else ("O", "", "")
        if mark == "I" and spans and spans[-1][1] == number and spans[-1][2] == kind:
            spans[-1] = (spans[-1][0], number + 1, kind)
        elif kind:
            spans.append((number, number + 1, kind))
    return spans


def _words(example: Example, entities: Sequence[Entity], types: dict[str, str] | None) -> list[metrics.Span]:
    """Word spans in the corpus's types; others are dropped."""
    words = example.words or []
    spans = []
    for entity in entities:
        kind = entity.type if types is None else types.get(entity.type)
        touched = [at for at, (start, end, _) in enumerate(words) if start < entity.end and entity.start < end]
        if kind and touched:
            spans.append((touched[0], touched[-1] + 1, kind))
    return spans


def _signs(example: Example, spans: Sequence[metrics.Span]) -> list[metrics.Span]:
    """Spans of @ signs: the Broad Twitter Corpus splits mentions and tags the sign like the name."""
    words = example.words or []
    signs = {number for number, (start, end, _) in enumerate(words) if example.text[start:end] == "@"}
    return [(first - 1, first, kind) for first, _, kind in spans if first - 1 in signs]
