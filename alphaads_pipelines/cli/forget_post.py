"""`alphaads forget-post`, for posts that their author deleted at the network."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput, PostName
from alphaads_pipelines.cli.touched import show_touched
from alphaads_pipelines.wiring.app import wired

_PATIENCE_S = 600.0


def run(post: PostName, as_json: JsonOutput = False) -> None:
    """Delete a post, rebuild profiles without it, block its re-ingestion and show the decisions that it influenced."""
    from alphaads_pipelines.ingest.find_post import keys_of, parse_post
    from alphaads_pipelines.pipeline.forget_post import forget_post

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        keys = keys_of(wiring.pseudonyms, *parse_post(post))

        def note(people: Collection[str]) -> None:
            record(wiring, "forget-post", action="post.forget", purpose="rights", subjects=people)

        forgotten = forget_post(wiring, keys, note, _PATIENCE_S)
    if as_json:
        emit(msgspec.to_builtins(forgotten))
        return
    rows = ", ".join(f"{count} of {table}" for table, count in forgotten.rows.items() if count)
    out.print(f"forgotten; deleted: {rows or 'nothing, the post was not here'}; it will not be taken in again")
    if forgotten.touched is not None:
        show_touched(forgotten.touched)
