"""The export document: its format, its header, and the lists as the page shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alphaads_pipelines.rights.access.data_map import Row, Section

FORMAT, FORMAT_VERSION = "alphaads-export", 1
"""Of the document; the version moves when a reader of the old one could go wrong."""
ROWS_SHOWN = 50
"""Of each list, on the page."""


@dataclass(frozen=True, slots=True)
class Export:
    """One person's export; `sections` can be walked once.

    Attributes
    ----------
    platform: the network that the subject writes on.
    profile: what is concluded about them now, as the API would show it; None where nothing is published.
    linked_subjects: other subject ids that are the same person; each has an export of its own.
    """

    subject_id: str
    platform: str | None
    exported_at: datetime
    profile: Mapping[str, Any] | None
    linked_subjects: Sequence[str]
    sections: Iterator[Section]

    def header(self) -> Row:
        """What stands before the lists."""
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
class Shown:
    """A list as the page shows it: its first rows, and how many it has."""

    store: str
    name: str
    doc: str
    count: int = 0
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count a row, and keep it if it is one of the first."""
        self.count += 1
        if len(self.rows) < ROWS_SHOWN:
            self.rows.append(row)
