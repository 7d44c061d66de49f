"""A process of its own that forgets a post and is killed (kill -9) on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from alphaads_pipelines.ingest.find_post import keys_of, parse_post
from alphaads_pipelines.pipeline import forget_post as work
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.wiring.app import wired
from tests.pipeline.scorers import HashScorer

PLACES = ("forget_keys", "_remove_records", "plan_replay", "erase_posts", "rebuild_people", "publish")


def settings_of(folder: Path, **more: Any) -> Settings:
    """Settings of the installation under `folder`; a lease is over soon."""
    home = {"alphaads_home": folder / "home", "stream_partitions": 2, "shards": 4, "batch_lease_s": 2.0}
    return Settings(_env_file=None, environment="test", **{**home, **more})


def die_behind(place: str, post: str, folder: Path) -> None:
    """Forget a post; die when what is called `place` has returned the first time."""
    owner: Any = DeltaLake if place == "erase_posts" else work
    real = getattr(owner, place)

    def last(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, place, last)
    with wired(settings_of(folder)) as wiring:
        wiring.__dict__["scorer"] = HashScorer("1")
        keys = keys_of(wiring.pseudonyms, *parse_post(post))
        work.forget_post(wiring, keys, lambda _: None, 30.0)
