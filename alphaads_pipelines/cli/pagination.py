"""Lists of a tenant's things: of one state if it is named, page after page to the end."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from alphaads_pipelines.errors import InvalidRequest

T = TypeVar("T")


def all_pages(page_after: Callable[[str], list[T]], id_of: Callable[[T], str]) -> list[T]:
    """All there is.

    Parameters
    ----------
    page_after: the page that begins after an id; of "" the first. id_of: by what they are in order.
    """
    found, last = list[T](), ""
    while page := page_after(last):
        found += page
        last = id_of(page[-1])
    return found


def check_state(state: str | None, known: Collection[str]) -> str | None:
    """The state. Raises InvalidRequest if one is named that is none."""
    if state is not None and state not in known:
        raise InvalidRequest(f"--state: must be one of {', '.join(known)}")
    return state
