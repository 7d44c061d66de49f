"""The page shows the result, fetches nothing, runs nothing, and escapes names."""

from __future__ import annotations

import re
import warnings
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from alphaads_pipelines.experiments.analysis import analyse
from alphaads_pipelines.experiments.observations import read_observations
from alphaads_pipelines.experiments.page import render_page
from alphaads_pipelines.experiments.picture import draw
from alphaads_pipelines.experiments.result import Better, Metric, Plan, Result

HOSTILE = "暖かい<script>alert(1)</script>&$\\x$"


def _result(arm: str = "warm") -> Result:
    rates = {"control": 100, arm: 130}
    rows = [f"2026-03-{day:02},{name},1000,{rate},100" for day in range(1, 15) for name, rate in rates.items()]
    plan = Plan(Metric("converted"), (Metric("complained", better=Better.LOWER, margin=0.25),))
    return analyse(read_observations("at,arm,units,converted,complained\n" + "\n".join(rows), plan.metrics), plan)


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(_result(), "Warm texts")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_the_page_shows_decision_numbers_and_picture(page: str) -> None:
    assert "<strong>Ship warm</strong>" in page
    for text in ("Warm texts", "+30.00%", "95 % interval", "within margin", "28,000", "Units are split as planned"):
        assert text in page, text
    assert page.count("<svg") == 1


def test_the_page_fetches_and_runs_nothing(page: str) -> None:
    tags = _Tags()
    tags.feed(page)
    assert not {"script", "img", "link", "iframe"} & set(tags.tags)
    assert all(link is not None and link.startswith("#") for link in tags.links)
    assert "@import" not in page


def test_the_picture_has_the_colours_of_the_page(page: str) -> None:
    picture = page[page.index("<svg") : page.index("</svg>")]
    for variable in ("--ink", "--soft", "--accent", "--alarm"):
        assert f"var({variable})" in picture
        assert page.count(f"{variable}: #") == 2, "one for light, one for dark"
    assert set(re.findall(r"#[0-9a-f]{6}\b", picture)) == set()


def test_the_same_result_is_the_same_picture() -> None:
    assert draw(_result().comparisons) == draw(_result().comparisons)


def test_names_stay_text() -> None:
    result = _result(HOSTILE)
    page = render_page(result, HOSTILE)
    assert "<script" not in page
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = draw(result.comparisons)
    shown = "".join(ElementTree.fromstring(picture).itertext())
    assert f"{HOSTILE}: converted" in shown


def test_a_broken_split_is_said_loudly() -> None:
    rows = "at,arm,units,converted\n2026-03-01,control,5000,10\n2026-03-01,warm,4000,10\n"
    plan = Plan(Metric("converted"))
    page = render_page(analyse(read_observations(rows, plan.metrics), plan), "Broken")
    assert "nothing above may be believed" in page
    assert "<strong>Stop</strong>" in page
