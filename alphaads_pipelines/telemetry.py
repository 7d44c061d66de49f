"""Telemetry: structured logs, the metrics registry and correlation ids.

Logs go to stderr, as text or JSON lines. A processor hides values of keys that could name a person or hold a secret,
so that a careless `log.info(text=...)` cannot leak.
"""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from structlog.typing import EventDict, WrappedLogger

PRIVATE_KEYS = frozenset(
    {"text", "body", "payload", "handle", "author_id", "author_name", "name", "email", "key", "token", "password"}
)

REGISTRY = CollectorRegistry()
POSTS_TAKEN_IN = Counter(
    "alphaads_posts_taken_in_total", "Payloads sealed and produced", ["platform"], registry=REGISTRY
)
POSTS_DROPPED = Counter(
    "alphaads_posts_dropped_total",
    "Parts of payloads dropped at intake, by reason",
    ["reason"],
    registry=REGISTRY,
)
POSTS_PROCESSED = Counter("alphaads_posts_processed_total", "Stream records by outcome", ["outcome"], registry=REGISTRY)
ENTITIES_LINKED = Counter(
    "alphaads_entities_linked_total",
    "Entities linked to tracked names, by source",
    ["source"],
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "alphaads_batch_seconds",
    "Duration of a micro-batch by stage",
    ["stage"],
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600),
)
MODEL_SECONDS = Summary("alphaads_model_seconds", "Inference time of our own network per call", registry=REGISTRY)
BACKLOG_POSTS = Gauge("alphaads_backlog_posts", "Stream records not published yet", registry=REGISTRY)
DATA_AGE_SECONDS = Gauge("alphaads_data_age_seconds", "Age of the published data", registry=REGISTRY)
OFFSETS_LOST = Gauge("alphaads_offsets_lost", "Offsets lost to retention and skipped by command", registry=REGISTRY)
REQUESTS = Counter("alphaads_api_requests_total", "API responses", ["route", "status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram("alphaads_api_request_seconds", "Duration of an API response", ["route"], registry=REGISTRY)
DECISIONS = Counter("alphaads_decisions_total", "Decisions by policy", ["policy"], registry=REGISTRY)
RESERVATIONS = Counter(
    "alphaads_reservations_total",
    "Budget reservations for decisions by outcome: held, confirmed, released or late; or refused: budget, pacing, "
    "floor or cap",
    ["outcome"],
    registry=REGISTRY,
)
AD_SPEND_USD = Counter("alphaads_ad_spend_usd_total", "Cost of confirmed impressions", registry=REGISTRY)
LANGUAGE_MODEL_CALLS = Counter(
    "alphaads_language_model_calls_total",
    "Calls of a language model by outcome",
    ["provider", "outcome"],
    registry=REGISTRY,
)
LANGUAGE_MODEL_USD = Counter(
    "alphaads_language_model_usd_total",
    "Cost of language-model calls, the maximum if unreported",
    ["provider"],
    registry=REGISTRY,
)
AUDIT_ENTRIES = Counter("alphaads_audit_entries_total", "Entries of the audit log", ["action"], registry=REGISTRY)
AUDIT_FAILURES = Counter(
    "alphaads_audit_failures_total",
    "Audit entries that could not be written, which aborted the action",
    registry=REGISTRY,
)


def _refuse_private(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key in PRIVATE_KEYS & event.keys():
        event[key] = "<hidden>"
    return event


def configure_logging(*, json: bool = False, level: str = "INFO") -> None:
    """Send structlog's events to stderr: text, or JSON lines when `json`."""
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _refuse_private,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # Resolved on each call: a stderr replaced temporarily may be closed later.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """Return a logger bound to the module's name."""
    return structlog.get_logger(module=name)


def new_correlation_id() -> str:
    """Return a random id that follows one intake, run or HTTP request."""
    return uuid.uuid4().hex


@contextmanager
def correlation(correlation_id: str) -> Iterator[None]:
    """Bind the correlation id to log lines inside the block."""
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        yield
