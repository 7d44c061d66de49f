"""`alphaads bench`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.settings import Settings

Servers = Annotated[bool, typer.Option("--servers", help="Use the external servers named in the settings.")]
Size = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="A size of the benchmark; repeatable.")
]
Tier = Annotated[str | None, typer.Option("--tier", "-t", help="Which scorer; default: as the settings say.")]
Generator = Annotated[
    str | None, typer.Option("--generator", "-g", help="Who writes the ad texts: templates, openai or anthropic.")
]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of the public datasets; default: NLP_DATA.")]
Artifact = Annotated[Path | None, typer.Option(help="Folder of our own model; default: the serving one.")]
_SERVER_SETTINGS = ("kafka_bootstrap_servers", "database_url", "redis_url")


def _sizes(given: list[str]) -> dict[str, float]:
    sizes: dict[str, float] = {}
    for each in given:
        name, _, number = each.partition("=")
        try:
            sizes[name] = int(number) if number.isdigit() else float(number)
        except ValueError:
            raise typer.BadParameter(f"{name} needs a number", param_hint="--set") from None
    return sizes


def _options(benchmark: Callable[..., Any], settings: Settings, **given: Any) -> dict[str, Any]:
    """As given, or else from the settings."""
    taken = signature(benchmark).parameters
    options = {name: value for name, value in given.items() if value is not None}
    if unfit := [f"--{name}" for name in options if name not in taken]:
        raise InvalidRequest(f"this benchmark takes no {', '.join(unfit)}")
    usual = {"tier": settings.scorer_tier, "data": settings.nlp_data}
    return {name: value for name, value in {**usual, **options}.items() if name in taken}


def run(
    name: Annotated[
        str,
        typer.Argument(
            help="audit, budget, decision, erasure, ingest, lake, latency, load, nlp, ope, policy, profiles, regret, "
            "sealing or served."
        ),
    ],
    servers: Servers = False,
    sizes: Size = None,
    full: Annotated[bool, typer.Option("--full", help="The sizes that the documentation reports.")] = False,
    tier: Tier = None,
    generator: Generator = None,
    data: Data = None,
    artifact: Artifact = None,
) -> None:
    """Run one benchmark in a home of its own and print one JSON object, with its ratio to a named peer or limit."""
    from benchmarks.registry import FULL, load

    with exit_codes():
        settings, benchmark = load_settings(quiet=True), load(name)
        arguments: dict[str, Any] = {**(FULL.get(name, {}) if full else {}), **_sizes(sizes or [])}
        arguments |= _options(benchmark, settings, tier=tier, generator=generator, data=data, artifact=artifact)
        if servers:
            arguments |= {each: value for each in _SERVER_SETTINGS if (value := getattr(settings, each))}
        try:
            signature(benchmark).bind(**arguments)
        except TypeError as error:
            raise InvalidRequest(f"{name}: {error}") from None
        err.print(f"running {name}; this takes a while", style="dim")
        emit(benchmark(**arguments))
