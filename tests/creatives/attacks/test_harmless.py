"""What harmless texts pay for it: how many of 200 are refused, by the rules and by our own model beside them."""

from __future__ import annotations

import pytest

from alphaads_pipelines.campaigns.placements import GOOGLE_SEARCH
from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.classifiers import OffensiveClassifier
from alphaads_pipelines.creatives.moderation import Verdict, moderate
from alphaads_pipelines.creatives.tone import tone_for
from alphaads_pipelines.nlp.registry import build_scorer
from tests.creatives.attacks.harmless import HARMLESS

WRONGLY_REFUSED = {
    "Shirts of 100 % cotton, in nine colours.": ("banned_claim",),
    "Upset-free packing: every cup has its own box.": ("names_a_feeling",),
}


def _moderated(body: str, emotion: str, *classifiers: OffensiveClassifier) -> Verdict:
    creative = Creative("c", "k", emotion, tone_for(emotion), "Lumora lamp", body, "See it", "t", GOOGLE_SEARCH)
    return moderate(creative, classifiers=classifiers, time_limit_s=60)


def test_they_are_200_and_all_different() -> None:
    assert len(set(HARMLESS)) == len(HARMLESS) == 200


@pytest.mark.parametrize("emotion", ["joy", "sadness"])
def test_the_rules_refuse_one_in_a_hundred(emotion: str) -> None:
    reasons = {body: _moderated(body, emotion).reasons for body in HARMLESS}
    assert {body: why for body, why in reasons.items() if why} == WRONGLY_REFUSED


def test_our_model_refuses_no_more_and_leaves_what_it_cannot_read_to_people() -> None:
    """It reads English; a quarter of the texts are in other languages."""
    classifier = OffensiveClassifier(build_scorer("neural").score)
    verdicts = {body: _moderated(body, "joy", classifier) for body in HARMLESS}
    assert {body for body, verdict in verdicts.items() if verdict.reasons} == set(WRONGLY_REFUSED)
    doubts = [verdict.doubts for verdict in verdicts.values() if verdict.doubts]
    assert set(doubts) == {("offensive_unknown",)}
    assert 40 <= len(doubts) <= 60
