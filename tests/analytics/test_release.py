"""No figure that leaves, and no difference of figures that leave, is about fewer people than the least number."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.analytics.activity import Activity
from alphaads_pipelines.analytics.aggregates import GROUPINGS, Answer, Question, Row, answer, groups_frame, matching
from alphaads_pipelines.analytics.release import Release, make_release
from alphaads_pipelines.errors import GroupTooSmall
from alphaads_pipelines.schema.tables import EMOTIONS
from tests.analytics.populations import FIRST_DAY, LANGUAGES, PLATFORMS, Crowd, crowd, crowds

LEAST = 5
EPOCH = date(1970, 1, 1)


def _day(number: int) -> date:
    return EPOCH + timedelta(days=number)


class Counting:
    """An installation that releases day after day, and remembers who is behind every group."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.groups: list[dict[str, Any]] = []
        self.behind: list[set[tuple[str, int]]] = []
        self.until: dict[str, int] = {}
        self.releases = 0

    def release(self, until_day: int) -> Release:
        activity = self.crowd.activity(until_day, self.until)
        made = make_release(activity, LEAST)
        self.releases += 1
        self.groups += [{**group, "release_seq": self.releases} for group in made.groups]
        self.behind += _members(activity, made)
        self.until |= dict.fromkeys(made.subjects, until_day)
        return made

    def frame(self) -> pl.DataFrame:
        return groups_frame(self.groups)

    def ask(self, question: Question) -> Answer | None:
        try:
            return answer(self.frame(), question, least=LEAST, version=self.releases)
        except GroupTooSmall:
            return None

    def chosen(self, question: Question) -> set[int]:
        """The groups that an answer is made of, by their place."""
        numbered = self.frame().with_row_index("place")
        return set(matching(numbered, question, LEAST)["place"].to_list())


def _members(activity: Activity, made: Release) -> list[set[tuple[str, int]]]:
    """Of each group the (person, day) pairs in it; a person by the first of their subjects, whatever their number."""
    names = dict(activity.hours.group_by("person").agg(pl.col("subject").min()).iter_rows())
    found: list[set[tuple[str, int]]] = [set() for _ in made.groups]
    for group, person, day in made.members.iter_rows():
        found[group].add((activity.subjects[names[person]], day))
    return found


questions = st.builds(
    Question,
    platforms=st.lists(st.sampled_from((*PLATFORMS, "linkedin")), max_size=2).map(tuple),
    languages=st.lists(st.sampled_from(LANGUAGES), max_size=2).map(tuple),
    emotions=st.lists(st.sampled_from(EMOTIONS), max_size=3).map(tuple),
    from_day=st.none() | st.integers(0, 20).map(lambda n: _day(FIRST_DAY + n)),
    until_day=st.none() | st.integers(21, 45).map(lambda n: _day(FIRST_DAY + n)),
    by=st.lists(st.sampled_from(GROUPINGS), max_size=2, unique=True).map(tuple),
)


def _contributors(activity: Activity, made: Release) -> list[dict[str, Counter[Any]]]:
    """By brute force, of each group: the people behind each emotion, hour and weekday, and behind its scored posts."""
    group_of = {(person, day): group for group, person, day in made.members.iter_rows()}
    found = [defaultdict(set) for _ in made.groups]
    for row in activity.hours.iter_rows(named=True):
        group = group_of.get((row["person"], row["day"]))
        if group is None:
            continue
        bins = [("hours", str(row["hour"])), ("weekdays", str(_day(row["day"]).weekday()))]
        bins += [("emotions", name) for name in EMOTIONS if row[name]]
        bins += [("emotions", "none")] if row["posts"] > sum(row[name] for name in EMOTIONS) else []
        for each in (*bins, *([("scored", "")] if row["scored"] else [])):
            found[group][each].add(row["person"])
    return found


@given(crowds)
@settings(max_examples=25)
def test_every_figure_of_a_group_is_about_enough_people(crowd: Crowd) -> None:
    activity = crowd.activity(FIRST_DAY + 40)
    made = make_release(activity, LEAST)
    behind = _contributors(activity, made)
    for place, group in enumerate(made.groups):
        people = set(made.members.filter(pl.col("group") == place)["person"])
        assert group["people"] == len(people) >= LEAST
        assert group["sentiment_mean"] is None or len(behind[place]["scored", ""]) >= LEAST
        for part in ("emotions", "hours", "weekdays"):
            untold: set[int] = set()
            for (which, bin_), who in behind[place].items():
                if which == part and bin_ in group[part]:
                    assert len(who) >= LEAST, (part, bin_)
                elif (which, bin_) != (part, "none") and which == part:
                    untold |= who
            if part == "emotions":
                untold |= behind[place]["emotions", "none"]
            assert not untold or len(untold) >= LEAST, f"the rest of {part} gives a small group away"


