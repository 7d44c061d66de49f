"""The files to copy for a backup of lake tables at a version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from alphaads_pipelines.errors import NotFound, StoreUnavailable
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.stores.lake.delta import DeltaLake

_LOG = "_delta_log"
_LAST_CHECKPOINT = "_last_checkpoint"
_VERSION = re.compile(r"(\d{20})\.")


def version_files(lake: DeltaLake, root: Path, table: Table, version: int, older: Iterable[int]) -> Iterator[Path]:
    """Paths under `root` that `version` of a table needs, including its log.

    Parameters
    ----------
    older: versions to keep readable, if they are now.

    Raises
    ------
    StoreUnavailable: the version went away; take a newer one.
    """
    log = root / table.name / _LOG
    yield from (path.relative_to(root) for path in sorted(log.iterdir()) if _is_of(path.name, version))
    if _last_checkpoint(log) <= version:
        yield (log / _LAST_CHECKPOINT).relative_to(root)
    data = set(_data_files(lake, root, table, version))
    for each in older:
        try:
            data |= {path for path in _data_files(lake, root, table, each) if (root / path).exists()}
        except (NotFound, StoreUnavailable):
            continue  # unreadable here, too
    yield from sorted(data)


def _data_files(lake: DeltaLake, root: Path, table: Table, version: int) -> Iterator[Path]:
    try:
        yield from (Path(path).relative_to(root) for path in lake.files(table, version))
    except NotFound as error:
        raise StoreUnavailable(f"{table.name} moved on while it was copied") from error


def _is_of(name: str, version: int) -> bool:
    found = _VERSION.match(name)
    return found is not None and int(found[1]) <= version and not name.endswith(".tmp")


def _last_checkpoint(log: Path) -> float:
    """Version of the checkpoint that readers try first; infinite if there is none."""
    try:
        found = re.search(rb'"version"\s*:\s*(\d+)', (log / _LAST_CHECKPOINT).read_bytes())
    except FileNotFoundError:
        return float("inf")
    return int(found[1]) if found else float("inf")
