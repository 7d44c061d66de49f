"""The benchmark of decisions measures each policy without limits and with, on people with a mood and a segment."""

from __future__ import annotations

from benchmarks.decision import LIMIT_MS, run


def test_every_policy_is_measured_without_limits_and_with() -> None:
    report = run(people=120, decisions=20)
    assert len(report["milliseconds"]) == 6
    assert all(0 < each["p50"] <= each["p99"] <= each["most"] for each in report["milliseconds"].values())
    assert report["worst_p99"] == max(each["p99"] for each in report["milliseconds"].values())
    assert report["limit"] == LIMIT_MS
