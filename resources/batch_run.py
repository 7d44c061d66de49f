"""The resource that builds a run's `BatchRun`."""

from __future__ import annotations

from collections.abc import Iterator

from dagster import DagsterRun, Field, InitResourceContext, Int, Noneable, resource

from alphaads_pipelines.pipeline.batch_run import BatchRun, Requested
from alphaads_pipelines.wiring.app import Wiring
from resources.names import ATTEMPT_TAG, CORRELATION_TAG, WIRING

_BATCH_SEQ = Field(
    Noneable(Int),
    is_required=False,
    default_value=None,
    description="The batch to run, as the ledger numbers it. Empty: replay the committed batches of the partitions.",
)


@resource(config_schema={"batch_seq": _BATCH_SEQ}, required_resource_keys={WIRING})
def batch_run(context: InitResourceContext) -> Iterator[BatchRun]:
    """One `BatchRun` per run; releases an uncommitted claim when the run ends."""
    from alphaads_pipelines.telemetry import correlation

    wiring: Wiring = getattr(context.resources, WIRING)
    run = context.run
    assert run is not None, "batch_run is a resource of runs"
    seq = context.resource_config["batch_seq"]
    requested = None if seq is None else _requested(wiring, run, seq)
    with correlation(run.tags.get(CORRELATION_TAG, run.run_id)), BatchRun(wiring, requested, run.run_id) as batches:
        yield batches


def _requested(wiring: Wiring, run: DagsterRun, seq: int) -> Requested:
    """The requested attempt; the current one if the run was launched by hand."""
    tag = run.tags.get(ATTEMPT_TAG)
    return Requested(seq, int(tag) if tag else wiring.ledger.get(seq).attempt)
