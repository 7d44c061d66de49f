"""`alphaads campaign`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.json_object import read_object
from alphaads_pipelines.cli.options import DEFAULT_TENANT, JsonOutput
from alphaads_pipelines.cli.pagination import all_pages, check_state
from alphaads_pipelines.schema.advertising_tables import CAMPAIGN_STATES
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alphaads_pipelines.campaigns.campaign import Campaign
    from alphaads_pipelines.decisions.budget.spend_report import Spend

app = typer.Typer(help="Manage campaigns; servers follow within a second.", no_args_is_help=True)
Tenant = Annotated[str, typer.Option(help="Tenant of the campaigns.")]
State = Annotated[str | None, typer.Option(help=f"Only this state: {', '.join(CAMPAIGN_STATES)}.")]
Id = Annotated[str, typer.Argument(help="A campaign's id, as `list` shows it.", metavar="ID", show_default=False)]
File = Annotated[
    Path,
    typer.Argument(help="A JSON object with the fields that docs/learning.md names; -: stdin.", show_default=False),
]
Version = Annotated[int, typer.Option(help="The edited version, from `list`.")]
Days = Annotated[int, typer.Option(min=1, max=366, help="Number of UTC days, including today.")]
_DRAFT, _ACTIVE, _PAUSED, _ENDED = CAMPAIGN_STATES


@app.command("list")
def list_all(tenant: Tenant = DEFAULT_TENANT, state: State = None, as_json: JsonOutput = False) -> None:
    """List the campaigns by id."""
    from alphaads_pipelines.campaigns.store import MOST_LISTED, list_campaigns

    def page(after: str) -> list[Campaign]:
        return list_campaigns(wiring.engine, tenant, state=state, after=after, limit=MOST_LISTED)

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        check_state(state, CAMPAIGN_STATES)
        found = all_pages(page, lambda each: each.campaign_id)
    if as_json:
        emit([_shown(each) for each in found])
        return
    table = Table("id", "state", "version", "name", "product", box=None, pad_edge=False)
    for name in ("budget USD", "a day USD"):
        table.add_column(name, justify="right")
    for each in found:
        budgets = (_usd(each.budget_microusd), _usd(each.daily_budget_microusd))
        words = (escape(each.name), escape(each.product))
        table.add_row(each.campaign_id, each.state, str(each.version), *words, *budgets)
    out.print(table)


@app.command()
def create(file: File, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Draft a campaign; `resume` starts it."""
    from alphaads_pipelines.campaigns.campaign import parse_draft
    from alphaads_pipelines.campaigns.store import create_campaign

    with exit_codes():
        campaign = parse_draft(read_object(file), campaign_id=uuid.uuid4().hex, tenant=tenant)
        _act(lambda engine, now: create_campaign(engine, campaign, now), as_json=as_json)


@app.command()
def edit(
    campaign_id: Id, file: File, version: Version, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False
) -> None:
    """Change the fields given in the file; refused if the campaign was edited since that version."""
    from alphaads_pipelines.campaigns.campaign import parse_changes
    from alphaads_pipelines.campaigns.store import edit_campaign, read_campaign

    def edited(engine: Engine, now: datetime) -> Campaign:
        changes = parse_changes(read_campaign(engine, tenant, campaign_id), fields)
        return edit_campaign(engine, tenant, campaign_id, changes, version=version, now=now)

    with exit_codes():
        fields = read_object(file)
        _act(edited, as_json=as_json)


@app.command()
def pause(campaign_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Stop serving a campaign until it is resumed."""
    _move(campaign_id, _PAUSED, tenant, as_json=as_json)


@app.command()
def resume(campaign_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Start a draft, or resume a paused campaign."""
    _move(campaign_id, _ACTIVE, tenant, as_json=as_json)


@app.command()
def end(campaign_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """End a campaign for good; it is kept for past decisions."""
    _move(campaign_id, _ENDED, tenant, as_json=as_json)


@app.command()
def spending(campaign_id: Id, tenant: Tenant = DEFAULT_TENANT, days: Days = 31, as_json: JsonOutput = False) -> None:
    """Show reserved, spent and remaining money: overall, today and by day."""
    import msgspec

    from alphaads_pipelines.campaigns.store import read_campaign
    from alphaads_pipelines.decisions.budget.spend_report import read_spend

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        campaign, now = read_campaign(wiring.engine, tenant, campaign_id), datetime.now(UTC)
        report = read_spend(wiring.engine, campaign, now, days)
    if as_json:
        emit(msgspec.to_builtins(report))
        return
    table = Table("", box=None, pad_edge=False)
    for name in ("budget USD", "reserved USD", "spent USD", "left USD"):
        table.add_column(name, justify="right")
    _add_spend(table, "altogether", report.total, campaign.budget_microusd, report.left_microusd)
    for day in report.days:
        is_today = day.day == now.date()
        plan = (report.today_budget_microusd, report.today_left_microusd) if is_today else (None, None)
        _add_spend(table, str(day.day), day.total, *plan)
        for segment, spend in day.segments.items():
            _add_spend(table, f"  {escape(segment)}", spend, None, None)
    out.print(table)


def _add_spend(table: Table, name: str, spend: Spend, budget: int | None, left: int | None) -> None:
    # Cents are too coarse: an impression costs less than one.
    table.add_row(name, *(_usd(each, 4) for each in (budget, spend.reserved_microusd, spend.spent_microusd, left)))


def _move(campaign_id: str, state: str, tenant: str, *, as_json: bool) -> None:
    from alphaads_pipelines.campaigns.store import set_campaign_state

    _act(lambda engine, now: set_campaign_state(engine, tenant, campaign_id, state, now=now), as_json=as_json)


def _act(act: Callable[[Engine, datetime], Campaign], *, as_json: bool) -> None:
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        campaign = act(wiring.engine, datetime.now(UTC))
        if as_json:
            emit(_shown(campaign))
        else:
            out.print(f"{campaign.campaign_id} is {campaign.state} (version {campaign.version})")


def _usd(microusd: int | None, digits: int = 2) -> str:
    from alphaads_pipelines.campaigns.campaign import MICROUSD

    return "" if microusd is None else f"{microusd / MICROUSD:,.{digits}f}"


def _shown(campaign: Campaign) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(campaign)
    return shown
