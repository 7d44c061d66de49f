"""Check the files beside the stores, which should hold no subject ids (records.py).

Logs, metrics, models, trainings, and the databases of Dagster and the workers' broker are searched byte by byte; only
logs can be repaired.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from alphaads_pipelines.rights.erasure.base import CheckResult, Eraser, ErasureTarget, Figures
from alphaads_pipelines.schema.records import FILES
from alphaads_pipelines.sqlite import count_words

_OF_OTHER_ERASERS = ("relational.db", "stream", "spool", "lake")
_LOGS = "logs"


class FilesEraser(Eraser):
    """Searches everything else in the home folder."""

    name = "files"
    covers = frozenset(layout.name for layout in FILES if layout.name not in _OF_OTHER_ERASERS)

    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Overwrite any subject id in the logs."""
        blanked = 0
        for path in _files(self._ports.home / _LOGS):
            blanked += _overwrite(path, subject.subject_id.encode())
            tick("logs")
        return {"logs_mended": blanked}

    def check(self, subject: ErasureTarget) -> CheckResult:
        """Search the bytes of every file, and Dagster's PostgreSQL tables."""
        needle = subject.subject_id.encode()
        looked_at: dict[str, dict[str, int]] = {}
        found = 0
        for path in self._all():
            top = path.relative_to(self._ports.home).parts[0]
            figures = looked_at.setdefault(top, {"files": 0, "bytes": 0})
            figures["files"] += 1
            figures["bytes"] += _size(path)
            found += count_words(path, [needle])
        if self._stores.dagster_url:
            rows, held = _search_dagster(self._stores.dagster_url, subject.subject_id)
            looked_at["dagster tables"] = {"rows": rows}
            found += held
        return CheckResult(looked_at, found)

    def _all(self) -> Iterator[Path]:
        for path in _files(self._ports.home):
            top = path.relative_to(self._ports.home).parts[0]
            if not any(top == name or top.startswith(f"{name}-") for name in _OF_OTHER_ERASERS):
                yield path


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # deleted since it was listed
        return 0


def _overwrite(path: Path, word: bytes) -> int:
    """Overwrite in place: others may be appending."""
    if not count_words(path, [word]):
        return 0
    content, start, blanked = path.read_bytes(), 0, 0
    with path.open("rb+") as file:
        while (start := content.find(word, start)) >= 0:
            os.pwrite(file.fileno(), b"0" * len(word), start)
            start, blanked = start + len(word), blanked + 1
    return blanked


def _search_dagster(url: str, subject_id: str) -> tuple[int, int]:
    import sqlalchemy as sa

    from alphaads_pipelines.stores.sql.relational import connect, reading

    engine = connect(url)
    rows = found = 0
    try:
        with reading(engine) as connection:
            for name in sa.inspect(connection).get_table_names(schema="dagster"):
                table = sa.table(name, schema="dagster")
                whole_row = sa.cast(sa.literal_column(f'"{name}"'), sa.Text)
                query = sa.select(sa.func.count(), sa.func.count().filter(whole_row.contains(subject_id)))
                counted, held = connection.execute(query.select_from(table)).one()
                rows, found = rows + counted, found + held
    finally:
        engine.dispose()
    return rows, found
