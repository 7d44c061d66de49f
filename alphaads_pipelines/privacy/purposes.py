"""Purposes and their legal grounds (GDPR article 6); platforms/terms.py applies the stricter terms of networks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Ground(StrEnum):
    """Legal ground for a use of personal data."""

    CONSENT = "consent"
    """This purpose alone."""
    AGGREGATES = "aggregates"
    """Counts over groups of a minimum size; no consent, but a right to object (article 21)."""
    NEVER = "never"
    """Forbidden by the source's terms."""


GROUNDS: Mapping[str, Ground] = {
    "personalised_ads": Ground.CONSENT,
    "linking": Ground.CONSENT,
    "audience_export": Ground.CONSENT,
    "model_training": Ground.CONSENT,
    "analytics": Ground.AGGREGATES,
}

SENSITIVE = (
    *("health", "disease", "disability", "religion", "belief", "political", "politics", "ethnic", "race"),
    *("sexual", "orientation", "union", "criminal", "genetic", "biometric", "debt", "bankruptcy"),
)
"""Terms of attributes never inferred, stored or rectified (GDPR article 9; X adds negative finances)."""


def needs_consent(purpose: str) -> bool:
    """Whether the purpose requires prior consent."""
    return GROUNDS[purpose] is Ground.CONSENT


def is_sensitive(name: str) -> bool:
    """Whether a field name denotes a sensitive attribute."""
    return bool(set(name.lower().split("_")) & set(SENSITIVE))
