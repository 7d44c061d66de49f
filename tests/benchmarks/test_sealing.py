"""`bench sealing`: the baseline seals nothing and is otherwise the same path."""

from __future__ import annotations

from pathlib import Path

from alphaads_pipelines.schema.tables import RAW_POSTS
from alphaads_pipelines.wiring.app import wired
from benchmarks import sealing
from benchmarks.live import live_settings
from benchmarks.posts import synthetic_posts
from benchmarks.sealing import publish_all
from benchmarks.unsealed import OpenWiring


def test_an_open_installation_publishes_posts_in_the_clear(tmp_path: Path) -> None:
    payloads = list(synthetic_posts(30, seed=3, authors=5))
    with wired(live_settings(tmp_path / "home", scorer_tier="lexicon"), OpenWiring) as wiring:
        wiring.intake.take("generic", payloads, "c")
        publish_all(wiring)
        bodies = wiring.lake.scan(RAW_POSTS).collect()["sealed_body"].to_list()
    assert len(bodies) == 30
    texts = [str(each["text"]).split("@")[0] for each in payloads]
    assert all(any(text[:20].encode() in body for body in bodies) for text in texts if text.isascii())


def test_both_kinds_are_timed_over_the_same_posts() -> None:
    report = sealing.run(posts=40, authors=8, rounds=1)
    sealed, unsealed = report["sealed_posts_per_second"], report["unsealed_posts_per_second"]
    assert min(sealed, unsealed) > 0
    # Whole posts a second: of a slow machine's few, rounding hides much.
    least, most = 1 - (sealed + 0.5) / (unsealed - 0.5), 1 - (sealed - 0.5) / (unsealed + 0.5)
    assert least - 0.001 <= report["sealing_cost_ratio"] <= most + 0.001
