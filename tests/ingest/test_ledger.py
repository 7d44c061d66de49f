"""The ledger's moves, one by one, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.errors import Fenced, InvalidRequest, NotFound
from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.ingest.ledger import Gap, Ledger
from alphaads_pipelines.stores.sql.relational import sql_table, transaction
from alphaads_pipelines.streams.base import OffsetRange
from tests.ingest.ledgers import (
    COUNTS,
    LIMITS,
    NOON,
    TOPIC,
    at,
    claimed,
    commit,
    committed,
    ledger_on,
    never,
    plan_one,
)

pytestmark = pytest.mark.integration
ENDS = {0: 10, 1: 20, 2: 0, 3: 5}


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return ledger_on(engine)


def _places(batch: Batch) -> list[tuple[int, int, int]]:
    return [(each.partition, each.start, each.end) for each in batch.ranges]


# --- planning --------------------------------------------------------------------------------------------------------


def test_a_first_plan_takes_what_there_is(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    assert (batch.kind, batch.state, batch.attempt, batch.failures) == ("live", "planned", 1, 0)
    assert _places(batch) == [(0, 0, 10), (1, 0, 20), (3, 0, 5)]
    assert batch.shards == (0, 1, 3, 4, 5, 7)
    assert (batch.planned_at, batch.planned_hour) == (NOON, "2026-11-24-12:00")
    assert ledger.get(batch.seq) == batch


def test_after_a_slow_batch_the_next_ones_are_small(engine: Engine) -> None:
    ledger = ledger_on(engine, replace(LIMITS, max_posts=600))
    slow = plan_one(ledger, {0: 600})
    ledger.mark_requested(slow, NOON)
    commit(engine, ledger, claimed(ledger, slow), at(60))
    assert plan_one(ledger, {0: 5_000}, at(60)).offsets == 150, "ten posts a second, for fifteen seconds"


def test_the_pace_of_a_replay_counts_for_nothing(engine: Engine) -> None:
    ledger = ledger_on(engine, replace(LIMITS, max_posts=600))
    batch = committed(engine, ledger, {0: 600})
    [again] = ledger.replay([batch.seq], NOON, by_caller=True)
    commit(engine, ledger, claimed(ledger, again), at(60))
    assert plan_one(ledger, {0: 5_000}, at(60)).offsets == 600


def test_nothing_new_is_nothing_to_plan(ledger: Ledger) -> None:
    assert ledger.plan({}, NOON) == []
    assert ledger.plan(dict.fromkeys(range(4), 0), NOON) == []
    plan_one(ledger, ENDS)
    assert ledger.plan(ENDS, NOON) == []


def test_partitions_of_an_open_batch_wait_for_it(engine: Engine, ledger: Ledger) -> None:
    first = plan_one(ledger, {0: 10})
    second = plan_one(ledger, {0: 30, 1: 5})
    assert _places(second) == [(1, 0, 5)]
    commit(engine, ledger, claimed(ledger, first))
    assert _places(plan_one(ledger, {0: 30, 1: 5})) == [(0, 10, 30)]


def test_no_more_than_the_cap_are_in_flight(engine: Engine, ledger: Ledger) -> None:
    batches = [plan_one(ledger, dict.fromkeys(range(count), 5)) for count in (1, 2, 3)]
    assert ledger.plan(dict.fromkeys(range(4), 5), NOON) == []
    commit(engine, ledger, claimed(ledger, batches[1]))
    assert _places(plan_one(ledger, dict.fromkeys(range(4), 5))) == [(3, 0, 5)]


def test_a_large_backlog_is_split_over_the_free_slots(ledger: Ledger) -> None:
    batches = ledger.plan({0: 600, 1: 500, 2: 400, 3: 300}, NOON)
    assert [_places(batch) for batch in batches] == [[(0, 0, 100)], [(1, 0, 100)], [(2, 0, 50), (3, 0, 50)]]
    assert ledger.gaps() == ledger.overlaps() == []


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_planned_batch_is_due_until_it_was_requested(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    assert ledger.due(NOON, never) == [batch]
    assert ledger.due(NOON, never) == [batch], "a crash between plan and request repeats the request"
    ledger.mark_requested(batch, NOON)
    assert ledger.due(at(29), never) == []


def test_a_request_that_nobody_claimed_becomes_the_next_attempt_and_is_no_failure(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    for attempt in range(2, 9):
        ledger.mark_requested(batch, at(40 * attempt))
        [batch] = ledger.due(at(40 * attempt + 30), never)
        assert (batch.state, batch.attempt, batch.failures) == ("planned", attempt, 0)


def test_a_request_that_waits_in_a_queue_goes_on_waiting(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    ledger.mark_requested(batch, NOON)
    asked: list[int] = []

    def waits(each: Batch) -> bool:
        asked.append(each.seq)
        return True

    assert [ledger.due(at(seconds), waits) for seconds in (29, 30, 31, 59, 60)] == [[]] * 5
    assert asked == [batch.seq] * 2, "Dagster is asked once in a lease"
    assert ledger.get(batch.seq).attempt == 1


def test_a_late_note_of_a_request_changes_nothing(engine: Engine, ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    done = commit(engine, ledger, claimed(ledger, batch))
    ledger.mark_requested(batch, at(1))
    assert ledger.get(batch.seq) == done


def test_a_batch_that_moves_while_dagster_is_asked_is_no_error(engine: Engine, ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    ledger.mark_requested(batch, NOON)

    def commits_meanwhile(each: Batch) -> bool:
        commit(engine, ledger, claimed(ledger, each))
        return True

    assert ledger.due(at(30), commits_meanwhile) == []
    assert ledger.get(batch.seq).state == "committed"


# --- claims, leases, fencing -----------------------------------------------------------------------------------------


def test_a_claim_is_a_lease(ledger: Ledger) -> None:
    running = claimed(ledger, plan_one(ledger, ENDS))
    assert (running.state, running.worker, running.lease_until) == ("running", "worker", at(30))
    assert ledger.due(at(29), never) == []
    ledger.renew(running, at(20))
    assert ledger.due(at(49), never) == []
    [again] = ledger.due(at(50), never)
    assert (again.attempt, again.failures, again.error, again.worker) == (2, 1, "lease_expired", None)
    assert again.ranges == running.ranges


def test_an_attempt_is_claimed_once(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    claimed(ledger, batch)
    with pytest.raises(Fenced):
        claimed(ledger, batch)


def test_an_unknown_batch_is_not_found(ledger: Ledger) -> None:
    for ask in (ledger.get, lambda seq: ledger.claim(seq, 1, "w", NOON), lambda seq: ledger.replay([seq], NOON)):
        with pytest.raises(NotFound, match="b000000099"):
            ask(99)


def test_an_overtaken_attempt_may_do_nothing_more(engine: Engine, ledger: Ledger) -> None:
    old = claimed(ledger, plan_one(ledger, ENDS))
    [planned] = ledger.due(at(31), never)
    for state in ("planned", "running"):
        assert ledger.get(old.seq).state == state
        before = ledger.get(old.seq)
        for forbidden in (
            lambda: ledger.check(old),
            lambda: ledger.renew(old, at(32)),
            lambda: ledger.lose(old, at(32)),
            lambda: commit(engine, ledger, old, at(32)),
            lambda: claimed(ledger, old),
        ):
            with pytest.raises(Fenced):
                forbidden()
        ledger.fail(old, "ValueError", at(32))
        assert ledger.get(old.seq) == before
        if state == "planned":
            new = claimed(ledger, planned, at(32))
    ledger.check(new)
    assert commit(engine, ledger, new, at(33)).attempt == 2


def test_a_committed_batch_is_not_committed_again(engine: Engine, ledger: Ledger) -> None:
    running = claimed(ledger, plan_one(ledger, ENDS))
    done = commit(engine, ledger, running, at(1))
    with pytest.raises(Fenced):
        commit(engine, ledger, running, at(2), BatchCounts(0, 0, 0, 0))
    assert ledger.get(running.seq) == done
    assert (done.state, done.counts, done.committed_at, done.lease_until) == ("committed", COUNTS, at(1), None)


def test_a_worker_that_is_late_but_not_overtaken_may_commit(engine: Engine, ledger: Ledger) -> None:
    running = claimed(ledger, plan_one(ledger, ENDS))
    ledger.check(running)
    assert commit(engine, ledger, running, at(500)).state == "committed"


def test_a_commit_is_undone_with_the_transaction_around_it(engine: Engine, ledger: Ledger) -> None:
    running = claimed(ledger, plan_one(ledger, ENDS))
    with pytest.raises(RuntimeError), transaction(engine) as connection:
        ledger.commit(connection, running, COUNTS, NOON)
        raise RuntimeError
    assert ledger.get(running.seq) == running


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_failed_attempt_pauses_and_the_last_one_waits_for_a_person(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    for attempt, pause in ((1, 1), (2, 2)):
        batch = claimed(ledger, batch)
        ledger.fail(batch, "ValueError", NOON)
        assert ledger.due(at(pause - 0.1), never) == []
        [batch] = ledger.due(at(pause), never)
        assert (batch.attempt, batch.failures, batch.error) == (attempt + 1, attempt, "ValueError")
    ledger.fail(claimed(ledger, batch), "ValueError", NOON)
    assert (ledger.get(batch.seq).state, ledger.get(batch.seq).failures) == ("failed", 3)
    assert ledger.due(at(1e6), never) == []
    assert [each.seq for each in ledger.batches(state="failed")] == [batch.seq]


def test_a_failed_batch_holds_its_partitions_and_no_slot(engine: Engine) -> None:
    ledger = ledger_on(engine, replace(LIMITS, in_flight=1, max_attempts=1))
    batch = plan_one(ledger, {0: 10})
    ledger.fail(claimed(ledger, batch), "ValueError", NOON)
    assert ledger.get(batch.seq).state == "failed"
    assert _places(plan_one(ledger, {0: 30, 1: 5})) == [(1, 0, 5)]


def test_outages_and_interruptions_never_count(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    for code in ("store_unavailable", "stream_unavailable", "write_conflict", "interrupted") * 3:
        batch = claimed(ledger, batch)
        ledger.fail(batch, code, NOON)
        batch = ledger.get(batch.seq)
        assert (batch.state, batch.failures, batch.error) == ("planned", 0, code)


def test_an_interrupted_attempt_is_followed_at_once(ledger: Ledger) -> None:
    batch = claimed(ledger, plan_one(ledger, ENDS))
    ledger.fail(batch, "interrupted", at(5))
    assert [each.attempt for each in ledger.due(at(5), never)] == [2]


def test_workers_that_keep_dying_on_a_batch_end_in_a_person(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    for turn in range(3):
        claimed(ledger, batch, at(100 * turn))
        due = ledger.due(at(100 * turn + 30), never)
        batch = due[0] if due else ledger.get(batch.seq)
    assert (batch.state, batch.failures, batch.error) == ("failed", 3, "lease_expired")


def test_only_a_failed_batch_is_tried_again_by_command(engine: Engine, ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    with pytest.raises(InvalidRequest, match="planned"):
        ledger.retry(batch.seq, NOON)
    for _ in range(3):
        ledger.fail(claimed(ledger, ledger.get(batch.seq)), "ValueError", NOON)
    again = ledger.retry(batch.seq, NOON)
    assert (again.state, again.attempt, again.failures, again.error) == ("planned", 5, 0, None)
    assert ledger.due(NOON, never) == [again]
    assert commit(engine, ledger, claimed(ledger, again)).failures == 0


# --- loss ------------------------------------------------------------------------------------------------------------


def _lost(ledger: Ledger, ends: dict[int, int]) -> Batch:
    batch = claimed(ledger, plan_one(ledger, ends))
    ledger.lose(batch, at(1))
    return ledger.get(batch.seq)


def test_a_lost_batch_waits_for_a_person_and_keeps_its_offsets(ledger: Ledger) -> None:
    batch = _lost(ledger, ENDS)
    assert (batch.state, batch.error) == ("lost", "offsets_lost")
    assert _places(batch) == [(0, 0, 10), (1, 0, 20), (3, 0, 5)]
    assert ledger.due(at(1e6), never) == []
    assert ledger.plan({0: 50, 1: 50, 3: 50}, at(1e6)) == []
    assert ledger.lost_offsets() == 0, "nothing is given up without a command"


def test_going_on_after_a_loss_names_what_was_given_up(engine: Engine, ledger: Ledger) -> None:
    batch = _lost(ledger, ENDS)
    again = ledger.resume_after_loss(batch.seq, {0: 4, 1: 0, 2: 9}, at(2))
    assert (again.state, again.attempt, again.error) == ("planned", 2, None)
    assert _places(again) == [(0, 4, 10), (1, 0, 20), (3, 0, 5)]
    [given_up] = ledger.batches(state="given_up")
    assert (given_up.kind, given_up.error, _places(given_up)) == ("lost", "offsets_lost", [(0, 0, 4)])
    assert ledger.lost_offsets() == 4
    commit(engine, ledger, claimed(ledger, again))
    assert ledger.gaps() == ledger.overlaps() == []


def test_a_range_lost_whole_is_not_lost_again_when_retention_goes_on(engine: Engine, ledger: Ledger) -> None:
    batch = _lost(ledger, ENDS)
    again = ledger.resume_after_loss(batch.seq, {0: 90, 1: 7, 3: 5}, at(2))
    assert _places(again) == [(1, 7, 20)]
    assert again.shards == (1, 5)
    assert ledger.lost_offsets() == 10 + 7 + 5
    commit(engine, ledger, claimed(ledger, again))
    assert [_places(each) for each in ledger.plan({0: 95, 1: 20, 3: 9}, at(3))] == [[(0, 10, 95), (3, 5, 9)]]
    assert ledger.gaps() == ledger.overlaps() == []


def test_a_batch_lost_whole_is_given_up_and_frees_its_partitions(ledger: Ledger) -> None:
    batch = _lost(ledger, {0: 10, 1: 20})
    again = ledger.resume_after_loss(batch.seq, {0: 10, 1: 99}, at(2))
    assert (again.state, again.ranges) == ("given_up", ())
    assert ledger.due(at(100), never) == []
    assert ledger.lost_offsets() == 30
    assert ledger.backlog({0: 10, 1: 20}) == 0
    assert _places(plan_one(ledger, {0: 12, 1: 20})) == [(0, 10, 12)]
    assert ledger.gaps() == ledger.overlaps() == []


def test_only_a_lost_batch_goes_on_after_a_loss(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    with pytest.raises(InvalidRequest, match="planned"):
        ledger.resume_after_loss(batch.seq, {}, NOON)
    with pytest.raises(InvalidRequest, match="planned"):
        ledger.retry(batch.seq, NOON)


# --- replays ---------------------------------------------------------------------------------------------------------


def test_a_replay_is_the_next_attempt_over_the_same_offsets(engine: Engine, ledger: Ledger) -> None:
    done = committed(engine, ledger, ENDS)
    [again] = ledger.replay([done.seq], at(5))
    assert (again.kind, again.state, again.attempt, again.counts) == ("replay", "planned", 2, COUNTS)
    assert (again.ranges, again.shards, again.planned_hour) == (done.ranges, done.shards, done.planned_hour)
    assert ledger.due(at(5), never) == [again]
    assert ledger.replay([done.seq], at(5)) == [], "it is on its way already"
    assert commit(engine, ledger, claimed(ledger, again), at(6)).state == "committed"


def test_a_replay_that_its_caller_claims_is_requested_only_if_the_caller_dies(engine: Engine, ledger: Ledger) -> None:
    done = committed(engine, ledger, ENDS)
    [again] = ledger.replay([done.seq], at(5), by_caller=True)
    assert ledger.due(at(34), never) == []
    [later] = ledger.due(at(35), never)
    assert (later.seq, later.attempt, later.failures) == (again.seq, 3, 0)


def test_only_what_is_committed_is_replayed(ledger: Ledger) -> None:
    batch = plan_one(ledger, ENDS)
    assert ledger.replay([batch.seq], NOON) == []
    assert ledger.get(batch.seq) == batch


def test_a_replay_waits_for_its_partitions_and_then_has_the_next_turn(engine: Engine, ledger: Ledger) -> None:
    done = committed(engine, ledger, {0: 10})
    live = plan_one(ledger, {0: 20, 1: 5})
    assert ledger.replay([done.seq], at(1)) == []
    commit(engine, ledger, claimed(ledger, live))
    assert ledger.plan({0: 30, 1: 5}, at(2)) == [], "partition 0 is held for the replay"
    [again] = ledger.replay([done.seq], at(3))
    commit(engine, ledger, claimed(ledger, again))
    assert _places(plan_one(ledger, {0: 30, 1: 5}, at(4))) == [(0, 20, 30)], "then live posts have theirs"


def test_a_caller_that_no_longer_asks_for_its_replay_holds_nothing(engine: Engine, ledger: Ledger) -> None:
    done = committed(engine, ledger, {0: 10})
    live = plan_one(ledger, {0: 20})
    assert ledger.replay([done.seq], at(1)) == []
    commit(engine, ledger, claimed(ledger, live))
    assert ledger.plan({0: 30}, at(30.9)) == []
    assert _places(plan_one(ledger, {0: 30}, at(31))) == [(0, 20, 30)]


def test_many_replays_do_not_keep_live_posts_out(engine: Engine, ledger: Ledger) -> None:
    seqs = [committed(engine, ledger, {0: end}).seq for end in (10, 20, 30)]
    end, lives, replays = 30, 0, 0
    for turn in range(12):
        end += 10
        now = at(turn)
        batches = [*ledger.replay(seqs, now, by_caller=True), *ledger.plan({0: end}, now)]
        assert len(batches) == 1, "the partition has one batch at a time"
        lives += batches[0].kind == "live"
        replays += batches[0].kind == "replay"
        commit(engine, ledger, claimed(ledger, batches[0], now), now)
    assert (lives, replays) == (6, 6)


def test_replays_of_different_partitions_run_side_by_side(engine: Engine, ledger: Ledger) -> None:
    seqs = [committed(engine, ledger, ends).seq for ends in ({0: 10}, {1: 10}, {0: 20})]
    assert [each.seq for each in ledger.replay(seqs, at(1))] == seqs[:2]


# --- what people and gauges see --------------------------------------------------------------------------------------


def test_batches_are_listed_newest_first_by_hour_and_state(engine: Engine, ledger: Ledger) -> None:
    first = committed(engine, ledger, {0: 10})
    second = committed(engine, ledger, {0: 20}, at(3600))
    third = plan_one(ledger, {0: 30}, at(3601))
    assert [each.seq for each in ledger.batches()] == [third.seq, second.seq, first.seq]
    assert [each.seq for each in ledger.batches(limit=1)] == [third.seq]
    assert [each.seq for each in ledger.batches(hour="2026-11-24-13:00")] == [third.seq, second.seq]
    assert [each.seq for each in ledger.batches(hour="2026-11-24-13:00", state="committed")] == [second.seq]


def test_a_history_beyond_the_limit_of_parameters_can_be_listed(tight_engine: Engine) -> None:
    many = 2_000
    ledger = ledger_on(tight_engine)
    batch = committed(tight_engine, ledger, {0: 10})
    batches, ranges = sql_table("batches"), sql_table("batch_ranges")
    row = {"kind": "live", "state": "committed", "attempt": 1, "failures": 0, "planned_at": NOON, "planned_hour": "h"}
    where = {"topic": TOPIC, "partition": 1, "reached_end": True}
    with transaction(tight_engine) as connection:
        connection.execute(batches.insert(), [{**row, "batch_seq": 10 + number} for number in range(many)])
        offsets = [{"batch_seq": 10 + n, "start_offset": n, "end_offset": n + 1} for n in range(many)]
        connection.execute(ranges.insert(), [{**where, **each} for each in offsets])
    listed = ledger.batches(state="committed", limit=1_000_000)
    assert len(listed) == many + 1
    assert listed[-1] == batch
    assert listed[0].ranges == (OffsetRange(TOPIC, 1, many - 1, many),)


def test_the_backlog_is_what_is_not_committed(engine: Engine, ledger: Ledger) -> None:
    assert ledger.backlog(ENDS) == 35
    batch = plan_one(ledger, ENDS)
    assert ledger.backlog(ENDS) == 35
    assert ledger.backlog({**ENDS, 2: 7}) == 42
    commit(engine, ledger, claimed(ledger, batch))
    assert ledger.backlog({**ENDS, 2: 7}) == 7
    ledger.replay([batch.seq], at(1))
    assert ledger.backlog({**ENDS, 2: 7}) == 7, "a replay is not behind"


def test_nothing_is_complete_before_every_partition_was_looked_at(engine: Engine, ledger: Ledger) -> None:
    assert ledger.complete_until() is None
    committed(engine, ledger, {0: 10})
    assert ledger.complete_until() is None
    ledger.note_idle({0: 10}, at(5))
    assert ledger.complete_until() == at(5)


def test_a_partition_is_complete_up_to_the_plan_that_reached_its_end(engine: Engine, ledger: Ledger) -> None:
    ledger.plan({}, NOON)
    ledger.note_idle({}, NOON)
    batch = plan_one(ledger, {0: 10}, at(5))
    ledger.note_idle({0: 10}, at(6))
    assert ledger.complete_until() == NOON, "what is planned is not published yet"
    commit(engine, ledger, claimed(ledger, batch), at(8))
    ledger.note_idle({0: 12}, at(9))
    assert ledger.complete_until() == at(5), "two posts wait in partition 0"
    ledger.note_idle({0: 10}, at(10))
    assert ledger.complete_until() == at(10)


def test_a_batch_that_did_not_reach_the_end_is_complete_up_to_its_last_record(engine: Engine, ledger: Ledger) -> None:
    ledger = ledger_on(engine, partitions=1)
    batch = plan_one(ledger, {0: 900}, at(50))
    commit(engine, ledger, claimed(ledger, batch), at(51), replace(COUNTS, seen_until={0: at(20)}))
    assert ledger.complete_until() == at(20)


def test_a_record_from_a_wrong_clock_does_not_make_the_future_complete(engine: Engine) -> None:
    ledger = ledger_on(engine, partitions=1)
    batch = plan_one(ledger, {0: 900}, at(50))
    commit(engine, ledger, claimed(ledger, batch), at(51), replace(COUNTS, seen_until={0: at(1e9)}))
    assert ledger.complete_until() == at(50)


def test_completeness_never_goes_back(engine: Engine) -> None:
    ledger = ledger_on(engine, partitions=1)
    committed(engine, ledger, {0: 10}, at(5))
    ledger.note_idle({0: 10}, at(9))
    ledger.note_idle({0: 10}, at(7))
    assert ledger.complete_until() == at(9)


def test_gaps_and_overlaps_are_found_wherever_they_lie(engine: Engine, ledger: Ledger) -> None:
    committed(engine, ledger, {0: 100})
    ranges = sql_table("batch_ranges")
    planted = [(90, 10, 20), (91, 50, 60), (92, 90, 130), (93, 135, 140)]
    with transaction(engine) as connection:
        where = {"topic": TOPIC, "partition": 0, "reached_end": False}
        rows = [{**where, "batch_seq": seq, "start_offset": start, "end_offset": end} for seq, start, end in planted]
        connection.execute(ranges.insert(), rows)
    assert ledger.overlaps() == [Gap(0, 10, 20), Gap(0, 50, 60), Gap(0, 90, 100)]
    assert ledger.gaps() == [Gap(0, 130, 135)]
