"""`alphaads up`."""

from __future__ import annotations

from alphaads_pipelines.cli.console import err, exit_codes, load_settings
from alphaads_pipelines.cli.options import LogJson


def run(log_json: LogJson = False) -> None:
    """Run API, metrics, Dagster and workers; Ctrl-C or SIGTERM stops them all."""
    with exit_codes():
        settings = load_settings(log_json=log_json)
        from alphaads_pipelines.runtime import supervisor

        err.print(f"API          http://{settings.api_host}:{settings.api_port}/")
        err.print(f"metrics      http://{settings.api_host}:{settings.metrics_port}/metrics")
        err.print(f"Dagster UI   http://127.0.0.1:{settings.dagster_port}/ (no authentication: loopback only)")
        err.print(f"logs         {settings.logs_path}")
        supervisor.run(
            settings, None if settings.log_json else lambda service, what: err.print(f"{service:<12} {what}")
        )
