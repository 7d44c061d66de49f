"""Plots the output of `bench regret`: `python -m benchmarks.regret_picture FILE.json FILE.png`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from alphaads_pipelines.bandits.simulator.picture import RANDOM, Panel, draw


def panels(report: dict[str, Any]) -> list[Panel]:
    """Build one panel per world."""
    return [
        Panel(
            f"{world} world, mean of {report['seeds']} seeds",
            result["points"],
            result["changes"],
            {
                "ours" if name not in (RANDOM, *result["settings"]) else name: each
                for name, each in result["curves"].items()
            },
        )
        for world, result in report["worlds"].items()
    ]


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_bytes(draw(panels(orjson.loads(source.read_bytes()))))
