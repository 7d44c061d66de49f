"""A small excerpt of the real public data, in the same layout, and a recipe that trains on it within seconds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from msgspec.structs import replace

from alphaads_pipelines.nlp.training.fit import Schedule
from alphaads_pipelines.nlp.training.recipe import Recipe

TINY = Recipe(
    layers=(0,),
    schedule=Schedule(epochs=1.0, seed=5),
    refinement=replace(Recipe().refinement, seed=5),
    distillation=replace(Recipe().distillation, seed=5, epochs=1.0),
    examples=240,
    threads=1,
)
_LINES, _SENTENCES = 90, 40
_TWEETEVAL = [f"{task}/{split}" for task in ("emotion", "offensive", "irony") for split in ("train", "val")]
_HEADS = (
    *(f"tweeteval/{each}_{part}.txt" for each in (*_TWEETEVAL, "sentiment/val") for part in ("text", "labels")),
    *(f"goemotions/{each}" for each in ("ekman/train.tsv", "ekman/dev.tsv", "ekman/labels.txt")),
    *(f"goemotions/{each}" for each in ("original/train.tsv", "original/dev.tsv", "original/labels.txt")),
    "semeval2017_task4A/train_merged.tsv",
)
_CONLL = (
    *("wnut17/wnut17train.conll", "wnut17/emerging.dev.conll"),
    *("broad_twitter_corpus/btc.train", "broad_twitter_corpus/btc.dev"),
)


def save_excerpt(data: Path, folder: Path) -> Path:
    """The first lines of each file that training reads; no test split is among them."""
    for name in _HEADS:
        _write(folder / name, "".join(f"{line}\n" for line in _lines(data / name)[:_LINES]))
    for name in _CONLL:
        sentences = "\n".join(_lines(data / name)).split("\n\n")
        _write(folder / name, "\n\n".join(sentences[:_SENTENCES]) + "\n")
    _write_requests(data, folder)
    _write_purchases(data, folder)
    return folder


def _write_requests(data: Path, folder: Path) -> None:
    """They are in the order of their labels, so that the first ones would be all alike."""
    name = "clinc150/data_full.json"
    rows = json.loads((data / name).read_text(encoding="utf-8"))
    _write(folder / name, json.dumps({split: rows[split][:: len(rows[split]) // _LINES] for split in ("train", "val")}))


def _write_purchases(data: Path, folder: Path) -> None:
    name = "purchase_intent_tweets/train.csv"
    with (data / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[: _LINES + 1]
    (folder / name).parent.mkdir(parents=True)
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
