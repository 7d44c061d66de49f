"""The warm worker: what is paid for before the first run, and that it takes runs from the queue until told to stop."""

from __future__ import annotations

from alphaads_pipelines.definitions import build_defs
from alphaads_pipelines.runtime.worker import warm_up
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.wiring.app import Wiring

BUILT = {"engine", "ledger", "stream", "lake", "scorer", "batch_reader", "sealer", "subject_keys", "master_keys"}


def test_warming_up_builds_what_a_run_needs_and_writes_no_row(wiring: Wiring) -> None:
    definitions = build_defs(wiring=wiring)
    assert not set(wiring.__dict__) & BUILT
    warm_up(definitions)
    assert set(wiring.__dict__) >= BUILT
    assert [wiring.lake.version(table) for table in LAKE_TABLES] == [None] * len(LAKE_TABLES)
    assert wiring.ledger.batches() == []
