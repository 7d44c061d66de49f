"""The asset of people's requests finishes erasures and fails its check when one is overdue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterInstance, materialize

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.rights.erasure import erasure
from alphaads_pipelines.wiring.app import Wiring
from assets.rights import NOTHING_OVERDUE, rights_requests
from tests.publishing import publish_batches
from tests.rights.erasure.erasing import subjects_of, take_posts


@pytest.fixture
def subjects(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(erasure, "_SETTLE", timedelta(0))
    take_posts(wiring, "first", 20)
    publish_batches(wiring)
    return subjects_of(wiring)


def run(wiring: Wiring) -> tuple[dict[str, object], bool, str]:
    """Metadata, whether the check passed, and everything that Dagster keeps of the run."""
    with DagsterInstance.ephemeral() as instance:
        result = materialize([rights_requests], resources={"wiring": wiring}, instance=instance)
        [event] = result.get_asset_materialization_events()
        [check] = result.get_asset_check_evaluations()
        kept = str(instance.all_logs(result.run_id))
        assert check.check_name == NOTHING_OVERDUE
        metadata = {name: value.value for name, value in event.materialization.metadata.items()}
        return metadata, check.passed, kept


def test_erasures_are_finished_and_nobody_is_named(wiring: Wiring, subjects: list[str]) -> None:
    begun = [wiring.rights.erasure.begin(each, f"{number:032x}") for number, each in enumerate(subjects[:2])]
    metadata, passed, kept = run(wiring)
    assert (metadata["erased"], metadata["open"], passed) == (2, 0, True)
    assert {wiring.rights.rights_requests.get(each.request_id).state for each in begun} == {"done"}
    assert not [each for each in subjects if each in kept]


def test_one_that_is_held_up_does_not_hold_up_the_others(
    wiring: Wiring, subjects: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (wiring.rights.erasure.begin(each, f"{number:032x}") for number, each in enumerate(subjects[:2]))
    real = wiring.rights.erasure.resume

    def patchy(request_id: str, *more: object) -> object:
        if request_id == first.request_id:
            raise StoreUnavailable("the disk is full")
        return real(request_id, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(wiring.rights.erasure, "resume", patchy)
    metadata, passed, _ = run(wiring)
    assert (metadata["erased"], metadata["open"], passed) == (1, 1, True)
    assert first.request_id in str(metadata["requests"])
    assert wiring.rights.rights_requests.get(second.request_id).state == "done"


def test_what_is_overdue_fails_the_check(wiring: Wiring, subjects: list[str]) -> None:
    wiring.rights.rights_requests.open("export", subjects[0], "c", datetime.now(UTC) - timedelta(days=32))
    metadata, passed, kept = run(wiring)
    assert (metadata["overdue"], passed) == (1, False)
    assert subjects[0] not in kept
