"""The Dagster definitions: one `build_defs`, whose arguments are all that production, CLI and tests differ in."""

from __future__ import annotations

from typing import Any

from dagster import Definitions, in_process_executor

from alphaads_pipelines.wiring.app import Wiring
from assets import (
    advertising,
    aggregates,
    audit,
    jobs,
    models,
    posts,
    profiles,
    promotion,
    publishing,
    rights,
    segments,
    spending,
    training,
)
from resources import names
from resources.batch_run import batch_run
from resources.environments import settings_for
from sensors.ads import ads_sensor
from sensors.campaigns import campaigns_sensor
from sensors.posts import failed_batches_sensor, posts_sensor
from sensors.schedules import schedules


def build_defs(environment: str | None = None, **overrides: Any) -> Definitions:
    """Everything that Dagster runs.

    Parameters
    ----------
    environment: local, test or production; None: the one that ENVIRONMENT names.
    overrides: resources by name that replace the usual ones, such as `wiring`.
    """
    resources = {names.BATCH_RUN: batch_run, **overrides}
    if names.WIRING not in resources:
        resources[names.WIRING] = Wiring(settings_for(environment))
    return Definitions(
        assets=[
            posts.accepted_and_rejected_posts,
            posts.scored_posts,
            profiles.folded_profiles,
            segments.behavioural_segments,
            publishing.published,
            advertising.ad_creatives,
            advertising.bandit_policy,
            advertising.ad_engagement,
            promotion.policy_evaluation,
            promotion.served_policy,
            spending.ad_spending,
            aggregates.released_groups,
            rights.rights_requests,
            training.nlp_model,
            training.served_nlp_model,
        ],
        asset_checks=[publishing.ledger_checks, audit.audit_chain, models.drift, models.calibration],
        jobs=[
            jobs.micro_batch,
            jobs.advertising,
            jobs.advertising_loop,
            jobs.promotion,
            jobs.creatives,
            jobs.aggregates,
            jobs.erasures,
            jobs.integrity,
            jobs.model_watch,
            jobs.training,
            jobs.segments,
            jobs.maintenance,
            jobs.prune,
        ],
        sensors=[posts_sensor, failed_batches_sensor, campaigns_sensor, ads_sensor],
        schedules=schedules,
        resources=resources,
        executor=in_process_executor,  # a UI backfill ignores the executor of a job
    )


defs = build_defs()
