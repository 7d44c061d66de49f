"""The catalogue: active campaigns, approved texts and running experiments.

Read again when the document `advertising` changes (campaigns/campaign_changes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.campaigns.sample_campaigns import SAMPLE_TENANT
from alphaads_pipelines.campaigns.store import active_campaigns
from alphaads_pipelines.creatives.creative_rows import CREATIVES
from alphaads_pipelines.creatives.review import APPROVED
from alphaads_pipelines.experiments.store import StoredExperiment, running_experiments

_SHOWN = (
    *("creative_id", "tenant", "campaign_id", "emotion", "tone", "headline", "body", "call_to_action"),
    *("placement", "generator"),
)
_PARTS = (*_SHOWN, "moderation")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that may be served.

    Attributes
    ----------
    campaigns: active campaigns of every tenant, by id.
    creatives: their approved texts by id, with `moderation`, the review state.
    creatives_of: tenant -> its creatives, possibly none.
    sample_tenant: fallback for tenants without an active campaign, if any.
    """

    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    creatives: tuple[Mapping[str, str], ...] = ()
    creatives_of: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    experiments: tuple[StoredExperiment, ...] = ()
    sample_tenant: str | None = None

    def offered_to(self, tenant: str) -> str | None:
        """The tenant whose campaigns a caller is served: its own, else the sample tenant."""
        return tenant if tenant in self.creatives_of else self.sample_tenant


def read_catalogue(connection: Connection, *, with_samples: bool) -> Catalogue:
    """Read the catalogue in the caller's transaction, with or without the sample campaigns."""
    active = active_campaigns(connection)
    campaigns = {key: each for key, each in active.items() if with_samples or each.tenant != SAMPLE_TENANT}
    creatives = _creatives(connection, campaigns)
    own: dict[str, list[Mapping[str, str]]] = {each.tenant: [] for each in campaigns.values()}
    for each in creatives:
        own[each["tenant"]].append(each)
    return Catalogue(
        campaigns=campaigns,
        creatives=creatives,
        creatives_of={tenant: tuple(texts) for tenant, texts in own.items()},
        experiments=tuple(running_experiments(connection)),
        sample_tenant=SAMPLE_TENANT if SAMPLE_TENANT in own else None,
    )


def _creatives(connection: Connection, campaigns: Mapping[str, Campaign]) -> tuple[Mapping[str, str], ...]:
    texts = sa.select(*(CREATIVES.c[name] for name in _SHOWN), CREATIVES.c.state)
    servable = texts.where(CREATIVES.c.state == APPROVED, CREATIVES.c.is_current).order_by(CREATIVES.c.creative_id)
    return tuple(
        dict(zip(_PARTS, row, strict=True))
        for row in connection.execute(servable)
        if row.campaign_id in campaigns and campaigns[row.campaign_id].tenant == row.tenant
    )
