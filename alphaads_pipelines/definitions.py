"""The Dagster definitions; production, CLI and tests differ only in the arguments of `build_defs`."""

from __future__ import annotations

import warnings
from typing import Any

from dagster import Definitions, PreviewWarning, in_process_executor, load_definitions_from_package_module

import assets
import sensors
from alphaads_pipelines.wiring.app import Wiring
from resources import names
from resources.batch_run import batch_run
from resources.environments import settings_for

# Dagster's version is pinned; tests/test_definitions.py lists every definition.
warnings.filterwarnings("ignore", category=PreviewWarning, message=".*load_definitions_from_.*")


def build_defs(environment: str | None = None, **overrides: Any) -> Definitions:
    """Collect the assets, checks, jobs, sensors and schedules of the packages `assets` and `sensors`.

    Parameters
    ----------
    environment: local, test or production; None reads ENVIRONMENT.
    overrides: resources by name, such as `wiring`, that replace the defaults.
    """
    resources = {names.BATCH_RUN: batch_run, **overrides}
    if names.WIRING not in resources:
        resources[names.WIRING] = Wiring(settings_for(environment))
    return Definitions.merge(
        load_definitions_from_package_module(assets),
        load_definitions_from_package_module(sensors),
        Definitions(resources=resources, executor=in_process_executor),  # UI backfills ignore a job's executor
    )


defs = build_defs()
