"""Whom a call is about."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from alphaads_pipelines.stores.subjects.subjects import SUBJECT_ID, resolve_subject
from alphaads_pipelines.wiring.app import Wiring
from api.audit import Recorder

SubjectId = Annotated[str, Path(pattern=SUBJECT_ID, description="Random id of the subject.")]


def resolve_and_record(wiring: Wiring, audit: Recorder, text: str) -> str:
    """The subject id that `text` means, known and not erased; the call is recorded as one about them.

    Raises
    ------
    What `resolve_subject` does; StoreUnavailable: it could not be recorded.
    """
    subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, text)
    audit.record(subject_id)
    return subject_id
