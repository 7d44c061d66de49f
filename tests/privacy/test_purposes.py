"""Purposes: which need consent, and which inferences are never made."""

from __future__ import annotations

from alphaads_pipelines.privacy.purposes import is_sensitive, needs_consent
from alphaads_pipelines.profiles.view import ProfileView
from alphaads_pipelines.schema.tables import PURPOSES, TABLES
from alphaads_pipelines.stores.subjects.rectifications import RECTIFIABLE


def test_all_but_aggregates_needs_consent() -> None:
    assert {purpose for purpose in PURPOSES if not needs_consent(purpose)} == {"analytics"}


def test_no_stored_or_shown_field_is_a_sensitive_inference() -> None:
    names = {column.name for table in TABLES for column in table.columns}
    names |= {*ProfileView.__struct_fields__, *RECTIFIABLE}
    assert len(names) > 100
    assert [name for name in names if is_sensitive(name)] == []
    assert is_sensitive("inferred_health_score")
    assert is_sensitive("Political")
    assert not is_sensitive("relational")
