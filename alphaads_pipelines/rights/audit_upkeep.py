"""Upkeep of the audit log: checkpoints of every chain, chains that are too old, chains that are known to be broken."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alphaads_pipelines.errors import NotFound, StoreUnavailable
from alphaads_pipelines.rights.audit_chain import chain_path, head_path
from alphaads_pipelines.rights.audit_checkpoints import Checkpoints, Head
from alphaads_pipelines.rights.audit_entries import NOTHING_BEFORE
from alphaads_pipelines.rights.audit_judge import Problem
from alphaads_pipelines.rights.audit_verify import OVER, Verifier


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was done: chains with a new checkpoint, chains removed for their age; and what was not signed, and why."""

    signed: int
    expired: int
    problems: tuple[Problem, ...]


def checkpoint(folder: Path, verifier: Verifier, checkpoints: Checkpoints, now: datetime, keep: timedelta) -> Upkeep:
    """Sign the heads of all chains that went on, put what they cover on the disk, remove chains older than `keep`.

    A chain that is not as it was written is not signed. Raises StoreUnavailable.
    """
    heads, problems, expired = list[Head](), list[Problem](), list[Head]()
    marks = verifier.marks()
    for writer, of_chain in marks.items():
        last = of_chain[-1]
        if last.kind in OVER:
            continue
        if verifier.is_settled(writer, of_chain):
            if last.entries and now - last.signed_at > keep:
                expired.append(Head("expired", writer, last.entries, last.head))
            continue
        judged = verifier.judge(writer, marks)
        problems += judged.problems
        if not judged.problems and judged.head.entries > last.entries:
            _sync(folder, writer)
            heads.append(Head("head", writer, judged.head.entries, judged.head.mac))
    checkpoints.sign([*heads, *expired])
    for each in expired:
        _remove(folder, each.writer)
    checkpoints.copy()
    return Upkeep(len(heads), len(expired), tuple(problems))


def accept(verifier: Verifier, checkpoints: Checkpoints, writer: str) -> None:
    """Sign that a chain is broken and that a person knows; what is left of it stays. Raises NotFound."""
    marks = verifier.marks()
    if not verifier.judge(writer, marks).problems:
        raise NotFound("no such chain is broken; `alphaads audit verify` names those that are")
    covered = marks[writer][-1] if writer in marks else None
    entries, head = (covered.entries, covered.head) if covered else (0, NOTHING_BEFORE)
    checkpoints.sign([Head("accepted", writer, entries, head)])
    checkpoints.copy()


def _sync(folder: Path, writer: str) -> None:
    for path in (chain_path(folder, writer), head_path(folder, writer)):
        try:
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise StoreUnavailable("the audit log cannot be put on the disk") from error


def _remove(folder: Path, writer: str) -> None:
    for path in (chain_path(folder, writer), head_path(folder, writer)):
        path.unlink(missing_ok=True)
