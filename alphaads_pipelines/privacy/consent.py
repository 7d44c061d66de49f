"""Consent per purpose, as a history in which the newest entry holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import PURPOSES

CONSENT_SOURCES = ("api", "cli", "import")
EVIDENCE = r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,127}$"
"""A reference such as `form-7#2026-11-24`; without spaces and @ it cannot hold a name or an address."""


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One grant or withdrawal.

    Attributes
    ----------
    change_seq: global sequence number; the newest event of a subject and purpose holds.
    source: one of CONSENT_SOURCES. evidence: reference to the record of consent.
    """

    change_seq: int
    subject_id: str
    purpose: str
    is_granted: bool
    source: str
    evidence: str
    recorded_at: datetime


def check_purpose(purpose: str) -> str:
    """Validate a purpose. Raises InvalidRequest."""
    if purpose not in PURPOSES:
        raise InvalidRequest(f"purpose: must be one of {', '.join(PURPOSES)}")
    return purpose


def check_evidence(evidence: str) -> str:
    """Validate a reference. Raises InvalidRequest, without repeating it."""
    if not re.fullmatch(EVIDENCE, evidence):
        raise InvalidRequest("evidence: a reference of letters, digits and ._:/#-, at most 128; it names nobody")
    return evidence


def current(events: Iterable[ConsentEvent]) -> dict[str, ConsentEvent]:
    """Purpose -> newest event. An absent purpose means no consent."""
    return {each.purpose: each for each in sorted(events, key=lambda each: each.change_seq)}
