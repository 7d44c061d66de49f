"""`alphaads doctor`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable

import typer
from rich.table import Table

from alphaads_pipelines.cli.console import FAILED, emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.errors import AlphaAdsError
from alphaads_pipelines.wiring.app import Wiring, wired

_LEAST_FREE_GB = 2.0


def _python(_: Wiring) -> str:
    return f"Python {sys.version.split()[0]}"


def _disk(wiring: Wiring) -> str:
    wiring.settings.alphaads_home.mkdir(parents=True, exist_ok=True)
    free_gb = shutil.disk_usage(wiring.settings.alphaads_home).free / 1e9
    if free_gb < _LEAST_FREE_GB:
        raise OSError(f"{free_gb:.1f} GB free under ALPHAADS_HOME; {_LEAST_FREE_GB:.0f} GB are needed")
    return f"{free_gb:.0f} GB free"


def _key_file(wiring: Wiring) -> str:
    _ = wiring.master_keys
    return str(wiring.settings.key_file)


def _relational(wiring: Wiring) -> str:
    return f"{wiring.engine.dialect.name}, schema is current"


def _stream(wiring: Wiring) -> str:
    ends = wiring.stream.end_offsets(wiring.topics.posts)
    return f"{wiring.settings.stream_kind}, {len(ends)} partitions, {sum(ends.values())} records so far"


def _broker(wiring: Wiring) -> str:
    from kombu.connection import Connection

    with Connection(wiring.settings.broker_url, connect_timeout=3) as connection:
        connection.ensure_connection(max_retries=1, timeout=3)
    return wiring.settings.broker_url.split(":", 1)[0]


def _ledger(wiring: Wiring) -> str:
    waiting = wiring.ledger.stuck()
    if waiting:
        raise OSError(f"{len(waiting)} batches wait for a person; `alphaads batches` shows them")
    return "no batch waits for a person"


def _scorer(wiring: Wiring) -> str:
    return f"{wiring.scorer.model.name} {wiring.scorer.model.version}"


CHECKS: dict[str, Callable[[Wiring], str]] = {
    "python": _python,
    "disk": _disk,
    "key file": _key_file,
    "relational store": _relational,
    "stream": _stream,
    "worker broker": _broker,
    "ledger": _ledger,
    "scorer": _scorer,
}


def examine(wiring: Wiring) -> list[dict[str, object]]:
    """Run all checks; one finding each: `check`, `ok`, `found`."""
    findings: list[dict[str, object]] = []
    for name, check in CHECKS.items():
        try:
            findings.append({"check": name, "ok": True, "found": check(wiring)})
        except AlphaAdsError as error:
            findings.append({"check": name, "ok": False, "found": str(error)})
        except Exception as error:  # noqa: BLE001 - report unknown failures, too
            findings.append({"check": name, "ok": False, "found": f"{type(error).__name__}: {error}"})
    return findings


def run(as_json: JsonOutput = False) -> None:
    """Check settings, keys, stores, stream, broker, ledger and models; exit code 1 if any check fails."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        findings = examine(wiring)
        if as_json:
            emit(findings)
        else:
            table = Table("check", "", "found")
            for finding in findings:
                table.add_row(
                    str(finding["check"]), "[green]ok[/]" if finding["ok"] else "[red]✗[/]", str(finding["found"])
                )
            out.print(table)
        if not all(finding["ok"] for finding in findings):
            raise typer.Exit(FAILED)
