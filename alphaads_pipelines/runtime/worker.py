"""A warm worker: `python -m alphaads_pipelines.runtime.worker NAME` takes runs from the Celery queue, one at a time.

Solo pool, because a prefork child hangs at its first polars call and threads deadlock in Dagster's run logging. The
queue recovers nothing: the ledger requests a dead run again as the next attempt.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from celery import Celery
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task
from kombu.transport import sqlalchemy as sqlalchemy_transport

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import configure_logging, get_logger
from resources.instance import QUEUE

if TYPE_CHECKING:
    from dagster import Definitions

    from alphaads_pipelines.wiring.app import Wiring

BROKER_POLL_S = 0.1
"""Poll interval of the SQLite broker; kombu's default of 1 s would be half of a batch's latency."""

_RESULTS_KEPT_S = 24 * 3600


def celery_app(settings: Settings) -> Celery:
    """The Celery app of the launcher's tasks, named as in `dagster_celery`."""
    # The documented option (`broker_transport_options.polling_interval`) crashes the worker.
    sqlalchemy_transport.Transport.polling_interval = BROKER_POLL_S
    app = make_app({"broker": settings.broker_url, "backend": settings.result_backend_url})
    app.conf.update(
        task_default_queue=QUEUE,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        result_expires=_RESULTS_KEPT_S,
    )
    create_execute_job_task(app)
    create_resume_job_task(app)
    return app


def warm_up(definitions: Definitions) -> None:
    """Load imports, compiled statements and models before the first run."""
    import polars as pl

    from alphaads_pipelines.nlp.plots import emotion_plot_png
    from alphaads_pipelines.schema.tables import LAKE_TABLES

    definitions.get_repository_def()
    wiring: Wiring = (definitions.resources or {})["wiring"]
    wiring.scorer.score(["warm"])
    wiring.ledger.batches(limit=1)
    for table in LAKE_TABLES:
        wiring.lake.version(table)
    pl.DataFrame({"warm": [1]}).lazy().filter(pl.col("warm") > 0).collect()
    emotion_plot_png({}, 0)
    _ = wiring.batch_reader


def main(name: str) -> None:
    """Warm up, then work until SIGTERM, which lets the current run finish."""
    from alphaads_pipelines.definitions import defs

    settings = Settings()
    configure_logging(json=settings.log_json, level=settings.log_level)
    settings.export()
    app = celery_app(settings)
    warm_up(defs)
    get_logger("worker").info("warm", worker=name)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["worker", "--pool=solo", f"--queues={QUEUE}", f"--hostname={name}@%h", *quiet])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "worker")
