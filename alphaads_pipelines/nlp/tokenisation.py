"""Word pieces of normalised posts, with character offsets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from alphaads_pipelines.nlp.normalisation import Normal, normalise

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Ints = npt.NDArray[np.int64]

WINDOW = 128
"""Pieces per encoder pass, both end marks included."""

SHAPES = 8
"""Number of shapes (`Window.shapes`): how a piece is written, since the vocabulary is in lower case."""
_OTHER, _LOWER, _TITLE, _CAPITALS, _CAPITAL, _MIXED, _DIGITS, _MARK = range(SHAPES)


class Window(msgspec.Struct, frozen=True, gc=False):
    """Part of a post: piece ids, shapes, and (start, end) in the normalised text; (0, 0) for end marks."""

    post: int
    ids: list[int]
    shapes: list[int]
    offsets: list[tuple[int, int]]
    starts_word: list[bool]


class HasPieces(Protocol):
    """Anything with piece ids and shapes."""

    @property
    def ids(self) -> list[int]:
        """Piece ids in order."""

    @property
    def shapes(self) -> list[int]:
        """Shape of each piece."""


def padded(group: Sequence[HasPieces]) -> tuple[Ints, Ints, Ints]:
    """Pad a group to (group, pieces) arrays of ids, shapes and mask (1 on pieces)."""
    size = len(group), max(len(each.ids) for each in group)
    ids, shapes, mask = (np.zeros(size, np.int64) for _ in range(3))
    for row, each in enumerate(group):
        length = len(each.ids)
        ids[row, :length], shapes[row, :length], mask[row, :length] = each.ids, each.shapes, 1
    return ids, shapes, mask


class WordPieces:
    """Splits posts into windows of word pieces (WordPiece; Wu et al. 2016, arXiv:1609.08144)."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self.tokenizer: Tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(WINDOW)
        self._shapes: dict[str, int] = {}

    def windows(self, texts: Sequence[str]) -> tuple[list[Normal], list[Window]]:
        """Normalised texts, and one or more windows of each."""
        normal = [normalise(text) for text in texts]
        windows = []
        for post, encoding in enumerate(self.tokenizer.encode_batch([each.text for each in normal])):
            for part in (encoding, *encoding.overflowing):
                windows.append(self._window(post, part, normal[post].text))
        return normal, windows

    def _window(self, post: int, part: Encoding, text: str) -> Window:
        offsets = part.offsets
        words = part.word_ids
        return Window(
            post,
            part.ids,
            [self._shape(text[start:end]) for start, end in offsets],
            offsets,
            [word != before for word, before in zip(words, [-1, *words], strict=False)],
        )

    def _shape(self, piece: str) -> int:
        shape = self._shapes.get(piece)
        if shape is None:
            if len(self._shapes) > 100_000:
                self._shapes.clear()
            shape = self._shapes[piece] = shape_of(piece)
        return shape


def shape_of(piece: str) -> int:
    """Classify the spelling of a piece, 0 to `SHAPES` - 1."""
    if not piece:
        return _OTHER
    if piece.islower():
        return _LOWER
    if piece.isupper():
        return _CAPITALS if len(piece) > 1 else _CAPITAL
    if piece.istitle():
        return _TITLE
    if piece.isalpha():
        return _MIXED
    return _DIGITS if piece.isdigit() else _MARK
