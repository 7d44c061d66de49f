"""Texts for tests of scorers: awkward ones by hypothesis, and the public ones beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

_PIECES = (
    *("good", "GREAT", "hate", "not", "but", "kind of", "can't stand", "never so", "n't", "me encanta", "愛してる"),
    *("😡", "❤️", "👩🏽‍🚀", "🇺🇸", "1️⃣", "\U0001f3fb", "\u200d", "\ufe0f", ":)", ":(", "!", "??", "."),
    *("@", "@someone", "https://", "www.", "&amp;", "&#", "&#x", "&#128545;", "9" * 5_000, "&lt"),
    *("\u200b", "\u202e", "\u2066", "\ufeff", "\x00", "\x1b[0m", "\x85", "\u2028", "\ud83d", "\udc00", "\n", "\t", "İ"),
)
_ANY_CHARACTER = st.characters(exclude_categories=())  # lone surrogates too
TEXTS = st.text(_ANY_CHARACTER, max_size=60) | st.builds(
    str.join, st.sampled_from(["", " "]), st.lists(st.sampled_from(_PIECES) | st.text(_ANY_CHARACTER, max_size=5))
)
"""Any string at all, or one put together of what is hard to read."""

AWKWARD = [
    *(
        "",
        " ",
        "\n\t ",
        "\u200b",
        "\u200d\ufe0f",
        "\x00",
        "\ud800",
        "\udfff\ud800",
        "\ud83d half an emoji",
        "\u202eevol",
    ),
    *(
        "&#" + "9" * 6_000 + ";",
        "&#x" + "f" * 6_000 + ";",
        "&" * 10_001,
        "@" * 10_001,
        "https://" * 2_000,
        "a" * 12_000,
    ),
    *("but good " * 3_000, "😡" * 10_001, "can't " * 4_000, "so good " * 4_000, "!" * 20_000, "\u200dgood" * 5_000),
    *("👨‍👩‍👧‍👦" * 2_000, "\u0301" * 10_001, "http://" + "a." * 10_000, "愛" * 12_000, "GREAT " * 5_000, ":) " * 5_000),
]


def tweets(shared_data: Path, split: str) -> tuple[list[str], list[str]]:
    """Texts and sentiments of TweetEval's `split`."""
    folder = shared_data / "tweeteval" / "sentiment"
    names = dict(line.split("\t") for line in (folder / "mapping.txt").read_text().splitlines())
    labels = [names[label] for label in (folder / f"{split}_labels.txt").read_text().split()]
    texts = (folder / f"{split}_text.txt").read_text().removesuffix("\n").split("\n")
    assert len(texts) == len(labels)
    return texts, labels


def every_emoji(shared_data: Path) -> list[str]:
    """Unicode's fully-qualified emoji."""
    lines = (shared_data / "unicode_emoji" / "emoji-test.txt").read_text().splitlines()
    codes = [line.split(";")[0].split() for line in lines if "; fully-qualified" in line]
    return ["".join(chr(int(code, 16)) for code in each) for each in codes]


def bad_inputs(shared_data: Path) -> list[str]:
    """Every string in the files of naughty strings and injected prompts."""
    files = sorted((shared_data / "bad_inputs").glob("*.json"))
    return [text for file in files for text in _strings(json.loads(file.read_text()))]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
