"""A campaign's rules apply to texts in any spelling."""

from __future__ import annotations

import pytest

from alphaads_pipelines.campaigns.brand_rules import NO_RULES, CampaignRules, Voice, broken_rules
from alphaads_pipelines.errors import InvalidRequest


@pytest.mark.parametrize("text", ["The BEST-EVER tea", "best\u00a0ever", "bést ever", "ｂｅｓｔ ever", "bеst еver"])
def test_a_banned_claim_is_found_however_it_is_spelled(text: str) -> None:
    assert broken_rules(text, CampaignRules(banned_claims=("Best ever",))) == ["campaign_claim"]


def test_a_word_within_a_word_is_no_claim() -> None:
    assert broken_rules("A secure lid", CampaignRules(banned_claims=("cure",))) == []
    assert broken_rules("Cut by 50% today", CampaignRules(banned_claims=("50%",))) == ["campaign_claim"]


def test_every_disclosure_must_be_there() -> None:
    rules = CampaignRules(disclosures=("Ad.", "18+ only."))
    assert broken_rules("Tea. Ad. 18+ only.", rules) == []
    assert broken_rules("Tea. AD. 18+  only.", rules) == []
    assert broken_rules("Tea. Ad.", rules) == ["missing_disclosure"]
    assert broken_rules("Tea for Adam. 18+ only.", rules) == ["missing_disclosure"]


@pytest.mark.parametrize("text", ["Cheap tea", "Tea！", "Tea 🎉"])
def test_a_brand_may_have_words_and_signs_that_it_never_uses(text: str) -> None:
    assert broken_rules(text, CampaignRules(voice=Voice("", ("cheap",), False, False))) == ["off_brand"]
    assert broken_rules(text, NO_RULES) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: CampaignRules(banned_claims=("",)),
        lambda: CampaignRules(disclosures=("ok", "  ")),
        lambda: CampaignRules(voice=Voice(avoid=("-",))),
    ],
)
def test_a_blank_phrase_is_refused(make: object) -> None:
    with pytest.raises(InvalidRequest, match="blank phrase"):
        make()  # type: ignore[operator]
