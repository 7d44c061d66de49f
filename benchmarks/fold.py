"""Times the fold alone, for `bench profiles`: `python -m benchmarks.fold`, with one polars thread."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from typing import Any

from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.state import decode
from benchmarks.scored import group_by_hour, scored_batches


def measure(batch_posts: int, people: int, before: int, batches: int) -> dict[str, Any]:
    """Fold `before` batches untimed, then time `batches`, each beside a plain group-by."""
    names = [f"{number:032x}" for number in range(people)]
    states: dict[str, bytes] = {}
    folding, grouping = 0.0, 0.0
    touched, size, hours = 0, 0, 0
    for number, (scores, entities) in enumerate(islice(scored_batches(names, batch_posts, 7), before + batches)):
        started = time.perf_counter()
        profiles, _ = fold_profiles(states, scores, number, entities)
        folded = time.perf_counter()
        group_by_hour(scores)
        grouped = time.perf_counter()
        states.update(profiles.select("subject_id", "state").iter_rows())
        if number >= before:
            folding, grouping = folding + folded - started, grouping + grouped - folded
            touched += profiles.height
            size += sum(map(len, profiles["state"]))
            hours += sum(len(decode(state).hours) for state in profiles["state"])
    posts = batches * batch_posts
    return {
        "posts": posts,
        "batch_posts": batch_posts,
        "profiles_per_batch": round(touched / batches),
        "hours_per_state": round(hours / touched, 1),
        "bytes_per_state": round(size / touched),
        "posts_per_second": round(posts / folding),
        "group_by_posts_per_second": round(posts / grouping),
        "ratio_to_group_by": round(grouping / folding, 4),
    }


if __name__ == "__main__":
    json.dump(measure(**json.loads(sys.argv[1])), sys.stdout)
