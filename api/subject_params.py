"""Parameters that name a subject."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from alphaads_pipelines.stores.subjects.subjects import SUBJECT_ID, resolve_subject
from alphaads_pipelines.wiring.app import Wiring
from api.audit import Recorder

SubjectId = Annotated[str, Path(pattern=SUBJECT_ID, description="Random id of the subject.")]


def resolve_and_record(wiring: Wiring, audit: Recorder, text: str) -> str:
    """Resolve `text` to the id of a subject that is known and not erased, and record the call.

    Raises
    ------
    Those of `resolve_subject`. StoreUnavailable: the entry could not be written.
    """
    subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, text)
    audit.record(subject_id)
    return subject_id
