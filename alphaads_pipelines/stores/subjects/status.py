"""A subject's status: links, consents, restriction, rectifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.privacy.consent import current
from alphaads_pipelines.stores.sql.relational import reading, select_in
from alphaads_pipelines.stores.subjects.consents import events_in
from alphaads_pipelines.stores.subjects.links import members_in
from alphaads_pipelines.stores.subjects.rectifications import rectified_in
from alphaads_pipelines.stores.subjects.subjects import platforms_of


@dataclass(frozen=True, slots=True)
class SubjectStatus:
    """Current status of a subject.

    Attributes
    ----------
    linked: subjects of the same person, including this one, sorted.
    allowed: purposes with consent, sorted. restricted: the reason, or None.
    rectified: field -> own value.
    """

    platform: str
    linked: tuple[str, ...]
    allowed: tuple[str, ...]
    restricted: str | None
    rectified: Mapping[str, Any]


def status_of(engine: Engine, subject_id: str) -> SubjectStatus:
    """Load a subject's status. Raises NotFound, StoreUnavailable."""
    with reading(engine) as connection:
        platform = platforms_of(connection, [subject_id]).get(subject_id)
        if platform is None:
            raise NotFound("no subject has this id")
        said = current(events_in(connection, [subject_id]))
        restrictions = select_in(connection, "restrictions", "subject_id", [subject_id], ["reason"])
        return SubjectStatus(
            platform,
            members_in(connection, subject_id),
            tuple(sorted(purpose for purpose, event in said.items() if event.is_granted)),
            restrictions[0].reason if restrictions else None,
            rectified_in(connection, subject_id),
        )
