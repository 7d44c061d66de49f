"""Reads the public datasets into examples and fixes their splits.

Sources and licences are in the model card. Only `evaluate nlp` reads test splits.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.nlp.heads import HEADS
from alphaads_pipelines.nlp.normalisation import MENTION
from alphaads_pipelines.nlp.training import intents

FEW_EXAMPLES = frozenset({"irony", "tweet_emotion"})
"""Tasks whose datasets are small."""


class Example(msgspec.Struct, gc=False):
    """A text with its labels.

    `labels` maps a task to label indices (several: equally likely). `words` are (start, end, correct tags) of an
    annotated sentence's words, else None.
    """

    text: str
    labels: dict[str, tuple[int, ...]] = {}
    words: list[tuple[int, int, frozenset[str]]] | None = None


_TWEETEVAL = {
    "emotion": "tweet_emotion",
    "offensive": "offensive",
    "irony": "irony",
}
_IRONIC_TAGS = ("#irony", "#sarcasm", "#not")
_IRONIC_TAG = re.compile(rf"(?:{'|'.join(_IRONIC_TAGS)})\b", re.IGNORECASE)
_SENTIMENT = {name: index for index, name in enumerate(HEADS["sentiment"])}
_WNUT_TYPES = {
    "person": "PER",
    "location": "LOC",
    "corporation": "ORG",
    "product": "PRODUCT",
    "creative-work": "WORK",
    "group": "GROUP",
}


class Sources:
    """The datasets, laid out as in docs/models.md. Raises InvalidRequest if a file is missing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def train(self) -> list[Example]:
        """All training examples."""
        examples = list(self._semeval())
        for folder in _TWEETEVAL:
            some = self.tweeteval(folder, "train")
            examples += some if folder != "irony" else _with_authors_tags(some)
        examples += self.goemotions("train")
        examples += self.clinc("train")
        examples += self.purchase("train")
        examples += self.wnut17("train")
        examples += self.broad_twitter("train")
        return examples

    def tweeteval(self, folder: str, split: str) -> list[Example]:
        """A split of a TweetEval task (Barbieri et al. 2020, arXiv:2010.12421)."""
        task = _TWEETEVAL.get(folder, folder)
        texts = self._lines(f"tweeteval/{folder}/{split}_text.txt")
        labels = self._lines(f"tweeteval/{folder}/{split}_labels.txt")
        return [Example(text, {task: (int(label),)}) for text, label in zip(texts, labels, strict=True)]

    def goemotions(self, split: str) -> list[Example]:
        """A split of GoEmotions (Demszky et al. 2020, arXiv:2005.00547): Ekman's emotions, and mapped intent."""
        order = [HEADS["emotion"].index(name) for name in self._lines("goemotions/ekman/labels.txt")]
        names = self._lines("goemotions/original/labels.txt")
        ekman = self._rows(f"goemotions/ekman/{split}.tsv")
        original = self._rows(f"goemotions/original/{split}.tsv")
        return [
            Example(
                text.replace("[NAME]", MENTION),
                {
                    "emotion": tuple(order[int(label)] for label in labels.split(",")),
                    **intents.of_emotions(text, [names[int(each)] for each in fine.split(",")]),
                },
            )
            for (text, labels, _), (_, fine, _) in zip(ekman, original, strict=True)
        ]

    def clinc(self, split: str) -> list[Example]:
        """A split of CLINC150 (Larson et al. 2019): requests mapped to intent."""
        rows = json.loads(self._text("clinc150/data_full.json"))[split]
        return [Example(text, intents.of_request(text, name)) for text, name in rows]

    def purchase(self, split: str) -> list[Example]:
        """Tweets annotated for purchase intent; every fifth is for validation."""
        with self._path("purchase_intent_tweets/train.csv").open(encoding="utf-8", newline="") as file:
            rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
        chosen = [row for number, row in enumerate(rows) if (number % 5 == 0) == (split == "val")]
        found = ((text, intents.of_purchase_label(text, label)) for text, label in chosen)
        return [Example(text, labels) for text, labels in found if labels]

    def wnut17(self, split: str) -> list[Example]:
        """A split of WNUT17 (Derczynski et al. 2017): emerging and rare entities."""
        name = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}[split]
        return [_tagged(words, _exactly) for words in self._sentences(f"wnut17/{name}")]

    def broad_twitter(self, split: str) -> list[Example]:
        """A split of the Broad Twitter Corpus (Derczynski et al. 2016), which does not separate groups from companies,
        nor products and works from non-entities."""
        return [_tagged(words, _broadly) for words in self._sentences(f"broad_twitter_corpus/btc.{split}")]

    def _semeval(self) -> Iterator[Example]:
        """SemEval-2017 task 4A (Rosenthal et al. 2017) without TweetEval's validation and test tweets."""
        for _, label, text, _ in self._rows("semeval2017_task4A/train_merged.tsv")[1:]:
            yield Example(text.replace('""', '"'), {"sentiment": (_SENTIMENT[label],)})

    def _path(self, name: str) -> Path:
        path = self.directory / name
        if not path.is_file():
            raise InvalidRequest(f"{path} is missing; docs/models.md says where each dataset comes from")
        return path

    def _text(self, name: str) -> str:
        return self._path(name).read_text(encoding="utf-8")

    def _lines(self, name: str) -> list[str]:
        return self._text(name).removesuffix("\n").split("\n")

    def _rows(self, name: str) -> list[list[str]]:
        return [line.split("\t") for line in self._lines(name)]

    def _sentences(self, name: str) -> Iterator[list[tuple[str, str]]]:
        sentence: list[tuple[str, str]] = []
        for line in [*self._lines(name), ""]:
            word, _, tag = line.strip("\r").partition("\t")
            if word.strip() and tag:
                sentence.append((word, tag.split("\t")[0].strip()))
            elif sentence and not line.strip():
                yield sentence
                sentence = []


def _with_authors_tags(examples: list[Example]) -> list[Example]:
    """Restore an irony hashtag to half as many tweets as had one before the corpus's makers removed them: all ironic
    ones and a quarter of the rest (Van Hee et al. 2018)."""
    counts = dict.fromkeys((0, 1), 0)
    found = []
    for example in examples:
        (label,) = example.labels["irony"]
        counts[label] += 1
        every = 2 if label else 8
        has_one = counts[label] % every == 0
        tag = f" {_IRONIC_TAGS[counts[label] // every % len(_IRONIC_TAGS)]}" if has_one else ""
        found.append(Example(example.text + tag, example.labels))
    return found


def without_authors_tags(examples: list[Example]) -> list[Example]:
    """Remove the hashtags already removed from training tweets."""
    return [Example(_IRONIC_TAG.sub("", each.text), each.labels) for each in examples]


def _tagged(words: list[tuple[str, str]], allowed: Callable[[str], frozenset[str]]) -> Example:
    places, at = [], 0
    for word, tag in words:
        places.append((at, at + len(word), allowed(tag)))
        at += len(word) + 1
    return Example(" ".join(word for word, _ in words), words=places)


def _exactly(tag: str) -> frozenset[str]:
    mark, _, kind = tag.partition("-")
    return frozenset([f"{mark}-{_WNUT_TYPES[kind]}" if kind else "O"])


def _broadly(tag: str) -> frozenset[str]:
    if tag == "O":
        return frozenset(["O", *(f"{mark}-{kind}" for kind in ("PRODUCT", "WORK", "GROUP") for mark in "BI")])
    mark, _, kind = tag.partition("-")
    return frozenset([tag, f"{mark}-GROUP"] if kind == "ORG" else [tag])
