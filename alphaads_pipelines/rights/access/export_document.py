"""The export document: format, header, and list summaries for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alphaads_pipelines.rights.access.data_map import Row, Section

FORMAT, FORMAT_VERSION = "alphaads-export", 1
"""Document format; the version increases with incompatible changes."""
ROWS_SHOWN = 50
"""Maximum rows per list on the page."""


@dataclass(frozen=True, slots=True)
class Export:
    """One person's export; `sections` is a one-time iterator.

    Attributes
    ----------
    profile: current inferences as the API shows them; None if unpublished.
    linked_subjects: other subject ids of the same person, exported separately.
    """

    subject_id: str
    platform: str | None
    exported_at: datetime
    profile: Mapping[str, Any] | None
    linked_subjects: Sequence[str]
    sections: Iterator[Section]

    def header(self) -> Row:
        """Fields before the lists."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "subject_id": self.subject_id,
            "platform": self.platform,
            "exported_at": self.exported_at,
            "linked_subjects": list(self.linked_subjects),
            "profile": self.profile,
        }


@dataclass(slots=True)
class ListSummary:
    """First rows and length of a list, for the page."""

    store: str
    name: str
    doc: str
    count: int = 0
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count a row; keep it if among the first."""
        self.count += 1
        if len(self.rows) < ROWS_SHOWN:
            self.rows.append(row)
