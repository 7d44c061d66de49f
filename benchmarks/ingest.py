"""`bench ingest`: sealed posts per hour from intake to published, beside VADER alone.

For tiers with our network, also the share of worker time outside it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from alphaads_pipelines.nlp.registry import SCORERS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from benchmarks.live import MODEL, is_published, live, live_settings, wait_until, worker_seconds
from benchmarks.posts import synthetic_posts

_VADER_TEXTS = 20_000
_SECONDS_AN_HOUR = 3600
_LEAST_POSTS_A_SECOND, _PATIENCE_S = 100, 600.0


def vader_alone(texts: list[str]) -> float:
    """Posts per second of plain VADER on one core."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    started = time.perf_counter()
    for text in texts:
        analyzer.polarity_scores(text)
    return len(texts) / (time.perf_counter() - started)


def _write_posts(path: Path, posts: int, authors: int) -> list[str]:
    texts: list[str] = []
    with path.open("wb") as file:
        for payload in synthetic_posts(posts, seed=7, authors=authors):
            file.write(orjson.dumps(payload) + b"\n")
            if len(texts) < _VADER_TEXTS:
                texts.append(str(payload["text"]))
    return texts


def _ingest(settings: Settings, path: Path) -> None:
    command = [sys.executable, "-m", "alphaads_pipelines.cli.main", "ingest", str(path), "--platform", "generic"]
    subprocess.run(command, env=settings.process_environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def run(posts: int = 200_000, authors: int = 20_000, tier: str = "lexicon", **servers: str) -> dict[str, Any]:
    """Run `alphaads ingest` beside the workers; `servers` are settings such as kafka_bootstrap_servers."""
    SCORERS.load(tier)
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        path = Path(folder) / "posts.jsonl"
        texts = _write_posts(path, posts, authors)
        settings = live_settings(Path(folder) / "home", scorer_tier=tier, **servers)
        with wired(settings) as wiring, live(wiring):
            before = worker_seconds(settings)
            started = time.perf_counter()
            _ingest(settings, path)
            taken_in = time.perf_counter() - started
            wait_until(lambda: is_published(wiring), "publishing", _PATIENCE_S + posts / _LEAST_POSTS_A_SECOND)
            elapsed = time.perf_counter() - started
            after = worker_seconds(settings)
        alone = vader_alone(texts)
    return _report(posts, settings, elapsed, taken_in, {k: after[k] - before.get(k, 0.0) for k in after}, alone)


def _report(
    posts: int, settings: Settings, elapsed: float, taken_in: float, seconds: dict[str, float], alone: float
) -> dict[str, Any]:
    shares = {part: spent / (elapsed * settings.workers) for part, spent in sorted(seconds.items())}
    in_model = shares.pop(MODEL, 0.0)
    return {
        "bench": "ingest",
        "posts": posts,
        "stream": settings.stream_kind,
        "tier": settings.scorer_tier,
        "workers": settings.workers,
        "seconds": round(elapsed, 2),
        "intake_seconds": round(taken_in, 2),
        "posts_per_second": round(posts / elapsed),
        "posts_per_hour": round(posts / elapsed * _SECONDS_AN_HOUR),
        "vader_alone_posts_per_second": round(alone),
        "ratio_to_vader_alone": round(posts / elapsed / alone, 3),
        "share_of_worker_time": {
            **{stage: round(share, 3) for stage, share in shares.items()},
            "outside_the_stages": round(1 - sum(shares.values()), 3),
        },
        "share_in_model": round(in_model, 3),
        "share_outside_model": round(1 - in_model, 3),
    }
