"""From files to accepted, rejected and duplicate: poisoned input gives the posts of the clean one, and says why not."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from alphaads_pipelines.ingest.batch_reader import AcceptedBatch
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.files import read_payloads
from alphaads_pipelines.platforms.base import Post
from alphaads_pipelines.platforms.fields import REASONS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.streams.base import OffsetRange
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.posts import START, synthetic_posts

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Home:
    """One installation, taking files in and accepting what its stream then holds."""

    wiring: Wiring
    taken_until: dict[int, int] = field(default_factory=dict)
    sequence: Iterator[int] = field(default_factory=lambda: count(1))

    def ingest(self, paths: Iterable[Path], platform: str) -> AcceptedBatch:
        for path in paths:
            for payloads in read_payloads(path):
                self.wiring.intake.take(platform, payloads, "c")
        topic, shards = self.wiring.topics.posts, tuple(range(self.wiring.settings.shards))
        ends = self.wiring.stream.end_offsets(topic)
        ranges = tuple(OffsetRange(topic, each, self.taken_until.get(each, 0), end) for each, end in ends.items())
        self.taken_until = ends
        batch = Batch(next(self.sequence), 1, "live", "running", ranges, shards, NOON, "2026-11-24-12:00")
        return self.wiring.batch_reader.read(batch)


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[list[Home]]:
    """Two installations that know nothing of each other."""
    paths = (tmp_path / "clean", tmp_path / "poisoned")
    settings = [Settings(_env_file=None, environment="test", alphaads_home=path) for path in paths]
    with wired(settings[0]) as first, wired(settings[1]) as second:
        yield [Home(first), Home(second)]


def _as_version(post: dict[str, Any], version: int) -> dict[str, Any]:
    if version == 1:
        return post
    nested = {key: value for key, value in post.items() if not key.startswith("author_")}
    nested |= {"format_version": version, "author": {"id": post["author_id"], "name": post["author_name"]}}
    if version == 3:
        nested["lang"] = nested.pop("language")
    return nested


def _broken(rng: random.Random, post: dict[str, Any]) -> bytes:
    whole = json.dumps(post).encode()
    return rng.choice(
        [
            whole[: rng.randrange(5, len(whole) - 1)],
            json.dumps({**post, "text": None}).encode(),
            json.dumps({**post, "author_id": ""}).encode(),
            json.dumps({**post, "created_at": "a while ago"}).encode(),
            json.dumps({**post, "format_version": 7}).encode(),
            b'{"id": "\xff\xfe"}' + whole,
        ]
    )


def _write(path: Path, lines: Iterable[bytes]) -> Path:
    path.write_bytes(b"\n".join(lines))
    return path


def _by_key(posts: Iterable[Post]) -> dict[tuple[str, str, int], tuple[str, datetime, str | None]]:
    """A post's content with mention tokens masked: each installation has its own."""
    said = {}
    for post in posts:
        words = " ".join("@" if word.startswith("@") else word for word in post.text.split())
        said[post.platform, post.post_id, post.version] = (words, post.created_at, post.author_name)
    return said


def test_poisoned_input_gives_the_posts_of_the_clean_one(homes: list[Home], tmp_path: Path) -> None:
    rng = random.Random(11)
    posts = list(synthetic_posts(2_000, seed=2, authors=150))
    late = list(synthetic_posts(200, seed=9, authors=150, start=START.replace(month=10)))
    good = [json.dumps(post).encode() for post in posts + late]
    poisoned = [json.dumps(_as_version(post, rng.choice((1, 2, 3)))).encode() for post in posts + late]
    duplicates = rng.sample(poisoned, 220)
    broken = [_broken(rng, {**post, "id": f"broken-{n}"}) for n, post in enumerate(rng.sample(posts, 110))]
    lines = poisoned + duplicates + broken
    rng.shuffle(lines)

    clean = homes[0].ingest([_write(tmp_path / "clean.jsonl", good)], "generic")
    mixed = homes[1].ingest([_write(tmp_path / "mixed.jsonl", lines)], "generic")

    assert (clean.counts.read, clean.counts.accepted) == (2_200, 2_200)
    counts = mixed.counts
    assert (counts.read, counts.accepted, counts.rejected, counts.duplicates) == (len(lines), 2_200, 110, 220)
    assert _by_key(mixed.posts) == _by_key(clean.posts)
    assert set(mixed.rejected["reason"]) <= set(REASONS)
    assert len(set(mixed.rejected["reason"])) >= 5


def test_poison_taken_in_again_is_all_duplicates(homes: list[Home], tmp_path: Path) -> None:
    rng = random.Random(12)
    posts = list(synthetic_posts(300, seed=2, authors=40))
    lines = [json.dumps(post).encode() for post in posts] + [_broken(rng, post) for post in posts[:30]]
    path = _write(tmp_path / "posts.jsonl", dict.fromkeys(lines))
    first = homes[0].ingest([path], "generic").counts
    again = homes[0].ingest([path], "generic").counts
    assert first.rejected > 10
    assert (again.accepted, again.rejected, again.duplicates) == (0, 0, first.read)


def test_all_real_objects_go_in_once(homes: list[Home], shared_data: Path) -> None:
    paths = sorted((shared_data / "btc_raw_x_api_v1_1").glob("*.jsonl.gz"))
    first = homes[0].ingest(paths, "x")
    assert (first.counts.read, first.counts.accepted) == (2_495, 2_495)
    again = homes[0].ingest(paths, "x").counts
    assert (again.read, again.accepted, again.rejected, again.duplicates) == (2_495, 0, 0, 2_495)
    kinds: Counter[str] = Counter(first.raw["kind"])
    assert kinds == {"original": 2415, "repost": 66, "reply": 14}


def test_no_real_handle_name_or_text_lies_on_the_disk(homes: list[Home], shared_data: Path) -> None:
    path = shared_data / "btc_raw_x_api_v1_1" / "e.no-labels.jsonl.gz"
    accepted = homes[0].ingest([path], "x")
    objects = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(accepted.posts) == len(objects) > 100
    planted = {obj["user"]["name"].encode() for obj in objects} | {obj["text"][:40].encode() for obj in objects}
    planted |= {b'"' + obj["user"]["screen_name"].encode() + b'"' for obj in objects}
    files = [each for each in homes[0].wiring.settings.alphaads_home.rglob("*") if each.is_file()]
    held = b"\n".join(each.read_bytes() for each in files)
    assert len(held) > 50_000
    assert sum(secret in held for secret in planted if len(secret) > 6) == 0
