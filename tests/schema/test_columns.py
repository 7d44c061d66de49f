"""Declarations of stored fields: none without a label, no personal label without an erasure path."""

from __future__ import annotations

import pytest

from alphaads_pipelines.schema.columns import Column, Erasure, Privacy, derived, plain, pseudonym
from alphaads_pipelines.schema.tables import TABLES

PATHS = [each for each in Erasure if each is not Erasure.NONE]


@pytest.mark.parametrize("label", [each for each in Privacy if each is not Privacy.NOTHING])
def test_a_personal_column_without_an_erasure_path_cannot_be_declared(label: Privacy) -> None:
    with pytest.raises(ValueError, match="mood"):
        Column("mood", "utf8", label)
    assert Column("mood", "utf8", label, Erasure.DELETE_ROW).is_personal


@pytest.mark.parametrize("path", PATHS)
def test_an_erasure_path_without_a_personal_label_cannot_be_declared(path: Erasure) -> None:
    with pytest.raises(ValueError, match="offset"):
        Column("offset", "int64", erasure=path)
    assert not plain("offset", "int64").is_personal


def test_a_path_other_than_the_usual_one_is_told() -> None:
    assert pseudonym("mac", erasure=Erasure.KEEP_HASH).erasure is Erasure.KEEP_HASH
    assert derived("mood", "utf8").erasure is Erasure.DELETE_ROW


def test_subject_ids_and_keys_of_posts_are_personal_wherever_they_stand() -> None:
    for table in TABLES:
        if table.subject_column is not None:
            assert table.column(table.subject_column).is_personal, table.name


def test_rows_of_a_person_are_found_by_their_id_before_the_keys_of_their_posts() -> None:
    found = {table.name: table.subject_column for table in TABLES}
    assert found["raw_posts"] == found["post_scores"] == found["live_profiles"] == "subject_id"
    assert found["post_keys"] == "post_key"
    assert found["batches"] is found["ad_creatives"] is None
