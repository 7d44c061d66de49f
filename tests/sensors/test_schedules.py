"""What runs by the clock."""

from __future__ import annotations

from resources import names
from sensors.schedules import schedules


def test_creatives_and_policy_are_made_each_hour_and_history_is_pruned_more_often() -> None:
    crons = {schedule.job_name: schedule.cron_schedule for schedule in schedules}
    assert crons[names.ADVERTISING] == "0 * * * *"
    assert crons[names.PRUNE] == "*/15 * * * *"
    assert set(crons) == {names.ADVERTISING, names.INTEGRITY, names.MODEL_WATCH, names.MAINTENANCE, names.PRUNE} | {
        *(names.SEGMENTS, names.AGGREGATES, names.ERASURES)
    }
