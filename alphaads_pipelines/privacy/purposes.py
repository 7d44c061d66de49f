"""Purposes: what data of which network may be used for, and on what ground. A table, and nothing else.

The ground of each use (GDPR article 6): a person's consent, or, for counts over many people, a legitimate interest to
which they can object. The terms of a network can forbid a use whatever a person says: LinkedIn forbids advertising,
audiences and export with its members' data (Marketing API, restricted use cases); X wants an opt-in before an identity
of its own is linked to another (developer agreement, off-X matching).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Ground(StrEnum):
    """On what a use of personal data rests."""

    CONSENT = "consent"
    """The person's consent to this purpose, and to no other."""
    AGGREGATES = "aggregates"
    """Counts over groups of a least size; without consent, unless the person objects (article 21)."""
    NEVER = "never"
    """The terms of the source forbid it."""


_GROUNDS: Mapping[str, Ground] = {
    "personalised_ads": Ground.CONSENT,
    "linking": Ground.CONSENT,
    "audience_export": Ground.CONSENT,
    "model_training": Ground.CONSENT,
    "analytics": Ground.AGGREGATES,
}
_TERMS: Mapping[str, Mapping[str, Ground]] = {
    "linkedin": {
        "personalised_ads": Ground.NEVER,
        "linking": Ground.NEVER,  # a linked profile would carry what is derived from member data into ads
        "audience_export": Ground.NEVER,
        "model_training": Ground.NEVER,
    },
    "x": {"linking": Ground.CONSENT},  # said again: here it is the network's condition, not only the law's
}

SENSITIVE = (
    *("health", "disease", "disability", "religion", "belief", "political", "politics", "ethnic", "race"),
    *("sexual", "orientation", "union", "criminal", "genetic", "biometric", "debt", "bankruptcy"),
)
"""Words of what is never inferred, stored or corrected about anybody (GDPR article 9; X adds negative finances)."""


def ground(platform: str, purpose: str) -> Ground:
    """On what the use of this network's data for a purpose rests. Raises KeyError for a purpose that is none."""
    return _TERMS.get(platform.lower(), {}).get(purpose, _GROUNDS[purpose])


def is_forbidden(platforms: Iterable[str], purpose: str) -> bool:
    """Whether the terms of one of these networks forbid the purpose: data of both together follow the stricter."""
    return any(ground(each, purpose) is Ground.NEVER for each in platforms)


def needs_consent(purpose: str) -> bool:
    """Whether nothing is done for this purpose unless the person said yes."""
    return _GROUNDS[purpose] is Ground.CONSENT


def is_sensitive(name: str) -> bool:
    """Whether a field of this name would hold what is never inferred."""
    return bool(set(name.lower().split("_")) & set(SENSITIVE))
