"""Requests are worked on by one process at a time, and each has a deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.errors import Fenced, NotFound, WriteConflict
from alphaads_pipelines.rights.requests import RightsRequests, one_month_after

pytestmark = pytest.mark.integration
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        ((2026, 1, 31), (2026, 2, 28)),
        ((2028, 1, 31), (2028, 2, 29)),
        ((2026, 12, 5), (2027, 1, 5)),
        ((2026, 2, 28), (2026, 3, 28)),
    ],
)
def test_a_month_ends_on_the_same_day_or_on_the_last_one(opened: tuple[int, ...], due: tuple[int, ...]) -> None:
    assert one_month_after(datetime(*opened, 9, 30, tzinfo=UTC)) == datetime(*due, 9, 30, tzinfo=UTC)


def test_open_requests_are_listed_by_their_deadline(engine: Engine) -> None:
    requests = RightsRequests(engine)
    late = requests.open("export", "s1", "c1", after(60))
    early = requests.open("erase", "s2", "c2", after(0))
    assert [each.request_id for each in requests.list()] == [early.request_id, late.request_id]
    assert [each.request_id for each in requests.list(kind="export")] == [late.request_id]
    assert (early.state, early.due_at, early.progress) == ("open", datetime(2026, 2, 28, 12, tzinfo=UTC), {})
    assert not early.is_overdue(after(0))
    assert early.is_overdue(datetime(2026, 2, 28, 12, tzinfo=UTC))


def test_a_request_is_claimed_once_until_its_lease_ends(engine: Engine) -> None:
    requests = RightsRequests(engine, lease=timedelta(seconds=30))
    opened = requests.open("erase", "s1", "c1", NOON)
    requests.claim(opened.request_id, after(0))
    with pytest.raises(WriteConflict, match="another process"):
        requests.claim(opened.request_id, after(29))
    assert requests.claim(opened.request_id, after(30)).state == "running"


def test_whoever_lost_the_lease_moves_nothing(engine: Engine) -> None:
    requests = RightsRequests(engine, lease=timedelta(seconds=30))
    opened = requests.open("erase", "s1", "c1", NOON)
    slept = requests.claim(opened.request_id, after(0))
    held = requests.claim(opened.request_id, after(31))
    with pytest.raises(Fenced):
        requests.advance(slept, after(32), step="lake", figures={"files": 1})
    with pytest.raises(Fenced):
        requests.finish(slept, after(32))
    requests.release(slept)
    held = requests.advance(held, after(33), step="lake", figures={"files": 2})
    assert (held.step, held.progress) == ("lake", {"lake": {"files": 2}})


def test_a_step_renews_the_lease_and_keeps_the_figures_of_those_before(engine: Engine) -> None:
    requests = RightsRequests(engine, lease=timedelta(seconds=30))
    held = requests.claim(requests.open("erase", "s1", "c1", NOON).request_id, after(0))
    held = requests.advance(held, after(20), step="lake", figures={"files": 2})
    held = requests.advance(held, after(40))
    held = requests.advance(held, after(60), step="stream", figures={"records": 3})
    assert held.step == "stream"
    assert held.progress == {"lake": {"files": 2}, "stream": {"records": 3}}


def test_an_answered_request_stays_with_its_receipt_and_is_no_longer_open(engine: Engine) -> None:
    requests = RightsRequests(engine)
    held = requests.claim(requests.open("export", "s1", "c1", NOON).request_id, after(0))
    done = requests.finish(held, after(9), receipt={"bytes": 5})
    assert (done.state, done.completed_at, done.receipt, done.lease_until) == ("done", after(9), {"bytes": 5}, None)
    assert requests.list() == []
    assert requests.list(only_open=False) == [done]
    with pytest.raises(WriteConflict, match="it is done"):
        requests.claim(done.request_id, after(100))


def test_a_released_request_is_free_at_once(engine: Engine) -> None:
    requests = RightsRequests(engine)
    opened = requests.open("erase", "s1", "c1", NOON)
    requests.release(requests.claim(opened.request_id, after(0)))
    assert requests.claim(opened.request_id, after(0)).state == "running"


def test_a_request_that_is_not_there_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound):
        RightsRequests(engine).get("r1")
    with pytest.raises(NotFound):
        RightsRequests(engine).claim("r1", NOON)
