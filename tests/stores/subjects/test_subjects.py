"""SUBJECT arguments resolve in one way, and errors never repeat them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alphaads_pipelines.errors import AlphaAdsError, Erased, InvalidRequest, NotFound
from alphaads_pipelines.stores.sql.relational import reading, transaction
from alphaads_pipelines.stores.subjects.subjects import platforms_of, resolve_subject
from alphaads_pipelines.wiring.app import Wiring

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _resolve(wiring: Wiring, text: str) -> str:
    return resolve_subject(wiring.engine, wiring.pseudonyms, text)


def _subject(wiring: Wiring, platform: str, author: str) -> str:
    [subject] = wiring.subject_keys.ensure([wiring.pseudonyms.identity(platform, author)])
    return subject.subject_id


def _erase(wiring: Wiring, platform: str, author: str) -> str:
    subject = _subject(wiring, platform, author)
    with transaction(wiring.engine) as connection:
        mac = wiring.pseudonyms.identity(platform, author).mac
        wiring.suppressions.suppress(connection, [mac], subject, NOON)
    wiring.subject_keys.destroy(subject)
    return subject


def test_a_subject_is_found_by_its_id_and_by_its_author(wiring: Wiring) -> None:
    subject = _subject(wiring, "x", "42")
    assert _resolve(wiring, subject) == _resolve(wiring, "x:42") == subject
    colons = _subject(wiring, "linkedin", "urn:li:person:7")
    assert _resolve(wiring, "linkedin:urn:li:person:7") == colons != subject


@pytest.mark.parametrize("text", ["x:43", "facebook:42", "0" * 32])
def test_who_is_not_known_is_not_found(wiring: Wiring, text: str) -> None:
    _subject(wiring, "x", "42")
    with pytest.raises(NotFound):
        _resolve(wiring, text)


@pytest.mark.parametrize("text", ["", "plantedname", ":42", "x:", "F" * 32])
def test_what_is_no_subject_is_an_invalid_request(wiring: Wiring, text: str) -> None:
    with pytest.raises(InvalidRequest, match="platform:author_id"):
        _resolve(wiring, text)


def test_who_was_erased_is_said_to_be(wiring: Wiring) -> None:
    subject = _erase(wiring, "x", "42")
    for text in (subject, "x:42"):
        with pytest.raises(Erased):
            _resolve(wiring, text)
    with pytest.raises(NotFound):
        _resolve(wiring, "x:43")


def test_no_message_repeats_what_was_typed(wiring: Wiring) -> None:
    _erase(wiring, "x", "plantedgone")
    for text in ("plantedname", "x:plantedname", "x:plantedgone", f"{'a' * 31}b"):
        with pytest.raises(AlphaAdsError) as caught:
            _resolve(wiring, text)
        assert "planted" not in str(caught.value)
        assert "aaa" not in str(caught.value)


def test_networks_are_told_of_those_who_are_known(wiring: Wiring) -> None:
    ada, bo = _subject(wiring, "x", "1"), _subject(wiring, "linkedin", "1")
    with reading(wiring.engine) as connection:
        assert platforms_of(connection, [ada, bo, "0" * 32]) == {ada: "x", bo: "linkedin"}
