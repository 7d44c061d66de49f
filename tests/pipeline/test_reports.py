"""What a step says of its work, alone and over several batches."""

from __future__ import annotations

from alphaads_pipelines.pipeline.reports import CORRELATION_IDS_SHOWN, StepReport, Written, combined

FIRST = StepReport(
    {"raw_posts": Written(3, 7), "rejected_posts": Written(1, 2)},
    0.5,
    {"read": 4, "accepted": 3},
    ("b000000001",),
    (("posts.raw[0]", 0, 4),),
    ("one", "two"),
    {"tracked_names": {"lamp": 2, "boot": 1}},
)
SECOND = StepReport(
    {"raw_posts": Written(2, 8), "rejected_posts": Written(0, None, ("reason: missing",))},
    0.25,
    {"read": 2, "duplicates": 1},
    ("b000000002",),
    (("posts.raw[1]", 5, 7),),
    ("two", "three"),
    {"tracked_names": {"lamp": 3}, "entity_types": {"ORG": 4}},
)


def test_reports_add_up_and_versions_are_the_last_ones() -> None:
    both = combined([FIRST, SECOND])
    assert both.tables["raw_posts"] == Written(5, 8)
    assert both.tables["rejected_posts"] == Written(1, 2, ("reason: missing",))
    assert both.seconds == 0.75
    assert both.tallies == {"tracked_names": {"lamp": 5, "boot": 1}, "entity_types": {"ORG": 4}}
    assert both.figures == {"read": 6, "accepted": 3, "duplicates": 1}
    assert both.batches == ("b000000001", "b000000002")
    assert both.offsets == (("posts.raw[0]", 0, 4), ("posts.raw[1]", 5, 7))
    assert both.correlation_ids == ("one", "two", "three")


def test_problems_of_every_table_are_the_report_s() -> None:
    assert FIRST.problems == ()
    assert combined([FIRST, SECOND]).problems == ("reason: missing",)


def test_nothing_combined_is_an_empty_report() -> None:
    assert combined([]) == StepReport({}, 0)


def test_only_the_first_correlation_ids_are_shown() -> None:
    many = StepReport({}, 0.0, correlation_ids=tuple(str(each) for each in range(100)))
    assert combined([many]).correlation_ids == tuple(str(each) for each in range(CORRELATION_IDS_SHOWN))
