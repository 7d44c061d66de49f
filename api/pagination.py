"""Keyset pagination: lists are in order of id, and a page starts after the last id of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path, Query

ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
IdPath = Annotated[str, Path(pattern=ID)]
IdQuery = Annotated[str | None, Query(pattern=ID)]
After = Annotated[str | None, Query(pattern=ID, description="`next` of the previous page; omit for the first.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Page size.")]


def next_page(ids: Sequence[str], limit: int) -> str | None:
    """Return the `after` of the next page, or None if this page is not full."""
    return ids[-1] if len(ids) == limit else None
