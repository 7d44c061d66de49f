"""Erase a subject from the key backups, so that no old data backup can be opened."""

from __future__ import annotations

from collections.abc import Callable

from alphaads_pipelines.rights.erasure.base import CheckResult, Eraser, ErasureTarget, Figures
from alphaads_pipelines.sqlite import count_words


class KeyBackupsEraser(Eraser):
    """Erases from the key backups."""

    name = "key_backups"
    covers = frozenset({"key-backups"})

    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Remove the subject's keys from each backup."""
        removed = self._stores.key_backups.forget([subject.subject_id])
        tick("forgotten")
        return {"keys_removed": removed}

    def check(self, subject: ErasureTarget) -> CheckResult:
        """Search the bytes of each backup and its log."""
        files = self._stores.key_backups.files()
        both = [path.with_name(path.name + end) for path in files for end in ("", "-wal")]
        found = sum(count_words(path, [subject.subject_id.encode()]) for path in both)
        return CheckResult({"files": len(files)}, found, "Copies that were carried elsewhere expire with their files.")
