"""Texts to score: real tweets from public data, or else synthetic posts."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import orjson

from alphaads_pipelines.errors import InvalidRequest
from benchmarks.posts import synthetic_posts

DEFAULT_FOLDER = Path(__file__).parent.parent.parent / "shared" / "data"
"""Data beside the checkout, as for tests."""

REAL, SYNTHETIC = "real tweets", "synthetic posts"


def distinct_texts(posts: int, data: Path | None, seed: int = 7) -> tuple[str, list[str]]:
    """Return the kind of texts, and at most `posts` distinct ones. Raises InvalidRequest if `data` has no tweets.

    Parameters
    ----------
    data: folder; None falls back to DEFAULT_FOLDER, then to synthetic posts.
    """
    folder = data or DEFAULT_FOLDER
    texts = sorted(set(_tweets(folder)))
    if texts:
        return REAL, random.Random(seed).sample(texts, min(posts, len(texts)))
    if data is not None:
        raise InvalidRequest(f"{data} holds no tweets; docs/models.md says where each dataset comes from")
    synthetic = dict.fromkeys(str(post["text"]) for post in synthetic_posts(posts, seed))
    return SYNTHETIC, list(synthetic)


def _tweets(folder: Path) -> Iterator[str]:
    """Read the Broad Twitter Corpus and TweetEval's validation tweets."""
    for path in sorted(folder.glob("btc_raw_x_api_v1_1/*.jsonl.gz")):
        with gzip.open(path) as file:
            yield from (orjson.loads(line)["text"] for line in file if line.strip())
    for path in sorted(folder.glob("tweeteval/*/val_text.txt")):
        yield from filter(str.strip, path.read_text(encoding="utf-8").split("\n"))
