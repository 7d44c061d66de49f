"""Render an evaluation as one self-contained HTML page."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import numpy as np

from alphaads_pipelines.bandits.ope.diagnostics import describe_problems
from alphaads_pipelines.bandits.ope.evaluation import Evaluation
from alphaads_pipelines.bandits.ope.logs import Floats
from alphaads_pipelines.nlp.plots import as_png, new_figure, without_box
from alphaads_pipelines.page_templates import template

_TEMPLATES = Path(__file__).parent / "templates"
_INK, _QUIET, _PALE, _ALARM = "#3b6ea5", "#7a838b", "#c9d3dc", "#c0392b"
_BARS = 40
_MOST_ARMS = 60


def page(evaluation: Evaluation, weights: Floats, *, log: str, policy: str) -> str:
    """Render the page; weights have the shape (n,)."""
    pictures = {
        "estimates": _estimates_png(evaluation),
        "weights": _weights_png(evaluation, weights),
        "arms": _arms_png(evaluation),
    }
    rendered = template(_TEMPLATES, "report.html").render(
        log=log,
        policy=policy,
        found=evaluation,
        of=evaluation.diagnostics,
        problems=describe_problems(evaluation.diagnostics),
        pictures={name: b64encode(picture).decode() for name, picture in pictures.items()},
    )
    return str(rendered)


def _estimates_png(evaluation: Evaluation) -> bytes:
    logged = evaluation.diagnostics.on_policy
    rows = [("the log's policy", logged), *evaluation.estimates.items()]
    figure = new_figure(8.0, 2.6)
    axes = figure.add_subplot()
    axes.axvspan(logged.low, logged.high, color=_PALE, alpha=0.5, linewidth=0)
    for at, (_, each) in enumerate(reversed(rows)):
        colour = _QUIET if each is logged else _INK
        axes.plot([each.low, each.high], [at, at], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(each.value, at, "o", color=colour, markersize=6)
        axes.annotate(
            f"{each.value:.5f}", (each.value, at), (0, 6), textcoords="offset points", fontsize=7, ha="center"
        )
    axes.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.3)
    axes.set_xlim(left=min(0.0, *(each.low for _, each in rows)))
    axes.set_xlabel("reward per decision, 95 % intervals")
    without_box(axes)
    return as_png(figure)


def _weights_png(evaluation: Evaluation, weights: Floats) -> bytes:
    figure = new_figure(8.0, 2.6)
    spread, carried = figure.subplots(1, 2)
    positive = weights[weights > 0]
    edges = np.geomspace(positive.min() * 0.999, max(positive.max(), positive.min() * 1.1) * 1.001, _BARS + 1)
    spread.hist(positive, bins=edges.tolist(), color=_INK)
    spread.set_xscale("log")
    spread.set_yscale("log")
    spread.axvline(1.0, color=_QUIET, linewidth=1, linestyle=":")
    spread.set_xlabel("weight: policy's probability over logged propensity")
    spread.set_ylabel("records")
    heaviest = np.sort(weights)[::-1].cumsum() / weights.sum()
    ranks = np.unique(np.geomspace(1, len(weights), 300).astype(int))
    carried.plot(ranks, heaviest[ranks - 1], color=_INK)
    carried.axvline(evaluation.effective_samples, color=_ALARM, linewidth=1, linestyle=":")
    carried.annotate(
        "effective samples", (evaluation.effective_samples, 0.03), (4, 0), textcoords="offset points", fontsize=7
    )
    carried.set_xscale("log")
    carried.set_ylim(0, 1.02)
    carried.set_xlabel("heaviest records")
    carried.set_ylabel("share of all weight")
    for axes in (spread, carried):
        without_box(axes)
    return as_png(figure)


def _arms_png(evaluation: Evaluation) -> bytes:
    figure = new_figure(8.0, 2.6)
    axes = figure.add_subplot()
    arms = sorted(evaluation.diagnostics.arms, key=lambda each: -each.drawn)[:_MOST_ARMS]
    for at, each in enumerate(arms):
        colour = _ALARM if each.is_off else _INK
        axes.plot([at, at], [each.ratio.low, each.ratio.high], color=colour, linewidth=1.5)
        axes.plot(at, each.ratio.value, "o", color=colour, markersize=3)
    axes.axhline(1.0, color=_QUIET, linewidth=1, linestyle=":")
    axes.set_xticks(range(len(arms)), [each.arm for each in arms], rotation=90 if len(arms) > 12 else 0)
    axes.set_ylim(0, _top([each.ratio.high for each in arms]))
    axes.set_xlabel("arm, most drawn first")
    axes.set_ylabel("drawn / expected")
    without_box(axes)
    return as_png(figure)


def _top(highs: list[float]) -> float:
    """Keep a few wide intervals from flattening the others."""
    return float(max(2.0, min(max(highs), 3 * float(np.median(highs)))))
