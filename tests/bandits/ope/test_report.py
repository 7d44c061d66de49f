"""The report: one self-contained page that names every problem."""

from __future__ import annotations

import re
from base64 import b64decode

import pytest

from alphaads_pipelines.bandits.ope.diagnostics import describe_problems
from alphaads_pipelines.bandits.ope.estimators import weigh
from alphaads_pipelines.bandits.ope.evaluation import evaluate
from alphaads_pipelines.bandits.ope.logs import Log
from alphaads_pipelines.bandits.ope.report import page
from benchmarks.logged import SHAPES, World
from tests.bandits.ope.small_logs import Fixed, small_log

WORLD = World(SHAPES["even weights"])


def _page(log: Log) -> str:
    weighted = weigh(log, WORLD, seed=0)
    return page(evaluate(log, weighted), weighted.weights, log="<b>log</b>.csv", policy="random")


@pytest.fixture(scope="module")
def sound() -> str:
    return _page(WORLD.log(400, seed=1))


def test_it_shows_every_estimate_and_three_pictures(sound: str) -> None:
    log = WORLD.log(400, seed=1)
    for name, each in evaluate(log, weigh(log, WORLD, seed=0)).estimates.items():
        assert re.search(
            rf"<th>{name}</th><td>{each.value:.5f}</td><td>{each.low:.5f}</td><td>{each.high:.5f}</td>", sound
        )
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', sound)
    assert len(pictures) == 3
    assert all(b64decode(each).startswith(b"\x89PNG") for each in pictures)
    assert "None found" in sound


def test_it_loads_nothing_and_believes_no_name(sound: str) -> None:
    assert not re.search(r"(src|href)=\"(?!data:)", sound)
    assert "<script" not in sound
    assert "&lt;b&gt;log&lt;/b&gt;.csv" in sound


def test_four_records_with_weights_of_zero_can_be_drawn_and_their_problems_are_told() -> None:
    log = small_log()
    weighted = weigh(log, Fixed(0.0, 0.5, 0.5), seed=0)
    found = evaluate(log, weighted)
    shown = page(found, weighted.weights, log="small", policy="fixed")
    assert "data:image/png" in shown
    sentences = describe_problems(found.diagnostics)
    assert len(sentences) == len(found.diagnostics.problems) > 0
    assert all(f"<li>{each}</li>".replace("'", "&#39;") in shown for each in sentences)
