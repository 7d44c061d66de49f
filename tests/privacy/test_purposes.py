"""What data of which network may be used for: the table says what the networks' terms and the law say."""

from __future__ import annotations

import pytest

from alphaads_pipelines.privacy.purposes import Ground, ground, is_forbidden, is_sensitive, needs_consent
from alphaads_pipelines.profiles.view import ProfileView
from alphaads_pipelines.schema.tables import PURPOSES, TABLES
from alphaads_pipelines.stores.subjects.rectifications import RECTIFIABLE

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
