"""Erasing a subject from the backups of the wrapped keys, so that no old backup of the data opens again."""

from __future__ import annotations

from collections.abc import Callable

from alphaads_pipelines.rights.erasure.base import Checked, Eraser, ErasureTarget, Figures
from alphaads_pipelines.sqlite import count_words


class KeyBackupsEraser(Eraser):
    """The folder of key backups."""

    name = "key_backups"
    covers = frozenset({"key-backups"})

    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Remove the subject's keys from each."""
        removed = self._stores.key_backups.forget([subject.subject_id])
        tick("forgotten")
        return {"keys_removed": removed}

    def check(self, subject: ErasureTarget) -> Checked:
        """Search the bytes of each, with its log."""
        files = self._stores.key_backups.files()
        both = [path.with_name(path.name + end) for path in files for end in ("", "-wal")]
        found = sum(count_words(path, [subject.subject_id.encode()]) for path in both)
        return Checked({"files": len(files)}, found, "Copies that were carried elsewhere expire with their files.")
