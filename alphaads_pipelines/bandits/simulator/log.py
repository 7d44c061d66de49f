"""Write a run in the Open Bandit format, to check `alphaads ope` against the truth.

A line per seen ad; `click` means within the attribution window. User features are mood, segment, placement, network,
trend and part of the day.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alphaads_pipelines.bandits.reward_join import ATTRIBUTION_WINDOW
from alphaads_pipelines.bandits.simulator.loop import PlayResult
from alphaads_pipelines.bandits.simulator.stream import Stream
from alphaads_pipelines.errors import InvalidRequest

_FACTS = ("mood", "segment", "placement", "platform", "mood_trend")
_UNKNOWN = "unknown"
_HOURS = 3


def write_log(path: Path, stream: Stream, played: PlayResult) -> int:
    """Write the log; returns the number of lines. Raises InvalidRequest for changing creatives, which the format cannot
    express."""
    if len(stream.arms) > 1:
        raise InvalidRequest("--log: creatives come and go in this world, which the Open Bandit format cannot say")
    in_time = stream.reports.clicked_at - stream.at <= ATTRIBUTION_WINDOW.total_seconds()
    clicks, seen = played.is_clicked & in_time, np.flatnonzero(stream.reports.is_seen)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        users = [f"user_feature_{number}" for number in range(len(_FACTS) + 1)]
        writer.writerow(["item_id", "position", "click", "propensity_score", *users])
        for place in seen.tolist():
            drawn, propensity = int(played.drawn[place]), float(played.propensities[place])
            writer.writerow([drawn, 0, int(clicks[place]), repr(propensity), *_words(stream.facts[place])])
    return len(seen)


def _words(facts: Mapping[str, Any]) -> list[str]:
    return [*(str(facts.get(name, _UNKNOWN)) for name in _FACTS), f"from {facts['hour'] // _HOURS * _HOURS}"]
