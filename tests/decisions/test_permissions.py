"""A decision asks what the person allows at the moment when it is made, whatever its snapshot is from."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from alphaads_pipelines.decisions.decide import Decision, DecisionRequest
from alphaads_pipelines.decisions.permissions import Permissions
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.stores.sql.relational import connect, sql_table, transaction
from alphaads_pipelines.stores.subjects.permissions import Permission, link, unlink
from alphaads_pipelines.stores.subjects.restrictions import restrict
from tests.catalogue_factories import decide, offered, text
from tests.profiles.scores import Scored, frame
from tests.stores.subjects.people import make_subjects, say

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADS = "personalised_ads"
NETWORKS = ("x", "facebook", "instagram")
NOWHERE = "postgresql+psycopg2://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def people(engine: Engine) -> list[str]:
    """Three subjects, all of whom allow personalised ads."""
    subjects = make_subjects(engine, *NETWORKS)
    for each in subjects:
        say(engine, each, ADS)
    return subjects


@pytest.fixture
def snapshot(people: list[str]) -> Snapshot:
    """It shows joy of each of them, and nobody tells it anything from here on."""
    posts = [Scored(subject_id=each, created_at=NOON) for each in people]
    states = dict(fold_profiles({}, frame(posts), 1)[0].select("subject_id", "state").rows())
    texts = [text(emotion, emotion) for emotion in ("joy", "neutral")]
    return Snapshot(profiles={0: states}, **offered(texts), complete_until=NOON)


@pytest.fixture
def permissions(engine: Engine) -> Permissions:
    return Permissions(engine)


def _decide(snapshot: Snapshot, permissions: Permissions, subject: str) -> Decision:
    return decide(snapshot, DecisionRequest(subject, "feed", "acme", "c"), permissions.of(subject), NOON)


def _withdraw(url: str, subject: str) -> None:
    engine = connect(url)
    say(engine, subject, ADS, granted=False)
    engine.dispose()


def _withdraw_elsewhere(engine: Engine, subject: str) -> None:
    """In a process of its own, and wait until it is done."""
    url = engine.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("spawn").Process(target=_withdraw, args=(url, subject))
    process.start()
    process.join(300)
    assert process.exitcode == 0


def test_of_1000_decisions_after_a_withdrawal_in_another_process_none_uses_the_profile(
    engine: Engine, people: list[str], snapshot: Snapshot, permissions: Permissions
) -> None:
    ada, bo, _ = people
    before = [_decide(snapshot, permissions, ada) for _ in range(20)]
    assert all((each.subject_id, each.mood, each.arm_id) == (ada, "joy", "joy") for each in before)
    _withdraw_elsewhere(engine, ada)
    after = [_decide(snapshot, permissions, ada) for _ in range(1_000)]
    used = [each for each in after if each.personalised or each.subject_id or each.arm_id != "neutral"]
    assert len(used) == 0
    assert {each.personalisation for each in after} == {"no_consent"}
    assert _decide(snapshot, permissions, bo).personalised


def test_decisions_that_race_with_a_withdrawal_use_nothing_from_when_it_is_answered(
    engine: Engine, people: list[str], snapshot: Snapshot, permissions: Permissions
) -> None:
    withdrawn, stopping = threading.Event(), threading.Event()
    seen: list[tuple[bool, bool]] = []

    def deciding() -> None:
        while not stopping.is_set():
            was_withdrawn = withdrawn.is_set()
            seen.append((was_withdrawn, _decide(snapshot, permissions, people[0]).personalised))

    with ThreadPoolExecutor(3) as pool:
        racing = [pool.submit(deciding) for _ in range(3)]
        while len(seen) < 50 and not any(each.done() for each in racing):
            withdrawn.wait(0.001)
        say(engine, people[0], ADS, granted=False)
        withdrawn.set()
        while sum(after for after, _ in seen) < 50 and not any(each.done() for each in racing):
            stopping.wait(0.001)
        stopping.set()
    for each in racing:
        each.result()
    assert any(personalised for after, personalised in seen if not after)
    assert not any(personalised for after, personalised in seen if after)


def test_restriction_unlinking_and_erasure_hold_for_the_next_decision_of_the_same_snapshot(
    engine: Engine, people: list[str], snapshot: Snapshot, permissions: Permissions
) -> None:
    ada, bo, cy = people
    for each in (ada, bo):
        say(engine, each, "linking")
    link(engine, [ada, bo], NOON)
    assert permissions.of(ada).subjects == (ada, bo)
    unlink(engine, bo)
    assert permissions.of(ada).subjects == (ada,)
    restrict(engine, ada, "accuracy", NOON)
    assert _decide(snapshot, permissions, ada).personalisation == "restricted"
    subjects = sql_table("subjects")
    with transaction(engine) as connection:
        connection.execute(subjects.delete().where(subjects.c.subject_id == cy))
    assert snapshot.state_of(cy) is not None
    gone = _decide(snapshot, permissions, cy)
    assert (gone.personalised, gone.personalisation) == (False, "unknown_subject")


def test_while_the_store_is_away_nothing_is_personalised_and_it_is_not_asked_each_time() -> None:
    now = [0.0]
    permissions = Permissions(connect(NOWHERE), retry_s=1.0, clock=lambda: now[0])
    with capture_logs() as logs:
        assert [permissions.of("a" * 32) for _ in range(10)] == [Permission(refusal="unchecked")] * 10
        assert len(logs) == 1
        now[0] = 1.5
        assert permissions.of("a" * 32) == Permission(refusal="unchecked")
        assert len(logs) == 2
    assert "a" * 32 not in str(logs)
    assert permissions.of(None) == Permission(refusal="no_subject")
