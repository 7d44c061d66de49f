"""Networks and their parsers by name. A new network is one file in this room and one entry here."""

from alphaads_pipelines.platforms.base import Platform
from alphaads_pipelines.platforms.network import Network, context_order
from alphaads_pipelines.registry import Registry

_EVERY_PURPOSE = ("personalised_ads", "linking", "audience_export", "model_training", "analytics")
# LinkedIn's terms forbid advertising, audiences and export with member data (Marketing API, restricted use cases).
# Linking is forbidden too: a linked profile would carry member-derived data into ads. X requires an opt-in before
# linking an X identity (developer agreement, off-X matching), which consent to linking gives.
_LINKEDIN_FORBIDS = ("personalised_ads", "linking", "audience_export", "model_training")

_HERE = "alphaads_pipelines.platforms"
NETWORKS: dict[str, Network] = {
    "x": Network(parser=f"{_HERE}.x:XPlatform", allows=_EVERY_PURPOSE, forbids=(), place=0),
    "facebook": Network(parser=None, allows=_EVERY_PURPOSE, forbids=(), place=1),
    "instagram": Network(parser=None, allows=_EVERY_PURPOSE, forbids=(), place=2),
    "linkedin": Network(parser=None, allows=("analytics",), forbids=_LINKEDIN_FORBIDS, place=3),
    "generic": Network(parser=f"{_HERE}.generic:GenericPlatform", allows=_EVERY_PURPOSE, forbids=(), place=4),
}
CONTEXT_NETWORKS = context_order(NETWORKS)
"""Layout of the one-hot `platform` in bandits/context.py: changing it needs a new VERSION there."""
PLATFORMS: Registry[Platform] = Registry(
    "platform", {name: network.parser for name, network in NETWORKS.items() if network.parser is not None}
)
