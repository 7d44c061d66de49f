"""`alphaads touched`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.table import Table

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput, PostName
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from alphaads_pipelines.decisions.explain.affected_decisions import PostImpact


def run(post: PostName, as_json: JsonOutput = False) -> None:
    """List the decisions that a post influenced, and the ads chosen."""
    from alphaads_pipelines.decisions.explain.affected_decisions import find_affected_decisions, members_of
    from alphaads_pipelines.ingest.find_post import find_post, keys_of, parse_post

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        keys = keys_of(wiring.pseudonyms, *parse_post(post))
        found = find_post(wiring.engine, wiring.ledger, wiring.lake, wiring.topics.posts, keys)
        people = members_of(wiring.engine, found[0])
        record(wiring, "touched", action="post.trace", purpose="rights", subjects=people)
        touched = find_affected_decisions(wiring.engine, wiring.lake, found)
    emit(msgspec.to_builtins(touched)) if as_json else show_touched(touched)


def show_touched(touched: PostImpact) -> None:
    """Print a table of the ads, and how often each was chosen."""
    changed = sum(each.changed_mood for each in touched.decisions)
    out.print(f"{len(touched.decisions)} decisions were touched; in {changed} the post changed the mood")
    if not touched.creatives:
        return
    table = Table("creative", "campaign", "headline", "decisions", "shown", box=None)
    for each in touched.creatives:
        cells = (each.creative_id, each.campaign_id or "–", each.headline or "–", str(each.decisions), str(each.shown))
        table.add_row(*cells)
    out.print(table)
