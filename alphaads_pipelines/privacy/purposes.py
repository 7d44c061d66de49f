"""Purposes: the legal ground of each use of personal data (GDPR article 6), and the sensitive fields.

A ground is a person's consent or, for counts over many people, a legitimate interest to which they can object. A
network's terms can forbid a purpose regardless of consent: see platforms/terms.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Ground(StrEnum):
    """On what a use of personal data rests."""

    CONSENT = "consent"
    """The person's consent to this purpose, and to no other."""
    AGGREGATES = "aggregates"
    """Counts over groups of a least size; without consent, unless the person objects (article 21)."""
    NEVER = "never"
    """The terms of the source forbid it."""


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
"""Words of what is never inferred, stored or corrected about anybody (GDPR article 9; X adds negative finances)."""


def needs_consent(purpose: str) -> bool:
    """Whether nothing is done for this purpose unless the person said yes."""
    return GROUNDS[purpose] is Ground.CONSENT


def is_sensitive(name: str) -> bool:
    """Whether a field of this name would hold what is never inferred."""
    return bool(set(name.lower().split("_")) & set(SENSITIVE))