@given(crowds)
@settings(max_examples=20)
def test_groups_are_sums_over_whole_people_and_days_and_over_nobody_twice(crowd: Crowd) -> None:
    activity = crowd.activity(FIRST_DAY + 40)
    made = make_release(activity, LEAST)
    members = made.members
    assert members.select("person", "day").is_unique().all(), "what somebody did in a day is in one group"
    posts = activity.hours.join(members, on=["person", "day"]).group_by("group").agg(pl.col("posts").sum())
    assert dict(posts.iter_rows()) == {place: group["posts"] for place, group in enumerate(made.groups)}
    for place, group in enumerate(made.groups):
        days = members.filter(pl.col("group") == place)["day"]
        assert group["from_day"] <= _day(days.min()) <= _day(days.max()) < group["until_day"]


@given(crowds, questions, questions, st.integers(0, 10_000).map(random.Random))
@settings(max_examples=50)
def test_no_two_answers_differ_by_a_small_group(crowd: Crowd, one: Question, two: Question, rng: random.Random) -> None:
    """Whatever happens between the two: new posts, late posts, new people, somebody erased, somebody linked."""
    counting = Counting(crowd)
    counting.release(FIRST_DAY + rng.randrange(1, 30))
    groups_before, first = counting.chosen(one), counting.ask(one)
    if rng.random() < 0.7:
        _live_on(crowd, counting, rng)
        counting.release(FIRST_DAY + rng.randrange(30, 45))
    second, groups_after = counting.ask(two), counting.chosen(two)
    assert (first is None, second is None) == (not groups_before, not groups_after)
    differ = [counting.behind[place] for place in groups_before ^ groups_after]
    for each in differ:
        assert len({person for person, _ in each}) >= LEAST
    if first is not None and second is not None:
        assert (first.total.people_at_least - second.total.people_at_least) % LEAST == 0
        posts = sum(counting.groups[place]["posts"] for place in groups_before - groups_after)
        posts -= sum(counting.groups[place]["posts"] for place in groups_after - groups_before)
        assert first.total.posts - second.total.posts == posts


def _live_on(crowd: Crowd, counting: Counting, rng: random.Random) -> None:
    for _ in range(rng.randrange(1, 60)):
        subject = f"s{rng.randrange(140)}"
        crowd.post(subject, FIRST_DAY + rng.randrange(40), rng.randrange(24), rng.choice(EMOTIONS), "x", "en")
    crowd.post("s0", FIRST_DAY, 0, None, "generic", None)
    erased = rng.choice(sorted(crowd.states))
    del crowd.states[erased]
    counting.until.pop(erased, None)
    crowd.persons |= dict.fromkeys(sorted(crowd.states)[:2], "p0")


@given(crowds, questions)
@settings(max_examples=25)
def test_every_row_of_an_answer_is_about_enough_people(crowd: Crowd, question: Question) -> None:
    counting = Counting(crowd)
    counting.release(FIRST_DAY + 40)
    said = counting.ask(question)
    if said is None:
        return
    everybody = len({crowd.persons.get(subject, subject) for subject in crowd.states})
    for row in (said.total, *said.rows):
        assert LEAST <= row.people_at_least <= everybody
        assert row.people_at_least % LEAST == 0
        assert sum(row.hours) + row.hours_untold == sum(row.weekdays) + row.weekdays_untold == row.posts
    if question.by:
        assert sum(row.posts for row in said.rows) == said.total.posts


@given(crowds)
@settings(max_examples=15)
def test_nothing_is_counted_in_two_releases(crowd: Crowd) -> None:
    counting = Counting(crowd)
    for until in (10, 11, 12, 40):
        counting.release(FIRST_DAY + until)
    everything = [pair for pairs in counting.behind for pair in pairs]
    assert len(everything) == len(set(everything))
    in_all = sum(sum(each[0] for each in state.hours.values()) for state in crowd.states.values())
    assert sum(group["posts"] for group in counting.groups) <= in_all


def _uniform(people: int, days: int, emotion: str = "joy") -> Crowd:
    made = Crowd()
    for number in range(people):
        for day in range(days):
            made.post(f"s{number}", FIRST_DAY + day, number % 3, emotion, "x", "en")
    return made


