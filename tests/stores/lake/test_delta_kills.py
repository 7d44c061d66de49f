"""A writer that is killed (kill -9) at any moment loses no slice that it acknowledged, and leaves none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from alphaads_pipelines.schema.tables import RAW_POSTS
from alphaads_pipelines.stores.lake.delta import DeltaLake
from tests.conftest import ROOT
from tests.stores.lake.lake_rows import DAY

SEED = 20
ROUNDS = 5
POSTS = 4
_WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from datetime import date
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.schema.tables import RAW_POSTS
from tests.stores.lake.lake_rows import no_guard, post_slice, posts
lake, day, first = DeltaLake(sys.argv[2], tidy_after_files=8), date.fromisoformat(sys.argv[3]), int(sys.argv[4])
for seq in range(first, 10**6):
    span = (4 * seq, 4 * seq + 4)
    where = post_slice(seq, {0: span}, again=seq == first)
    lake.replace_slice(RAW_POSTS, posts(seq, {0: range(*span)}, day), where, no_guard)
    print(seq, flush=True)
"""


def write_until_killed(root: Path, day: date, first: int, chance: random.Random) -> int:
    """Batches from `first` on, all posts of `day`, by a process that dies in one of them: the last acknowledged."""
    command = [sys.executable, "-c", _WRITER, str(ROOT), str(root), day.isoformat(), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(chance.randint(1, 40)):
            acknowledged = int(writer.stdout.readline())
        time.sleep(chance.uniform(0, 0.05))
        os.kill(writer.pid, signal.SIGKILL)
        return max([acknowledged, *map(int, writer.stdout)])


def held(lake: DeltaLake) -> dict[tuple[int, date], int]:
    """Rows of each batch under each date."""
    rows = lake.scan(RAW_POSTS).collect()
    assert rows["stream_offset"].is_unique().all()
    return {(seq, day): n for seq, day, n in rows.group_by("batch_seq", "event_date").len().iter_rows()}


def test_kills_lose_nothing_acknowledged_and_double_nothing(tmp_path: Path) -> None:
    """Each process does the batch anew in which the one before it died, under another date."""
    chance, lake = random.Random(SEED), DeltaLake(tmp_path)
    acknowledged: dict[tuple[int, date], int] = {}
    first = 0
    for number in range(ROUNDS):
        day = DAY + timedelta(days=number)
        last = write_until_killed(tmp_path, day, first, chance)
        acknowledged.update({(seq, day): POSTS for seq in range(first, last + 1)})
        first = last + 1
        found = held(lake)
        assert found.pop((first, day), POSTS) == POSTS  # the batch it died in: all of it or nothing
        assert found == acknowledged
    lake.maintain(RAW_POSTS, retention_hours=0)
    assert len(lake.files(RAW_POSTS)) < 2 * first  # two files a batch, and some were merged
    assert acknowledged.items() <= held(lake).items()
