"""Texts to score: real tweets from a folder of public data, or synthetic posts where there is none."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import orjson

from alphaads_pipelines.errors import InvalidRequest
from benchmarks.posts import synthetic_posts

DEFAULT_FOLDER = Path(__file__).parent.parent.parent / "shared" / "data"
"""Where the tests look for real data, too: beside the checkout."""

REAL, SYNTHETIC = "real tweets", "synthetic posts"


def distinct_texts(posts: int, data: Path | None, seed: int = 7) -> tuple[str, list[str]]:
    """Whose texts they are, and at most `posts` of them, no two alike.

    Parameters
    ----------
    data: the folder of the public data; None: the one beside the checkout, if it is there.

    Raises
    ------
    InvalidRequest: the folder holds no tweets.
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
    """Raw tweets of the Broad Twitter Corpus, and TweetEval's validation tweets."""
    for path in sorted(folder.glob("btc_raw_x_api_v1_1/*.jsonl.gz")):
        with gzip.open(path) as file:
            yield from (orjson.loads(line)["text"] for line in file if line.strip())
    for path in sorted(folder.glob("tweeteval/*/val_text.txt")):
        yield from filter(str.strip, path.read_text(encoding="utf-8").split("\n"))
