"""Profiles do not care how posts came: shuffled, late, doubled, in several batches, and replayed."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.pipeline.batch_run import BatchRun, Requested, plan_replay
from alphaads_pipelines.pipeline.stages import STAGES
from alphaads_pipelines.platforms.base import Payload
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from benchmarks.posts import synthetic_posts
from tests.equality import fingerprint
from tests.pipeline.scorers import HashScorer
from tests.publishing import publish_batches

POSTS = list(synthetic_posts(60, seed=3, authors=7, span_days=40))
PROFILES = ("live_profiles", "customer_profiles", "emotional_journeys")


def _profiles(intakes: Sequence[Sequence[Payload]], replayed: Sequence[int] = ()) -> dict[str, str]:
    """Fingerprints of the profiles after each intake was published, and some batches replayed."""
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(_env_file=None, environment="test", alphaads_home=Path(folder) / "home", stream_partitions=2)
        with wired(home) as wiring:
            wiring.__dict__["scorer"] = HashScorer("1")
            for payloads in intakes:
                wiring.intake.take("generic", list(payloads), "0" * 32)
                publish_batches(wiring)
            for seq in replayed:
                with BatchRun(wiring, Requested(seq, plan_replay(wiring, seq)), "test") as run:
                    for stage in STAGES:
                        run.step(stage, [])
            found = fingerprint(wiring)
    return {name: found[name] for name in PROFILES}


@given(dice=st.randoms(use_true_random=False), parts=st.integers(2, 4))
@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
def test_shuffled_late_doubled_and_replayed_posts_give_the_same_profiles(dice: random.Random, parts: int) -> None:
    posts = dice.sample(POSTS, len(POSTS))
    intakes = [[*posts[part::parts], *dice.sample(posts, 10)] for part in range(parts)]
    assert _profiles(intakes, replayed=[dice.randint(1, parts)]) == _profiles([POSTS])