def test_a_late_post_an_erasure_and_a_newcomer_change_no_answer() -> None:
    counting = Counting(_uniform(people=60, days=3))
    counting.release(FIRST_DAY + 3)
    before = counting.ask(Question())
    counting.crowd.post("s1", FIRST_DAY, 5, "anger", "x", "en")
    counting.crowd.post("new", FIRST_DAY, 5, "anger", "x", "en")
    del counting.crowd.states["s2"]
    counting.release(FIRST_DAY + 4)
    after = counting.ask(Question())
    assert before is not None
    assert after is not None
    assert before.total == after.total


def test_people_who_came_with_an_old_archive_are_counted_later() -> None:
    counting = Counting(_uniform(people=60, days=3))
    counting.release(FIRST_DAY + 3)
    for number in range(20):
        counting.crowd.post(f"archive{number}", FIRST_DAY + 1, 7, "sadness", "facebook", "de")
    counting.release(FIRST_DAY + 4)
    said = counting.ask(Question(platforms=("facebook",)))
    assert said is not None
    assert (said.total.people_at_least, said.total.posts) == (20, 20)
    assert said.total.emotion_shares == {"sadness": 1.0}


def test_a_few_people_wait_until_they_are_enough() -> None:
    counting = Counting(_uniform(people=LEAST - 1, days=2))
    counting.release(FIRST_DAY + 2)
    assert counting.ask(Question()) is None
    counting.crowd.post("one more", FIRST_DAY + 1, 3, "joy", "x", "en")
    counting.release(FIRST_DAY + 3)
    said = counting.ask(Question())
    assert said is not None
    assert (said.total.people_at_least, said.total.posts) == (LEAST, 2 * LEAST - 1)


def test_linked_subjects_are_one_person() -> None:
    made = _uniform(people=6, days=1)
    made.persons = {"s0": "p", "s1": "p"}
    assert make_release(made.activity(FIRST_DAY + 1), 6).groups == []
    assert make_release(made.activity(FIRST_DAY + 1), 5).groups[0]["people"] == 5


def test_a_busy_day_is_a_period_of_its_own_and_quiet_days_share_one() -> None:
    busy = make_release(_uniform(people=60, days=3).activity(FIRST_DAY + 3), LEAST).groups
    assert {(each["until_day"] - each["from_day"]).days for each in busy} == {1}
    quiet = make_release(_uniform(people=6, days=20).activity(FIRST_DAY + 20), LEAST).groups
    assert {(each["until_day"] - each["from_day"]).days for each in quiet} <= {6, 7}


def test_days_share_a_period_for_as_long_as_it_takes_to_be_enough_people() -> None:
    made = Crowd()
    for number in range(LEAST):
        made.post(f"s{number}", FIRST_DAY + 10 * number, 1, "joy", "x", "en")
    [group] = make_release(made.activity(FIRST_DAY + 50), LEAST).groups
    assert (group["people"], group["from_day"], group["until_day"]) == (LEAST, _day(FIRST_DAY), _day(FIRST_DAY + 41))


def test_groups_are_as_fine_as_their_size_allows() -> None:
    made = _uniform(people=30, days=1)
    for number in range(3):
        made.post(f"rare{number}", FIRST_DAY, 1, "fear", "x", "en")
    for number in range(3):
        made.post(f"rarer{number}", FIRST_DAY, 1, "anger", "x", "en")
    groups = make_release(made.activity(FIRST_DAY + 1), LEAST).groups
    shown = {(each["platform"], each["language"], each["emotion"], each["people"]) for each in groups}
    assert shown == {("x", "en", "joy", 30), ("x", "en", None, 6)}


def test_a_row_is_what_a_plain_sum_says_where_everybody_is_counted() -> None:
    made = crowd(seed=3, people=100, posts=2_000, days=1)
    counting = Counting(made)
    released = counting.release(FIRST_DAY + 1)
    said = counting.ask(Question(by=("platform",)))
    assert said is not None
    activity = made.activity(FIRST_DAY + 1)
    kept = activity.hours.join(released.members, on=["person", "day"]).join(activity.people, on="person")
    expected = dict(kept.group_by("platform").agg(pl.col("posts").sum()).iter_rows())
    told: dict[Any, Row] = {row.key["platform"]: row for row in said.rows}
    assert {name: row.posts for name, row in told.items() if name} == {name: expected[name] for name in told if name}
    assert said.total.posts > 1_900
    mean = kept["sentiment_milli"].sum() / kept["scored"].sum() / 1000
    assert abs((said.total.sentiment_mean or 0) - mean) < 0.02
