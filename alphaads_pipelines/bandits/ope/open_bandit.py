"""Read the Open Bandit format: CSV with a line per shown item (Saito et al., arXiv:2008.07146).

Columns: `item_id`, `position`, `click`, `propensity_score` (or `action_prob`); `user_feature_*`, one-hot encoded;
`user-item_affinity_*`, one per item, which gives the number of items. Memory is 32 bytes a record and 4 per context
number, three times that while blocks are joined.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.ope.logs import Floats, Log
from alphaads_pipelines.errors import InvalidRequest

MOST_WORDS = 20
"""One-hot words per user feature; rarer ones are all 0."""

_BLOCK = 20_000
_GZIP = b"\x1f\x8b"
_PROPENSITY = ("propensity_score", "action_prob")
_AFFINITY, _USER = "user-item_affinity_", "user_feature_"


def read(path: Path, advance: Callable[[int], object] = lambda _: None) -> Log:
    """Read a file, gzip accepted.

    Parameters
    ----------
    advance: called with the number of further bytes.

    Raises
    ------
    InvalidRequest: a column is missing or a value is invalid; the message names file, line and column.
    """
    with _open_lines(path, advance) as lines:
        reader = csv.reader(lines)
        try:
            columns = _Columns(path.name, next(reader, []))
            while block := list(_rows(reader, len(columns.names), path.name)):
                columns.add(*zip(*block, strict=True))
        except (csv.Error, UnicodeDecodeError, EOFError, OSError, zlib.error):
            raise InvalidRequest(f"{path.name}: damaged after line {reader.line_num}") from None
    return columns.log()


@contextmanager
def _open_lines(path: Path, advance: Callable[[int], object]) -> Iterator[Iterator[str]]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        content = gzip.GzipFile(fileobj=raw) if packed else raw
        with io.TextIOWrapper(content, encoding="utf-8", newline="") as text:
            yield _lines(text, raw, advance)


def _lines(text: io.TextIOWrapper, raw: BinaryIO, advance: Callable[[int], object]) -> Iterator[str]:
    reported = 0
    for line in text:
        yield line
        if (at := raw.tell()) != reported:
            advance(at - reported)
            reported = at


def _rows(reader: Iterator[list[str]], width: int, name: str) -> Iterator[tuple[int, list[str]]]:
    for row in islice(reader, _BLOCK):
        line = reader.line_num  # type: ignore[attr-defined]
        if len(row) not in (0, width):
            raise InvalidRequest(f"{name} line {line}: {len(row)} columns where the first line has {width}")
        if row:
            yield line, row


class _Columns:
    def __init__(self, file: str, names: list[str]) -> None:
        self.file, self.names = file, names
        self._propensity = next((each for each in _PROPENSITY if each in names), _PROPENSITY[0])
        for name in ("item_id", "position", "click", self._propensity):
            if names.count(name) != 1:
                raise InvalidRequest(f"{file} line 1: the column {name} is needed, once")
        self._users = [at for at, each in enumerate(names) if each.startswith(_USER)]
        self._affinities = [at for at, each in enumerate(names) if each.startswith(_AFFINITY)]
        self._words: list[dict[str, int]] = [{} for _ in self._users]
        self._numbers: dict[str, list[Floats]] = {each: [] for each in ("item_id", "position", "click", "propensity")}
        self._codes: list[NDArray[np.int32]] = []
        self._affinity: list[NDArray[np.float32]] = []

    def add(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Add rows. Raises InvalidRequest."""
        columns = list(zip(*rows, strict=True))
        items = float(len(self._affinities) or np.inf)
        checks: dict[str, tuple[str, Callable[[Floats], NDArray[np.bool_]], str]] = {
            "item_id": ("item_id", lambda x: (x >= 0) & (x < items) & (x == x.round()), "is no item"),
            "position": ("position", lambda x: (x >= 0) & (x < 1_000) & (x == x.round()), "is no position"),
            "click": ("click", lambda x: (x == 0) | (x == 1), "must be 0 or 1"),
            "propensity": (self._propensity, lambda x: (x > 0) & (x <= 1), "must be above 0 and at most 1"),
        }
        for kept, (name, allowed, why) in checks.items():
            values = self._floats(name, lines, columns[self.names.index(name)])
            self._refuse(name, why, lines, ~allowed(values))
            self._numbers[kept].append(values)
        affinity = [self._floats(self.names[at], lines, columns[at]) for at in self._affinities]
        for at, values in zip(self._affinities, affinity, strict=True):
            self._refuse(self.names[at], "must be a number", lines, ~np.isfinite(values))
        self._affinity.append(np.array(affinity, dtype=np.float32).reshape(-1, len(rows)).T)
        codes = [
            [words.setdefault(each, len(words)) for each in columns[at]]
            for words, at in zip(self._words, self._users, strict=True)
        ]
        self._codes.append(np.array(codes, dtype=np.int32).reshape(-1, len(rows)).T)

    def log(self) -> Log:
        """Join the blocks. Raises InvalidRequest if empty."""
        if not self._codes:
            raise InvalidRequest(f"{self.file}: holds no records")
        item, position, click, propensity = (np.concatenate(each) for each in self._numbers.values())
        codes, affinity = np.concatenate(self._codes), np.concatenate(self._affinity)
        contexts = [_of_words(codes[:, at]) for at in range(codes.shape[1])]
        arms = len(self._affinities) or int(item.max()) + 1
        return Log(
            tuple(str(each) for each in range(arms)),
            item.astype(np.int64),
            propensity,
            click,
            np.hstack([*contexts, affinity]),
            position.astype(np.int64),
        )

    def _floats(self, name: str, lines: Sequence[int], texts: Sequence[str]) -> Floats:
        try:
            return np.array(texts, dtype=np.float64)
        except ValueError:
            self._refuse(name, "must be a number", lines, np.array([not _is_number(each) for each in texts]))
            raise

    def _refuse(self, name: str, why: str, lines: Sequence[int], wrong: NDArray[np.bool_]) -> None:
        if wrong.any():
            raise InvalidRequest(f"{self.file} line {lines[int(wrong.argmax())]}: {name} {why}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _of_words(codes: NDArray[np.int32]) -> NDArray[np.float32]:
    frequent = np.sort(np.argsort(-np.bincount(codes), kind="stable")[:MOST_WORDS])
    return np.equal(codes[:, None], frequent).astype(np.float32)
