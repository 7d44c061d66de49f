"""The ads sensor: a run for what nobody learned from yet, one at a time, and again if it failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunRequest, SkipReason, build_sensor_context
from dagster._core.test_utils import create_run_for_test

from alphaads_pipelines.decisions.budget.settlement import release_expired, settling
from alphaads_pipelines.errors import StreamUnavailable
from alphaads_pipelines.pipeline.learning import Teaching, learn_policies
from alphaads_pipelines.runtime.in_process import InProcess
from alphaads_pipelines.stores.sql.relational import insert_ignore, transaction
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.wiring.app import Wiring
from resources import names
from sensors import ads
from sensors.ads import ads_sensor, is_learning, run_key
from tests.pipeline.loop import decision, of_event


@pytest.fixture
def instance() -> DagsterInstance:
    return DagsterInstance.ephemeral()


def _tick(instance: DagsterInstance, wiring: Wiring) -> RunRequest | SkipReason:
    answer = ads_sensor(build_sensor_context(instance=instance, resources={"wiring": wiring}))
    assert isinstance(answer, RunRequest | SkipReason)
    return answer


def _skipped(instance: DagsterInstance, wiring: Wiring) -> str | None:
    answer = _tick(instance, wiring)
    assert isinstance(answer, SkipReason)
    return answer.skip_message


def _tell(wiring: Wiring, topic: str, record: object) -> None:
    wiring.stream.produce(topic, [Record(0, orjson.dumps(record))])


def _learn(wiring: Wiring) -> None:
    learn_policies(wiring.stream, wiring.engine, Teaching(), topics=wiring.topics, now=datetime.now(UTC))


def test_news_of_either_kind_is_asked_for_until_it_is_learned_from(instance: DagsterInstance, wiring: Wiring) -> None:
    assert _skipped(instance, wiring) == "everything was learned from"
    for topic, record in (("ads.decisions", decision("1")), ("ads.events", of_event("1"))):
        _tell(wiring, topic, record)
        first, again = _tick(instance, wiring), _tick(instance, wiring)
        assert isinstance(first, RunRequest)
        assert isinstance(again, RunRequest)
        assert dict(first.tags)["dagster/max_runtime"] == "3600"
        _learn(wiring)
        assert _skipped(instance, wiring) == "everything was learned from"


def test_the_wait_is_inside_the_tick(
    instance: DagsterInstance, wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """News that come while it waits are seen by this tick."""
    _ = wiring.engine
    looks = 0
    ends = type(wiring.stream).end_offsets

    def counting(stream: object, topic: str) -> dict[int, int]:
        nonlocal looks
        looks += 1
        if looks == 3:
            _tell(wiring, "ads.events", of_event("1"))
        return ends(stream, topic)  # type: ignore[arg-type]

    monkeypatch.setattr(type(wiring.stream), "end_offsets", counting)
    assert isinstance(_tick(instance, wiring), RunRequest)


def test_money_that_is_held_too_long_is_news_as_well(instance: DagsterInstance, wiring: Wiring) -> None:
    held = {
        "decision_id": "d",
        "subject_id": None,
        "tenant": "acme",
        "campaign_id": "c",
        "segment": "",
        "is_counted": False,
    }
    now = datetime.now(UTC)
    over = {"day": now.date(), "amount_microusd": 5, "expires_at": now - timedelta(seconds=1)}
    with transaction(wiring.engine) as connection:
        insert_ignore(connection, "ad_reservations", [{**held, **over}])
    assert isinstance(_tick(instance, wiring), RunRequest)
    with settling(wiring.engine) as connection:
        assert release_expired(connection, now) == 1
    assert _skipped(instance, wiring) == "everything was learned from", "its row is kept for a day, and is no news"


@pytest.mark.parametrize("job", [names.ADVERTISING_LOOP, names.ADVERTISING])
@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED])
def test_nothing_is_asked_for_while_a_run_goes_on(
    instance: DagsterInstance, wiring: Wiring, job: str, status: DagsterRunStatus
) -> None:
    _tell(wiring, "ads.decisions", decision("1"))
    create_run_for_test(instance, job_name=job, status=status)
    assert _skipped(instance, wiring) == "a run goes on"
    assert not is_learning(instance, datetime.now(UTC) + ads.LONGEST_LEARNING), "its worker died, long ago"


def test_a_run_that_failed_is_asked_for_again_but_not_at_once(instance: DagsterInstance, wiring: Wiring) -> None:
    _tell(wiring, "ads.decisions", decision("1"))
    create_run_for_test(instance, job_name=names.ADVERTISING_LOOP, status=DagsterRunStatus.FAILURE)
    assert isinstance(_tick(instance, wiring), RunRequest)
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    keys = [run_key("3-1", now + timedelta(seconds=each)) for each in (0, 59, 60)]
    assert keys[0] == keys[1] != keys[2]
    assert run_key("4-1", now) != keys[0]


def test_a_broker_that_is_away_is_a_skip(
    instance: DagsterInstance, wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> dict[int, int]:
        raise StreamUnavailable("the broker did not answer")

    _ = wiring.engine
    monkeypatch.setattr(type(wiring.stream), "end_offsets", silent)
    assert _skipped(instance, wiring) == "stream_unavailable: the broker did not answer"


def test_the_job_learns_what_was_asked_for(jobs: InProcess) -> None:
    wiring = jobs.wiring
    now = datetime.now(UTC)
    _tell(wiring, "ads.decisions", decision("1", at=now))
    _tell(wiring, "ads.events", of_event("1", "click", at=now))
    assert isinstance(_tick(jobs.instance, wiring), RunRequest)
    job = jobs.definitions.get_repository_def().get_job(names.ADVERTISING_LOOP)
    assert job.execute_in_process(instance=jobs.instance).success
    assert _skipped(jobs.instance, wiring) == "everything was learned from"
