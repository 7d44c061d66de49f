"""Verify the whole audit log: chains, checkpoints, and the table's copy of the checkpoints.

Without keys, every change is detected. With the audit key a chain can be rewritten only after its last checkpoint; with
the signing key too, only a checkpoint file out of reach helps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from alphaads_pipelines.audit.chain import CHAIN_SUFFIX, head_path, unpack_head
from alphaads_pipelines.audit.chain_verification import (
    CUT_OFF,
    DELETED,
    EDITED,
    MOVED,
    ChainFindings,
    Problem,
    read_chain,
    verify_chain,
)
from alphaads_pipelines.audit.checkpoints import Checkpoint, Checkpoints
from alphaads_pipelines.audit.entries import AuditKeys, Line
from alphaads_pipelines.errors import StoreUnavailable

CLOSED = frozenset({"expired", "accepted"})
"""Kinds of last checkpoint after which a chain is no longer verified."""

CHECKPOINTS = "checkpoints"
"""`Problem.where` of problems outside any chain."""

ChainCheckpoints = Mapping[str, Sequence[Checkpoint]]
"""The checkpoints of each chain, in order."""


@dataclass(slots=True)
class Verdict:
    """Result of a verification.

    Attributes
    ----------
    chains, entries, checkpoints: numbers read.
    uncovered: entries newer than their chain's last checkpoint.
    accepted: broken chains acknowledged by a person.
    """

    chains: int = 0
    entries: int = 0
    checkpoints: int = 0
    uncovered: int = 0
    accepted: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Verifier:
    """Reads and verifies the audit log."""

    def __init__(self, folder: Path, keys: AuditKeys, checkpoints: Checkpoints) -> None:
        self._folder, self._keys, self._checkpoints = folder, keys, checkpoints

    def verify(self, *, only_new: bool = False) -> Verdict:
        """Verify everything or, with `only_new`, chains with uncovered entries. Raises StoreUnavailable."""
        verdict = Verdict()
        names, by_chain = self._chains(), self._read_checkpoints(verdict)
        suspects = []
        for writer in sorted({*names, *by_chain}):
            if not self._is_skipped(verdict, writer, by_chain, only_new):
                findings = self.verify_chain(writer, by_chain)
                suspects += [writer] if findings.problems else []
                _count(verdict, findings)
        if suspects:
            self._recheck(verdict, suspects)
        return verdict

    def verify_chain(self, writer: str, by_chain: ChainCheckpoints) -> ChainFindings:
        """Verify one whole chain."""
        return verify_chain(self._keys, self._folder, writer, by_chain.get(writer, ()))

    def checkpoints_by_chain(self) -> ChainCheckpoints:
        """The authentic checkpoints, by chain."""
        return self._read_checkpoints(Verdict())

    def is_settled(self, writer: str, checkpoints: Sequence[Checkpoint]) -> bool:
        """Whether the last checkpoint covers the chain's current head."""
        try:
            head = unpack_head(self._keys, writer, head_path(self._folder, writer).read_bytes())
        except OSError:
            return False
        last = checkpoints[-1] if checkpoints else None
        return last is not None and head is not None and (head.entries, head.mac) == (last.entries, last.head)

    def entries(self, since: datetime | None = None) -> Iterator[Line]:
        """All authentic entries since `since`, chain by chain. Raises StoreUnavailable."""
        for writer in sorted(self._chains()):
            for line in read_chain(self._keys, self._folder, writer):
                if since is None or line.entry.at >= since:
                    yield line

    def _chains(self) -> set[str]:
        try:
            return {path.stem for path in self._folder.glob(f"*{CHAIN_SUFFIX}")}
        except OSError as error:
            raise StoreUnavailable("the audit log cannot be read") from error

    def _is_skipped(self, verdict: Verdict, writer: str, by_chain: ChainCheckpoints, only_new: bool) -> bool:
        of_chain = by_chain.get(writer, ())
        last = of_chain[-1].kind if of_chain else None
        if last == "accepted":
            verdict.accepted.append(writer)
        return last in CLOSED or (only_new and self.is_settled(writer, of_chain))

    def _recheck(self, verdict: Verdict, suspects: Sequence[str]) -> None:
        """Recheck suspects: chains may have started, ended or been removed during the read."""
        by_chain = self.checkpoints_by_chain()
        for writer in suspects:
            if not self._is_skipped(Verdict(), writer, by_chain, only_new=False):
                verdict.problems += self.verify_chain(writer, by_chain).problems

    def _read_checkpoints(self, verdict: Verdict) -> ChainCheckpoints:
        copies = {each.checkpoint_id: each for each in self._checkpoints.copies()}
        rows = self._checkpoints.read()
        verdict.checkpoints = len(rows)
        found: dict[int, Checkpoint] = {}
        verdict.problems += self._verify_file(rows, copies, found)
        verdict.problems += _verify_copies(copies, found)
        by_chain: dict[str, list[Checkpoint]] = {}
        for _, each in sorted({**copies, **found}.items()):
            by_chain.setdefault(each.writer, []).append(each)
        return by_chain

    def _verify_file(
        self, rows: Iterable[Checkpoint | None], copies: Mapping[int, Checkpoint], found: dict[int, Checkpoint]
    ) -> Iterator[Problem]:
        """Problems in the file; authentic checkpoints are added to `found`."""
        expected = 1
        before: str | None = ""
        for line, row in enumerate(rows, 1):
            if row is None:
                yield Problem(EDITED, CHECKPOINTS, f"line {line}")
                expected, before = expected + 1, _signature_of(copies, expected)
                continue
            if row.checkpoint_id < expected:
                yield Problem(MOVED, CHECKPOINTS, f"line {line}, checkpoint {row.checkpoint_id}")
                continue
            if row.checkpoint_id > expected:
                yield Problem(DELETED, CHECKPOINTS, f"checkpoints {expected} to {row.checkpoint_id - 1}")
                before = _signature_of(copies, row.checkpoint_id - 1)
            # Without the previous signature, even in a copy, the link cannot be checked.
            if before is None or self._checkpoints.is_signed(row, before):
                found[row.checkpoint_id] = row
            else:
                yield Problem(EDITED, CHECKPOINTS, f"line {line}, checkpoint {row.checkpoint_id}")
            expected, before = row.checkpoint_id + 1, row.signature


def _count(verdict: Verdict, findings: ChainFindings) -> None:
    verdict.chains += 1
    verdict.entries += findings.head.entries
    verdict.uncovered += findings.uncovered


def _signature_of(copies: Mapping[int, Checkpoint], checkpoint_id: int) -> str | None:
    return copies[checkpoint_id].signature if checkpoint_id in copies else None


def _verify_copies(copies: Mapping[int, Checkpoint], found: Mapping[int, Checkpoint]) -> Iterator[Problem]:
    """Problems in the table's copy, which lags until the next checkpoint."""
    last, newest = max(found, default=0), max(copies, default=0)
    if newest > last:
        yield Problem(CUT_OFF, CHECKPOINTS, f"checkpoints {last + 1} to {newest}")
    for number in range(1, min(last, newest) + 1):
        if number not in copies:
            yield Problem(DELETED, CHECKPOINTS, f"the copy of checkpoint {number}")
        elif number in found and copies[number] != found[number]:
            yield Problem(EDITED, CHECKPOINTS, f"the copy of checkpoint {number}")
