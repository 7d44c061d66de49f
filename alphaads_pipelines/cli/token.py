"""`alphaads token`: a short-lived token, signed with SECRET_KEY."""

from __future__ import annotations

from typing import Annotated

import typer

from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import DEFAULT_TENANT, JsonOutput
from api.credentials import issue_token

Scopes = Annotated[list[str] | None, typer.Option("--scope", "-s", help="A scope; repeatable.")]


def run(
    scope: Scopes = None,
    tenant: Annotated[str, typer.Option(help="Tenant claim.")] = DEFAULT_TENANT,
    subject: Annotated[str, typer.Option(help="Who will use it.")] = "cli",
    minutes: Annotated[float, typer.Option(min=0.1, max=60.0, help="Lifetime.")] = 15.0,
    as_json: JsonOutput = False,
) -> None:
    """Print a bearer token for the API."""
    with exit_codes():
        settings = load_settings(quiet=True)
        secret = settings.secret_key.get_secret_value()
        token = issue_token(secret, subject=subject, tenant=tenant, scopes=scope or [], minutes=minutes)
        emit({"token": token, "minutes": minutes}) if as_json else out.print(token, soft_wrap=True)
