"""`alphaads creative`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from alphaads_pipelines.cli.audit_record import actor
from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import DEFAULT_TENANT, JsonOutput
from alphaads_pipelines.cli.pagination import all_pages, check_state
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alphaads_pipelines.creatives.creative_rows import StoredCreative

app = typer.Typer(
    help="List campaigns' texts and process the review queue.",
    no_args_is_help=True,
)
Tenant = Annotated[str, typer.Option(help="Tenant of the campaigns.")]
State = Annotated[
    str | None, typer.Option(help="Only this state; needs_review is the queue. Default: all texts in use.")
]
CampaignId = Annotated[str | None, typer.Option("--campaign", help="Only this campaign's, by id.")]
Id = Annotated[str, typer.Argument(help="A creative's id, as `list` shows it.", metavar="ID", show_default=False)]
Note = Annotated[str, typer.Option(help="The reason, stored with your name.", show_default=False)]


@app.command("list")
def list_all(
    tenant: Tenant = DEFAULT_TENANT, state: State = None, campaign: CampaignId = None, as_json: JsonOutput = False
) -> None:
    """List the texts that campaigns use, by id."""
    from alphaads_pipelines.creatives.creative_store import MOST_LISTED, list_creatives
    from alphaads_pipelines.creatives.review import STATES

    def page(after: str) -> list[StoredCreative]:
        engine, most = wiring.engine, MOST_LISTED
        return list_creatives(engine, tenant, state=state, campaign_id=campaign, after=after, limit=most)

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        check_state(state, STATES)
        found = all_pages(page, lambda each: each.creative.creative_id)
    if as_json:
        emit([_shown(each) for each in found])
        return
    table = Table("id", "campaign", "emotion", "state", "reasons", "headline", "body", box=None, pad_edge=False)
    for each in found:
        text, reasons = each.creative, ", ".join(each.review.reasons)
        words = (escape(text.headline), escape(text.body))
        table.add_row(text.creative_id, text.campaign_id, text.emotion, each.review.state, reasons, *words)
    out.print(table)


@app.command()
def approve(creative_id: Id, note: Note, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Approve a text that moderation was unsure about."""
    from alphaads_pipelines.creatives.creative_store import approve_creative

    decision = {"reviewer": actor(), "note": note}
    _act(lambda engine, now: approve_creative(engine, tenant, creative_id, **decision, now=now), as_json=as_json)


@app.command()
def reject(creative_id: Id, note: Note, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Reject a queued or approved text, for good."""
    from alphaads_pipelines.creatives.creative_store import reject_creative

    decision = {"reviewer": actor(), "note": note}
    _act(lambda engine, now: reject_creative(engine, tenant, creative_id, **decision, now=now), as_json=as_json)


@app.command()
def resubmit(creative_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Send a text back to moderation; it is not served meanwhile."""
    from alphaads_pipelines.creatives.creative_store import resubmit_creative

    _act(lambda engine, now: resubmit_creative(engine, tenant, creative_id, now=now), as_json=as_json)


def _act(act: Callable[[Engine, datetime], StoredCreative], *, as_json: bool) -> None:
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        stored = act(wiring.engine, datetime.now(UTC))
        if as_json:
            emit(_shown(stored))
        else:
            out.print(f"{stored.creative.creative_id} is {stored.review.state}")


def _shown(stored: StoredCreative) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins({"creative": stored.creative, "review": stored.review})
    return {**shown["creative"], **shown["review"], "is_current": stored.is_current}
