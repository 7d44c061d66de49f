"""`alphaads gazetteer`."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import DEFAULT_TENANT, JsonOutput
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import ENTITY_TYPES, KINDS
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from alphaads_pipelines.nlp.gazetteer import TrackedName

app = typer.Typer(
    help="Manage the brand, product and campaign names found in posts; edits apply from the next batch.",
    no_args_is_help=True,
)
Tenant = Annotated[str, typer.Option(help="Tenant of the names.")]
Name = Annotated[str, typer.Argument(help="The name, as it is written.", show_default=False)]
Kind = Annotated[str, typer.Option("--kind", "-k", help=f"One of {', '.join(KINDS)}.")]
Type = Annotated[str, typer.Option("--type", "-t", help=f"One of {', '.join(ENTITY_TYPES)}.")]
Id = Annotated[str | None, typer.Option("--id", help="Stable id; default: derived from the name.")]
Aliases = Annotated[list[str] | None, typer.Option("--alias", "-a", help="Another spelling; repeatable.")]
Campaigns = Annotated[list[str] | None, typer.Option("--campaign", "-c", help="A campaign's id; repeatable.")]
ExactCase = Annotated[bool, typer.Option("--exact-case", help="Match case: Apple, not apple.")]
Ids = Annotated[list[str], typer.Argument(help="Ids, as `list` shows them.", metavar="ID...")]
Lines = Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, as `export` writes them; -: stdin.")]
Replace = Annotated[bool, typer.Option("--replace", help="Remove every name that is not in the file.")]


@app.command("list")
def list_names(tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """List the tracked names by id."""
    names = _read(tenant)
    if as_json:
        emit([_shown(each) for each in names])
        return
    table = Table("id", "name", "kind", "type", "case", "aliases", "campaigns", box=None, pad_edge=False)
    for each in names:
        case = "exact" if each.is_exact_case else "any"
        lists = (", ".join(each.aliases), ", ".join(each.campaign_ids))
        table.add_row(each.tracked_id, each.name, each.kind, each.entity_type, case, *lists)
    out.print(table)


@app.command()
def add(
    name: Name,
    kind: Kind = "brand",
    entity_type: Type = "ORG",
    tracked_id: Id = None,
    alias: Aliases = None,
    campaign: Campaigns = None,
    exact_case: ExactCase = False,
    tenant: Tenant = DEFAULT_TENANT,
    as_json: JsonOutput = False,
) -> None:
    """Track a name, replacing one with the same id."""
    from alphaads_pipelines.nlp.gazetteer import TrackedName

    with exit_codes():
        lists = (tuple(alias or ()), tuple(campaign or ()))
        tracked = TrackedName(tracked_id or _id_of(name), name, kind, entity_type, *lists, exact_case)
        version = _save([tracked], tenant, replace=False)
        if as_json:
            emit({**_shown(tracked), "gazetteer_version": version})
        else:
            out.print(f"{tracked.tracked_id} is tracked from the next batch on (gazetteer version {version})")


@app.command()
def remove(tracked_id: Ids, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False) -> None:
    """Stop tracking names; all of them, or none if one is not tracked."""
    from alphaads_pipelines.nlp.tracked_names import remove_names

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        version = remove_names(wiring.engine, tracked_id, tenant=tenant)
        _tell(len(tracked_id), "removed", version, as_json=as_json)


@app.command("import")
def import_names(
    file: Lines, replace: Replace = False, tenant: Tenant = DEFAULT_TENANT, as_json: JsonOutput = False
) -> None:
    """Track every name of a file, or none if a line is invalid."""
    from alphaads_pipelines.nlp.tracked_names import names_from_lines

    with exit_codes():
        names = names_from_lines(_lines(file))
        _tell(len(names), "imported", _save(names, tenant, replace=replace), as_json=as_json)


@app.command("export")
def export_names(tenant: Tenant = DEFAULT_TENANT) -> None:
    """Write the tracked names to stdout as JSON lines, for `import`."""
    from alphaads_pipelines.nlp.tracked_names import lines_of

    for line in lines_of(_read(tenant)):
        sys.stdout.write(line.decode() + "\n")


def _read(tenant: str) -> list[TrackedName]:
    from alphaads_pipelines.nlp.tracked_names import read_names

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        return read_names(wiring.engine, tenant)[1]


def _save(names: list[TrackedName], tenant: str, *, replace: bool) -> int:
    from alphaads_pipelines.nlp.tracked_names import save_names

    with wired(load_settings(quiet=True)) as wiring:
        return save_names(wiring.engine, names, datetime.now(UTC), tenant=tenant, replace=replace)


def _tell(count: int, done: str, version: int, *, as_json: bool) -> None:
    if as_json:
        emit({done: count, "gazetteer_version": version})
    else:
        out.print(f"{done} {count} names (gazetteer version {version})")


def _shown(tracked: TrackedName) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(tracked)
    return shown


def _id_of(name: str) -> str:
    """Nike Air -> nike-air. Raises InvalidRequest for a name without a Latin letter or digit."""
    from alphaads_pipelines.nlp.names import plain_spelling

    found = re.sub(r"[^a-z0-9]+", "-", plain_spelling(name).casefold()).strip("-")[:64]
    if not found:
        raise InvalidRequest("--id: cannot be made of this name; give one")
    return found


def _lines(file: Path) -> list[bytes]:
    if str(file) == "-":
        return sys.stdin.buffer.read().splitlines()
    try:
        return file.read_bytes().splitlines()
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None
