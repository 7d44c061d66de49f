"""Replays of single batches: rejects become posts once the parser is mended, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rich.progress import Progress

from alphaads_pipelines.errors import InvalidRequest, NotFound, RejectedPayload, StoreUnavailable
from alphaads_pipelines.ingest.batch_reader import BatchReader
from alphaads_pipelines.platforms.generic import GenericPlatform
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.runtime.replays import replay_batches, with_rejects
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.equality import fingerprint
from tests.planning import take_in

QUIET = Progress(disable=True)


def _two_batches(wiring: Wiring) -> None:
    for seed in (1, 2):
        take_in(wiring, 40, seed=seed)
        run_until_idle(wiring)


@pytest.fixture
def broken_parser() -> Iterator[pytest.MonkeyPatch]:
    """A parser that does not understand every third post."""
    parse = GenericPlatform.parse

    def refuse(self: GenericPlatform, payload: dict[str, Any]) -> Any:
        if str(payload.get("id", "")).endswith(("0", "3", "6", "9")):
            raise RejectedPayload("text_missing", "a parser with a bug in it")
        return parse(self, payload)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GenericPlatform, "parse", refuse)
        yield patch


def test_replaying_the_rejects_after_a_fix_loses_nothing_and_doubles_nothing(
    jobs: InProcess, broken_parser: pytest.MonkeyPatch
) -> None:
    wiring = jobs.wiring
    _two_batches(wiring)
    assert [batch.counts.rejected for batch in wiring.ledger.batches() if batch.counts] == [16, 16]
    broken_parser.undo()
    mended = replay_batches(wiring.settings, None, QUIET)
    assert mended == {"batches": 2, "accepted": 80, "rejected": 0, "duplicates": 0}
    after = fingerprint(wiring)
    assert after["raw_posts"].startswith("80:")
    assert after["rejected_posts"].startswith("0:")
    assert with_rejects(wiring) == []
    again = replay_batches(wiring.settings, ["2", "b000000001"], QUIET)
    assert again == {"batches": 2, "accepted": 80, "rejected": 0, "duplicates": 0}
    assert fingerprint(wiring) == after


def test_the_mended_installation_equals_one_that_never_had_the_bug(
    jobs: InProcess, broken_parser: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _two_batches(jobs.wiring)
    broken_parser.undo()
    replay_batches(jobs.wiring.settings, None, QUIET)
    home = tmp_path_factory.mktemp("clean") / "home"
    with wired(jobs.wiring.settings.model_copy(update={"alphaads_home": home, "alphaads_key_file": None})) as clean:
        _two_batches(clean)
        assert fingerprint(clean) == fingerprint(jobs.wiring)


def test_only_batches_with_rejects_are_replayed(jobs: InProcess) -> None:
    take_in(jobs.wiring, 20, seed=1)
    run_until_idle(jobs.wiring)
    take_in(jobs.wiring, 20, seed=2, broken=2)
    run_until_idle(jobs.wiring)
    assert with_rejects(jobs.wiring) == [2]
    assert replay_batches(jobs.wiring.settings, None, QUIET)["batches"] == 1
    assert [batch.attempt for batch in jobs.wiring.ledger.batches()] == [2, 1]


def test_a_batch_that_is_not_there_stops_all_before_the_first_runs(jobs: InProcess) -> None:
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)
    with pytest.raises(NotFound):
        replay_batches(jobs.wiring.settings, ["1", "99"], QUIET)
    with pytest.raises(InvalidRequest):
        replay_batches(jobs.wiring.settings, ["last"], QUIET)
    assert jobs.wiring.ledger.get(1).attempt == 1


def test_a_replay_that_fails_says_so_and_is_left_to_the_ledger(
    jobs: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)

    def fail(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(BatchReader, "read", fail)
        with pytest.raises(StoreUnavailable, match=r"b000000001 failed \(store_unavailable\)"):
            replay_batches(jobs.wiring.settings, ["1"], QUIET)
    batch = jobs.wiring.ledger.get(1)
    assert (batch.state, batch.kind, batch.attempt) == ("planned", "replay", 3)
    run_until_idle(jobs.wiring)
    assert jobs.wiring.ledger.get(1).state == "committed"
