"""Layouts of data outside tables match the stored fields."""

from __future__ import annotations

import msgspec
import pytest

from alphaads_pipelines.bandits.policy_roles import Roles
from alphaads_pipelines.decisions.decide import Decision
from alphaads_pipelines.privacy.envelope import Envelope
from alphaads_pipelines.profiles.state import ProfileState
from alphaads_pipelines.schema.records import (
    DECISION_RECORD,
    EVENT_RECORD,
    LAYOUTS,
    POST_RECORD,
    PROFILE_STATE,
    document_layout,
)
from api.routes.v1.events import EventIn

STRUCTS = [(POST_RECORD, Envelope), (DECISION_RECORD, Decision), (PROFILE_STATE, ProfileState)]


@pytest.mark.parametrize(("layout", "struct"), STRUCTS, ids=lambda each: getattr(each, "__name__", ""))
def test_every_field_that_is_encoded_is_declared(layout: object, struct: type[msgspec.Struct]) -> None:
    assert layout.column_names == struct.__struct_fields__  # type: ignore[attr-defined]


def test_every_field_of_an_event_is_declared() -> None:
    assert EVENT_RECORD.column_names == (*EventIn.model_fields, "tenant", "correlation_id")


def test_a_subject_id_is_personal_in_every_layout() -> None:
    for layout in LAYOUTS:
        for column in layout.columns:
            if column.name in ("subject_id", "decision_id", "key_id", "mood"):
                assert column.is_personal, f"{layout.name}.{column.name}"


def test_a_document_that_is_not_declared_has_no_layout() -> None:
    assert document_layout("policy").column_names == Roles.__struct_fields__
    with pytest.raises(KeyError):
        document_layout("people we know")
