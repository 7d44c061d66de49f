"""Public datasets in small: their folders and formats, with SYNTHETIC texts that we wrote."""

from __future__ import annotations

import json
from pathlib import Path

SPANISH = "Me encanta, gracias por todo, lo recomiendo mucho"


def save_data(folder: Path) -> Path:
    """What `evaluate nlp` reads, laid out as docs/models.md says."""
    for split, spare in (("val", []), ("test", [("I love the lamp", 2)])):
        _tweeteval(folder, "sentiment", split, [("I hate this awful phone", 0), ("I love it", 2), (SPANISH, 1), *spare])
        _tweeteval(folder, "emotion", split, [("so angry right now", 0), ("what a lovely day", 1)])
        _tweeteval(folder, "offensive", split, [("have a nice day", 0), ("you are an idiot", 1)])
        _tweeteval(folder, "irony", split, [("the bus is at nine", 0), ("great, it broke again", 1)])
    _goemotions(folder / "goemotions")
    _write(folder / "clinc150" / "data_full.json", json.dumps({"val": [["where is my card", "card_arrival"]]}))
    _write(folder / "purchase_intent_tweets" / "train.csv", 'label,text\nyes,"I will buy it, today"\nno,not for me\n')
    named = "Ada\tB-person\nBrill\tI-person\nloves\tO\nLumora\tB-corporation\n\nnothing\tO\nhere\tO\n"
    _write(folder / "wnut17" / "emerging.dev.conll", named)
    _write(folder / "wnut17" / "emerging.test.annotated", named + "\nat\tO\nlast\tO\n")
    _write(folder / "broad_twitter_corpus" / "btc.dev", "@\tB-PER\nada\tI-PER\nin\tO\nParis\tB-LOC\n\nfine\tO\n")
    return folder


def _tweeteval(folder: Path, task: str, split: str, cases: list[tuple[str, int]]) -> None:
    _write(folder / "tweeteval" / task / f"{split}_text.txt", "".join(f"{text}\n" for text, _ in cases))
    _write(folder / "tweeteval" / task / f"{split}_labels.txt", "".join(f"{label}\n" for _, label in cases))


def _goemotions(folder: Path) -> None:
    cases = [("I love this so much", "1", "1"), ("why would they do that?", "2", "2"), ("[NAME] is furious", "0", "0")]
    _write(folder / "ekman" / "labels.txt", "anger\njoy\nneutral\n")
    _write(folder / "original" / "labels.txt", "annoyance\nadmiration\ncuriosity\n")
    for kind, place in (("ekman", 1), ("original", 2)):
        rows = (f"{case[0]}\t{case[place]}\tid{number}\n" for number, case in enumerate(cases))
        _write(folder / kind / "dev.tsv", "".join(rows))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
