"""Export a person's data as a JSON document and an HTML page (GDPR articles 15 and 20).

The document is streamed; the page shows the first rows of each list. Callers audit the access first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec
import orjson

from alphaads_pipelines.profiles.view import view
from alphaads_pipelines.rights.access.data_map import DataMap, Sources
from alphaads_pipelines.rights.access.export_document import Export, ListSummary
from alphaads_pipelines.rights.requests import RightsRequests
from alphaads_pipelines.stores.sql.relational import reading, select_in
from alphaads_pipelines.stores.subjects.links import linked_to

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


def export_subject(sources: Sources, subject_id: str, now: datetime) -> Export:
    """Start the export of an existing subject. Raises StoreUnavailable, here or during the walk."""
    with reading(sources.ports.engine) as connection:
        live = select_in(connection, "live_profiles", "subject_id", [subject_id], ["state"])
        known = select_in(connection, "subjects", "subject_id", [subject_id], ["platform", "shard"])
        linked = linked_to(connection, subject_id)
    profile = msgspec.to_builtins(view(live[0].state, now)) if live else None
    platform, shard = (known[0].platform, known[0].shard) if known else (None, None)
    return Export(subject_id, platform, now, profile, linked, DataMap(sources, subject_id, shard).sections())


@contextmanager
def recorded_export(sources: Sources, subject_id: str, correlation_id: str, now: datetime) -> Iterator[Export]:
    """Track an export as a request: done at the end of the block, left open on failure.

    Raises
    ------
    StoreUnavailable, StreamUnavailable: here or during the walk.
    """
    requests = RightsRequests(sources.ports.engine)
    claimed = requests.claim(requests.open("export", subject_id, correlation_id, now).request_id, now)
    try:
        yield export_subject(sources, subject_id, now)
    except BaseException:
        requests.release(claimed)
        raise
    requests.finish(claimed, datetime.now(UTC))


def json_chunks(export: Export, summaries: list[ListSummary] | None = None) -> Iterator[bytes]:
    """Serialise the document in chunks: header, then `held`: store -> table or topic -> list of rows.

    List summaries for the page are appended to `summaries`.
    """
    yield orjson.dumps(export.header(), option=_OPTIONS)[:-1] + b',"held":{'
    store, is_first = None, True
    for section in export.sections:
        if section.store != store:
            yield (b"" if store is None else b"\n},") + orjson.dumps(section.store) + b":{"
            store, is_first = section.store, True
        yield (b"" if is_first else b",") + b"\n" + orjson.dumps(section.name) + b":["
        is_first = False
        summary = ListSummary(section.store, section.name, section.doc)
        for row in section.rows:
            yield (b",\n" if summary.count else b"\n") + orjson.dumps(row, option=_OPTIONS)
            summary.add(row)
        yield b"]"
        if summaries is not None:
            summaries.append(summary)
    yield b"\n}}}\n"


def write_export(export: Export, folder: Path) -> tuple[Path, Path, list[ListSummary]]:
    """Write document and page, readable by their owner only; returns their paths and list summaries.

    A failed export leaves no files.
    """
    from alphaads_pipelines.rights.access.export_page import render_page

    folder.mkdir(parents=True, exist_ok=True)
    document, page = (folder / f"export-{export.subject_id}.{suffix}" for suffix in ("json", "html"))
    summaries: list[ListSummary] = []
    with _written(document) as file:
        for chunk in json_chunks(export, summaries):
            file.write(chunk)
    with _written(page) as file:
        file.write(render_page(export, summaries, document.name).encode())
    return document, page, summaries


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """Write a file with mode 0600 and rename it into place when complete."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
