"""Terms of use: the grounds follow each network's declared terms and the law."""

from __future__ import annotations

import pytest

from alphaads_pipelines.platforms.terms import ground, is_forbidden
from alphaads_pipelines.privacy.purposes import Ground
from alphaads_pipelines.schema.tables import PURPOSES

NETWORKS = ("x", "facebook", "instagram", "linkedin", "generic", "a network of tomorrow")


def test_every_network_has_a_ground_for_every_purpose() -> None:
    assert all(isinstance(ground(network, purpose), Ground) for network in NETWORKS for purpose in PURPOSES)
    with pytest.raises(KeyError):
        ground("x", "world_domination")


@pytest.mark.parametrize("purpose", ["personalised_ads", "audience_export", "linking", "model_training"])
@pytest.mark.parametrize("network", ["linkedin", "LinkedIn"])
def test_linkedin_members_are_used_for_no_ads_audiences_links_or_models(network: str, purpose: str) -> None:
    assert is_forbidden([network], purpose)
    assert is_forbidden(["x", network], purpose), "what is combined follows the stricter terms"
    assert not is_forbidden(["x", "facebook"], purpose)


def test_linkedin_is_counted_in_aggregates_only() -> None:
    assert ground("linkedin", "analytics") is Ground.AGGREGATES


def test_an_x_identity_is_linked_only_by_opt_in() -> None:
    assert ground("x", "linking") is Ground.CONSENT
