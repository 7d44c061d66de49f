"""The starting encoder's WordPiece vocabulary, with emoji in unused slots."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from alphaads_pipelines.nlp.emoji import PICTURES, VALENCE
from alphaads_pipelines.nlp.normalisation import MENTION, normalise

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_UNUSED = re.compile(r"\[unused\d+\]")


def emoji_by_use(texts: Iterable[str]) -> list[str]:
    """Emoji to add: the mention sign, those with a valence, those in the texts, most frequent first."""
    used = Counter(
        char for text in texts if not text.isascii() for char in normalise(text).text if PICTURES.match(char)
    )
    return list(dict.fromkeys([MENTION, *VALENCE, *(char for char, _ in used.most_common())]))


def build_tokenizer(original: Path, emoji: Iterable[str]) -> tuple[Tokenizer, dict[int, list[int]]]:
    """Build a tokenizer with as many of the emoji as fit.

    Returns
    -------
    The tokenizer, and emoji id -> piece ids of its Unicode name.
    """
    from tokenizers import Tokenizer

    described = json.loads(original.read_text(encoding="utf-8"))
    described["truncation"] = described["padding"] = None
    vocabulary = described["model"]["vocab"]
    named = Tokenizer.from_str(json.dumps(described))
    unused = sorted((name for name in vocabulary if _UNUSED.fullmatch(name)), key=vocabulary.__getitem__)
    new = [char for char in emoji if char not in vocabulary]
    names = {}
    for slot, char in zip(unused, new, strict=False):
        number = vocabulary[char] = vocabulary.pop(slot)
        name = unicodedata.name(char, "symbol").lower()
        names[number] = named.encode("mention" if char == MENTION else name, add_special_tokens=False).ids
    return Tokenizer.from_str(json.dumps(described)), names
