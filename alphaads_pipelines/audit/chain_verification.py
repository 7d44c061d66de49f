"""Verify one chain of the audit log and classify its problems.

Missing numbers of authentic lines were edited (replaced by a foreign line), deleted, or cut off (at the end);
duplicates were inserted, numbers out of order moved. A rewrite with the audit key is revealed only by the checkpoints.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alphaads_pipelines.audit.chain import ChainHead, chain_path, head_path, unpack_head
from alphaads_pipelines.audit.checkpoints import Checkpoint
from alphaads_pipelines.audit.entries import GENESIS_MAC, AuditKeys, Line, decode
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
    """A sign of tampering or damage.

    Attributes
    ----------
    kind: one of the constants above. where: the chain, or `checkpoints`. place: line, entry or checkpoint.
    """

    kind: str
    where: str
    place: str


@dataclass(slots=True)
class ChainFindings:
    """Head of a chain, entries not covered by a checkpoint, and problems."""

    head: ChainHead
    uncovered: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _AuthenticLine:
    at: int
    number: int
    mac: str
    previous: str


def verify_chain(keys: AuditKeys, folder: Path, writer: str, checkpoints: Sequence[Checkpoint]) -> ChainFindings:
    """Verify a chain against its head and its checkpoints, in order. Raises StoreUnavailable."""
    head = _read_head(keys, folder, writer)  # read first: lines may be appended meanwhile
    lines = _read_lines(folder, writer)
    if lines is None:
        return ChainFindings(ChainHead(0, GENESIS_MAC), problems=[Problem(MISSING, writer, "the whole chain")])
    verifier = _ChainVerifier(keys, writer, lines, head)
    findings = verifier.check()
    if lines and not checkpoints:
        findings.problems.append(Problem(UNKNOWN, writer, "no checkpoint tells of this chain"))
    findings.problems += verifier.check_checkpoints(checkpoints)
    covered = max((checkpoint.entries for checkpoint in checkpoints), default=0)
    findings.uncovered = max(0, findings.head.entries - covered)
    return findings


def read_chain(keys: AuditKeys, folder: Path, writer: str) -> Iterator[Line]:
    """Authentic entries in file order. Raises StoreUnavailable."""
    for line in _read_lines(folder, writer) or []:
        if (found := decode(keys, line)) is not None:
            yield found


class _ChainVerifier:
    """Verification of one chain, from its lines without newlines; `head` is None if not authentic."""

    def __init__(self, keys: AuditKeys, writer: str, lines: Sequence[bytes], head: ChainHead | None) -> None:
        self._writer, self._head, self._lines = writer, head, len(lines)
        self._found = list(_authentic_lines(keys, writer, lines))
        self._by_number: dict[int, _AuthenticLine] = {}

    def check(self) -> ChainFindings:
        """Check lines and head."""
        problems = [*self._order(), *self._gaps(), *self._links(), *self._end()]
        last = self._by_number[max(self._by_number)] if self._by_number else None
        return ChainFindings(ChainHead(last.number, last.mac) if last else ChainHead(0, GENESIS_MAC), problems=problems)

    def check_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> Iterator[Problem]:
        """Compare with the checkpoints."""
        for checkpoint in checkpoints:
            entry = self._by_number.get(checkpoint.entries)
            if checkpoint.entries and (entry is None or entry.mac != checkpoint.head):
                kind = REWRITTEN if entry else CUT_OFF
                yield self._problem(kind, f"entry {checkpoint.entries}, of checkpoint {checkpoint.checkpoint_id}")

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
        """Foreign lines fill missing numbers as edited; surplus ones were inserted."""
        expected = max(max(self._by_number, default=0), self._head.entries if self._head else 0)
        missing = [number for number in range(1, expected + 1) if number not in self._by_number]
        numbers, before, replaced = {each.at: each.number for each in self._found}, 0, set[int]()
        for at in range(1, self._lines + 1):
            if at in numbers:
                before = max(before, numbers[at])
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
            previous = before.mac if before else GENESIS_MAC if number == 1 else each.previous
            if each.previous != previous:
                yield self._problem(REWRITTEN, f"line {each.at}, entry {number} does not follow the one before")

    def _end(self) -> Iterator[Problem]:
        head, last = self._head, max(self._by_number, default=0)
        if head is None:
            yield self._problem(EDITED, "the head")
        elif last > head.entries + 1:  # a crash between an entry and its head leaves one more
            yield self._problem(EDITED, f"the head stands at entry {head.entries}")
        elif head.entries in self._by_number and self._by_number[head.entries].mac != head.mac:
            yield self._problem(REWRITTEN, f"entry {head.entries} is not that of the head")

    def _problem(self, kind: str, place: str) -> Problem:
        return Problem(kind, self._writer, place)


def _authentic_lines(keys: AuditKeys, writer: str, lines: Sequence[bytes]) -> Iterator[_AuthenticLine]:
    for at, content in enumerate(lines, 1):
        line = decode(keys, content)
        if line is not None and line.entry.writer == writer:
            yield _AuthenticLine(at, line.entry.number, line.mac, line.entry.previous)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
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
    """Complete lines; a line torn by a crash was never acknowledged."""
    try:
        return chain_path(folder, writer).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable("the audit log cannot be read") from error
