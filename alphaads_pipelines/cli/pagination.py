"""Reading all pages of a tenant's list."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from alphaads_pipelines.errors import InvalidRequest

T = TypeVar("T")


def all_pages(page_after: Callable[[str], list[T]], id_of: Callable[[T], str]) -> list[T]:
    """Read all pages.

    Parameters
    ----------
    page_after: reads the page after an id; "" for the first. id_of: the sort key.
    """
    found, last = list[T](), ""
    while page := page_after(last):
        found += page
        last = id_of(page[-1])
    return found


def check_state(state: str | None, known: Collection[str]) -> str | None:
    """Return the state. Raises InvalidRequest if it is unknown."""
    if state is not None and state not in known:
        raise InvalidRequest(f"--state: must be one of {', '.join(known)}")
    return state
