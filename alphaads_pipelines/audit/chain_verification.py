"""Is one chain of the audit log as it was written? What is not is named by kind and place.

Each line proves itself with the audit key, so lines fall into those that are ours and those that are not. The numbers
of ours then say what happened: one that is missing was edited if a line that is not ours stands in its place, else
deleted, or cut off if it is the last; one that comes twice was inserted, one out of order was moved. Who has the audit
key, too, can write a chain anew without a trace in it; only the checkpoints, whose key is another, tell that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alphaads_pipelines.audit.chain import ChainHead, chain_path, head_path, unpack_head
from alphaads_pipelines.audit.checkpoints import Checkpoint
from alphaads_pipelines.audit.entries import NOTHING_BEFORE, AuditKeys, Line, decode
from alphaads_pipelines.errors import StoreUnavailable

EDITED, INSERTED, DELETED, MOVED, CUT_OFF, REWRITTEN, MISSING, UNKNOWN = (
    "edited",
    "inserted",
    "deleted",
    "moved",
    "cut_off",
    "rewritten",
    "missing",
    "unknown",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that nobody of ours did.

    Attributes
    ----------
    kind: edited, inserted, deleted, moved, cut_off, rewritten, missing or unknown.
    where: the chain, or `checkpoints`.
    place: the line, the entry or the checkpoint.
    """

    kind: str
    where: str
    place: str


@dataclass(slots=True)
class Judged:
    """What was found of one chain: its head, how many entries no checkpoint covers, and what is wrong."""

    head: ChainHead
    uncovered: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Ours:
    """A line that is ours, at its place in the file."""

    at: int
    number: int
    mac: str
    previous: str


def judge_chain(keys: AuditKeys, folder: Path, writer: str, marks: Sequence[Checkpoint]) -> Judged:
    """Read a whole chain and compare it with its head and its checkpoints, in their order. Raises StoreUnavailable."""
    head = _read_head(keys, folder, writer)  # before the lines: these may grow in the meantime
    lines = _read_lines(folder, writer)
    if lines is None:
        return Judged(ChainHead(0, NOTHING_BEFORE), problems=[Problem(MISSING, writer, "the whole chain")])
    judge = _Judge(keys, writer, lines, head)
    judged = judge.judge()
    if lines and not marks:
        judged.problems.append(Problem(UNKNOWN, writer, "no checkpoint tells of this chain"))
    judged.problems += judge.against(marks)
    covered = max((mark.entries for mark in marks), default=0)
    judged.uncovered = max(0, judged.head.entries - covered)
    return judged


def read_chain(keys: AuditKeys, folder: Path, writer: str) -> Iterator[Line]:
    """The entries of a chain that are ours, in the file's order. Raises StoreUnavailable."""
    for line in _read_lines(folder, writer) or []:
        if (found := decode(keys, line)) is not None:
            yield found


class _Judge:
    """One chain under judgement.

    Parameters
    ----------
    lines: the file's lines, without newlines.
    head: what the head's file says; None if that is missing or not ours.
    """

    def __init__(self, keys: AuditKeys, writer: str, lines: Sequence[bytes], head: ChainHead | None) -> None:
        self._writer, self._head, self._lines = writer, head, len(lines)
        self._found = list(_ours(keys, writer, lines))
        self._by_number: dict[int, _Ours] = {}

    def judge(self) -> Judged:
        """What its lines and its head say."""
        problems = [*self._order(), *self._gaps(), *self._links(), *self._end()]
        last = self._by_number[max(self._by_number)] if self._by_number else None
        return Judged(ChainHead(last.number, last.mac) if last else ChainHead(0, NOTHING_BEFORE), problems=problems)

    def against(self, marks: Iterable[Checkpoint]) -> Iterator[Problem]:
        """What does not agree with the checkpoints."""
        for mark in marks:
            entry = self._by_number.get(mark.entries)
            if mark.entries and (entry is None or entry.mac != mark.head):
                kind = REWRITTEN if entry else CUT_OFF
                yield self._problem(kind, f"entry {mark.entries}, of checkpoint {mark.checkpoint_id}")

    def _order(self) -> Iterator[Problem]:
        highest = 0
        for each in self._found:
            if each.number in self._by_number:
                yield self._problem(INSERTED, f"line {each.at}, a copy of entry {each.number}")
                continue
            self._by_number[each.number] = each
            if each.number < highest:
                yield self._problem(MOVED, f"line {each.at}, entry {each.number}")
            highest = max(highest, each.number)

    def _gaps(self) -> Iterator[Problem]:
        """Between two of our numbers: lines that are not ours stand for edited entries as far as there are entries."""
        expected = max(max(self._by_number, default=0), self._head.entries if self._head else 0)
        missing = [number for number in range(1, expected + 1) if number not in self._by_number]
        ours, before, replaced = {each.at: each.number for each in self._found}, 0, set[int]()
        for at in range(1, self._lines + 1):
            if at in ours:
                before = max(before, ours[at])
            elif (place := bisect_right(missing, before)) < len(missing):
                before = missing[place]
                replaced.add(before)
                yield self._problem(EDITED, f"line {at}, entry {before}")
            else:
                yield self._problem(INSERTED, f"line {at}")
        missing = [number for number in missing if number not in replaced]
        last = max(self._by_number, default=0)
        for first, final in _runs(missing):
            what = f"entry {first}" if first == final else f"entries {first} to {final}"
            yield self._problem(CUT_OFF if first > last else DELETED, what)

    def _links(self) -> Iterator[Problem]:
        for number, each in self._by_number.items():
            before = self._by_number.get(number - 1)
            previous = before.mac if before else NOTHING_BEFORE if number == 1 else each.previous
            if each.previous != previous:
                yield self._problem(REWRITTEN, f"line {each.at}, entry {number} does not follow the one before")

    def _end(self) -> Iterator[Problem]:
        head, last = self._head, max(self._by_number, default=0)
        if head is None:
            yield self._problem(EDITED, "the head")
        elif last > head.entries + 1:  # one more: a crash between an entry and its head
            yield self._problem(EDITED, f"the head stands at entry {head.entries}")
        elif head.entries in self._by_number and self._by_number[head.entries].mac != head.mac:
            yield self._problem(REWRITTEN, f"entry {head.entries} is not that of the head")

    def _problem(self, kind: str, place: str) -> Problem:
        return Problem(kind, self._writer, place)


def _ours(keys: AuditKeys, writer: str, lines: Sequence[bytes]) -> Iterator[_Ours]:
    for at, content in enumerate(lines, 1):
        line = decode(keys, content)
        if line is not None and line.entry.writer == writer:
            yield _Ours(at, line.entry.number, line.mac, line.entry.previous)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of numbers that follow each other."""
    start = 0
    for place, number in enumerate(numbers):
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            yield numbers[start], number
            start = place + 1


def _read_head(keys: AuditKeys, folder: Path, writer: str) -> ChainHead | None:
    try:
        return unpack_head(keys, writer, head_path(folder, writer).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable("the audit log cannot be read") from error


def _read_lines(folder: Path, writer: str) -> list[bytes] | None:
    """Whole lines; what stands behind the last newline was torn by a crash, and nobody was told that it is there."""
    try:
        return chain_path(folder, writer).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable("the audit log cannot be read") from error
