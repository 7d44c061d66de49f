"""What tests of people's rights share."""

from __future__ import annotations

from alphaads_pipelines.rights.holdings import Sources
from alphaads_pipelines.wiring import Wiring


def sources_of(wiring: Wiring) -> Sources:
    """Where the people of an installation are held."""
    settings = wiring.settings
    topics = settings.posts_topic, settings.decisions_topic, settings.events_topic
    stores = wiring.engine, wiring.lake, wiring.stream, wiring.sealer, wiring.pseudonyms
    return Sources(*stores, *topics, settings.spool_path, lambda subject: ())
