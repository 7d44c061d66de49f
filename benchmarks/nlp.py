"""`bench nlp`: throughput of the whole default scorer, beside the bare encoder it derives from (benchmarks/minilm.py).

Both score the same distinct texts alternately in one process; medians count.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psutil

from alphaads_pipelines.nlp.artifact import open_artifact
from alphaads_pipelines.nlp.base import Options, Score, Scorer
from alphaads_pipelines.nlp.cascade import CascadeScorer
from alphaads_pipelines.nlp.language import LanguageDetector
from alphaads_pipelines.nlp.lexicon import LexiconScorer
from alphaads_pipelines.nlp.neural import NeuralScorer
from alphaads_pipelines.nlp.text import readable
from alphaads_pipelines.nlp.tokenisation import WordPieces
from alphaads_pipelines.telemetry import REGISTRY
from benchmarks.minilm import NAME, MiniLm
from benchmarks.posts import synthetic_posts
from benchmarks.tweets import distinct_texts

_FLOOR, _GOAL = 2.5, 8.0
_TIERS: tuple[type[Scorer], ...] = (NeuralScorer, CascadeScorer, LexiconScorer)
_WARM_UP = [str(post["text"]) for post in synthetic_posts(64, seed=1)]
_MEMORY_TEXTS = 2_048
_MIB = 2**20


class _Round(msgspec.Struct):
    """Seconds of the peer's two parts, of each tier, and of the neural tier's network."""

    tokenising: float
    peer: float
    tiers: dict[str, float]
    network: float


def run(posts: int = 10_000, rounds: int = 3, data: Path | None = None, artifact: Path | None = None) -> dict[str, Any]:
    """Score at most `posts` distinct texts (benchmarks/tweets.py) per round."""
    source, texts = distinct_texts(posts, data)
    manifest, options = open_artifact(artifact).manifest, Options(artifact=artifact)
    memory = _memory_mib(options, texts)
    scores: dict[str, list[Score]] = {}
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        peer = MiniLm(Path(folder))
        peer.seconds(_WARM_UP)
        found = [_round(peer, options, texts, scores) for _ in range(rounds)]
    scored = [text for text, score in zip(texts, scores["neural"], strict=True) if score.sentiment is not None]
    settled = [score for score in scores["cascade"] if score.null_reasons.get("intent") == "not_in_tier"]
    pieces, shares = _parts(options, texts, scored, found)
    return {
        "bench": "nlp",
        "texts": source,
        "posts": len(texts),
        "rounds": rounds,
        "cores": len(os.sched_getaffinity(0)),
        "model": f"{manifest.name} {manifest.version}",
        **_speeds(len(texts), found),
        "pieces_per_post": round(pieces / max(1, len(scored)), 1),
        "peer_pieces_per_post": round(peer.pieces / len(texts), 1),
        "share_judged": round(len(scored) / len(texts), 3),
        "share_settled_by_the_lexicon": round(len(settled) / len(texts), 3),
        "share_of_time": shares,
        "memory_mib": memory,
    }


def _memory_mib(options: Options, texts: Sequence[str]) -> dict[str, int]:
    """Memory before loading the model, after it, and after scoring."""
    process = psutil.Process()
    taken = [process.memory_info().rss]
    scorer = NeuralScorer(options)
    taken.append(process.memory_info().rss)
    scorer.score(texts[:_MEMORY_TEXTS])
    taken.append(process.memory_info().rss)
    return {name: round(each / _MIB) for name, each in zip(("before", "loaded", "scored"), taken, strict=True)}


def _round(peer: MiniLm, options: Options, texts: list[str], scores: dict[str, list[Score]]) -> _Round:
    """Time one round with fresh scorers, as they cache scores."""
    found = _Round(*peer.seconds(texts), {}, 0.0)
    for tier in _TIERS:
        scorer = tier(options)
        scorer.score(_WARM_UP)
        before, started = _network_seconds(), time.perf_counter()
        scores[tier.tier] = scorer.score(texts)
        found.tiers[tier.tier] = time.perf_counter() - started
        if tier is NeuralScorer:
            found.network = _network_seconds() - before
    return found


def _network_seconds() -> float:
    return REGISTRY.get_sample_value("alphaads_model_seconds_sum") or 0.0


def _speeds(posts: int, found: Sequence[_Round]) -> dict[str, Any]:
    ours = {tier.tier: median(each.tiers[tier.tier] for each in found) for tier in _TIERS}
    peer = median(each.peer for each in found)
    return {
        "posts_per_second": round(posts / ours["neural"]),
        "cascade_posts_per_second": round(posts / ours["cascade"]),
        "lexicon_posts_per_second": round(posts / ours["lexicon"]),
        "peer": NAME,
        "peer_with_tokenising": round(posts / median(each.tokenising + each.peer for each in found)),
        "peer_model_only": round(posts / peer),
        "ratio_to_peer_model_only": round(peer / ours["neural"], 2),
        "floor": _FLOOR,
        "goal": _GOAL,
    }


def _parts(
    options: Options, texts: Sequence[str], scored: Sequence[str], found: Sequence[_Round]
) -> tuple[int, dict[str, float]]:
    """Count word pieces, and time the neural tier's parts separately."""
    languages, word_pieces = LanguageDetector(), WordPieces(open_artifact(options.artifact).tokenizer)
    started = time.perf_counter()
    for text in texts:
        languages.detect(readable(text)[0])
    detected = time.perf_counter()
    _, windows = word_pieces.windows(scored)
    tokenised = time.perf_counter()
    whole = median(each.tiers["neural"] for each in found)
    seconds = {
        "language": detected - started,
        "normalising_and_tokenising": tokenised - detected,
        "network": median(each.network for each in found),
    }
    shares = {part: round(spent / whole, 3) for part, spent in seconds.items()}
    return sum(len(each.ids) for each in windows), {**shares, "rest": round(1 - sum(shares.values()), 3)}
