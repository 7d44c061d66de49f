"""The synthetic sample posts, shifted to recent days: moods fade."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[1] / "ingest" / "samples"
NEWEST = date(2026, 10, 18)
"""Of the sample posts; one has an impossible date, and one of 1970, on purpose."""
_DAY = re.compile(rb"2026-10-\d\d(?=T)")


def recent_samples(folder: Path, today: date) -> list[Path]:
    """Copy the sample posts to `folder`, shifted by whole days so that the newest are of the day before `today`."""
    moved_by = today - timedelta(days=1) - NEWEST

    def moved(found: re.Match[bytes]) -> bytes:
        return (date.fromisoformat(found[0].decode()) + moved_by).isoformat().encode()

    copies = []
    for sample in sorted(SAMPLES.glob("*.jsonl")):
        copies.append(folder / sample.name)
        copies[-1].write_bytes(_DAY.sub(moved, sample.read_bytes()))
    return copies
