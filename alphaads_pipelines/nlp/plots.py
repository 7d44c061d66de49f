"""PNG plots of scores and of scorers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from alphaads_pipelines.schema.tables import EMOTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from alphaads_pipelines.nlp.drift import Drift, Judgement
    from alphaads_pipelines.nlp.reliability import Reliability

DRAWING = Lock()
"""matplotlib's caches and settings are not thread-safe."""
EMOTION_COLOURS = {
    "anger": "#c0392b",
    "disgust": "#7d8b3a",
    "fear": "#6c4f9c",
    "joy": "#e2a72e",
    "neutral": "#9aa3ab",
    "sadness": "#3b6ea5",
    "surprise": "#d9729f",
}
_PALE, _QUIET, _LINE, _ALARM = "#e3e6e8", "#7a838b", "#3b6ea5", "#c0392b"
_DPI = 110
_LEAST_INDEX = 5e-4


def emotion_plot_png(counts: Mapping[str, int], without: int) -> bytes:
    """Bar chart of emotions by frequency, with posts `without` a cue last."""
    shown = sorted(((name, counts.get(name, 0)) for name in EMOTIONS), key=lambda each: each[1])
    names = ["no cue", *(name for name, _ in shown)]
    values = [without, *(value for _, value in shown)]
    figure = new_figure(6.0, 2.8)
    axes = figure.add_subplot()
    bars = axes.barh(names, values, color=[_PALE, *(EMOTION_COLOURS[name] for name, _ in shown)], height=0.72)
    total = max(1, sum(values))
    axes.bar_label(bars, [f"{value:,}  ({value / total:.0%})" for value in values], padding=4, fontsize=8, color="#333")
    axes.set_xlim(0, max([1, *values]) * 1.22)
    axes.set_title(f"Emotion of {sum(values):,} posts", loc="left", fontsize=10, fontweight="bold")
    axes.tick_params(length=0, labelsize=9)
    axes.xaxis.set_visible(False)
    for side in axes.spines.values():
        side.set_visible(False)
    return as_png(figure)


def drift_plot_png(drift: Drift) -> bytes:
    """Plot each task's index by hour against its threshold: drift in red, model changes dotted."""
    hourly = [each for each in drift.judged if each.hour is not None]
    tasks = list(dict.fromkeys(each.task for each in hourly)) or ["no hour could be judged"]
    figure = new_figure(7.6, 0.5 + 1.5 * len(tasks))
    panels = list(figure.subplots(len(tasks), 1, sharex=True, squeeze=False)[:, 0])
    if not hourly:
        panels[0].set_title(tasks[0], loc="left", fontsize=9)
        panels[0].set_axis_off()
        return as_png(figure)
    first = min(each.hour for each in hourly if each.hour is not None)
    for axes, task in zip(panels, tasks, strict=True):
        _draw_drift(axes, task, [each for each in hourly if each.task == task], first)
    _draw_changes(panels, drift, first)
    shown = range(0, 24, 3)
    panels[-1].set_xticks(list(shown), [f"{first + timedelta(hours=hour):%H:%M\n%b %d}" for hour in shown])
    title = (
        "Population stability index by the hour in which people posted (UTC); the bar is the threshold, red is drift"
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=9)
    return as_png(figure)


def reliability_plot_png(tasks: Mapping[str, Reliability]) -> bytes:
    """Plot each task's accuracy by confidence, with the diagonal and bars of cases below."""
    columns = min(3, max(1, len(tasks)))
    rows = -(-max(1, len(tasks)) // columns)
    figure = new_figure(0.4 + 2.6 * columns, 0.3 + 3.1 * rows)
    cells = figure.subfigures(rows, columns, squeeze=False).flat
    for cell, (task, reliability) in zip(cells, tasks.items(), strict=False):
        upper, lower = cell.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        _draw_reliability(upper, task, reliability)
        _draw_cases(lower, reliability)
    return as_png(figure)


def loss_plot_png(losses: Sequence[tuple[int, float]]) -> bytes:
    """Plot training loss, (step, moving mean loss)."""
    figure = new_figure(6.0, 2.8)
    axes = figure.add_subplot()
    axes.plot([step for step, _ in losses], [loss for _, loss in losses], color=_LINE, linewidth=1.3)
    axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
    title = f"Loss: {losses[0][1]:.2f} → {losses[-1][1]:.2f} after {losses[-1][0]:,} steps" if losses else "no step yet"
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.yaxis.label.set_fontsize(8)
    without_box(axes)
    return as_png(figure)


def _draw_drift(axes: Axes, task: str, judged: Sequence[Judgement], first: datetime) -> None:
    hours = [_hours_after(first, each.hour) for each in judged if each.hour is not None]
    thresholds = [each.threshold for each in judged]
    indices = [max(each.psi, _LEAST_INDEX) for each in judged]
    axes.hlines(thresholds, [hour - 0.5 for hour in hours], [hour + 0.5 for hour in hours], color=_QUIET, linewidth=1.3)
    axes.vlines(hours, _LEAST_INDEX, indices, color=_PALE, linewidth=3, zorder=0)
    drifted = [each.drifted for each in judged]
    colours, sizes = [_ALARM if each else _LINE for each in drifted], [28 if each else 12 for each in drifted]
    axes.scatter(hours, indices, c=colours, s=sizes, zorder=3)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.minorticks_off()
    axes.set(xlim=(-0.7, 23.7), ylim=(_LEAST_INDEX, 2.0 * max(*indices, *thresholds)))
    axes.set_title(task.replace("_", " "), loc="left", fontsize=9, fontweight="bold")
    without_box(axes)


def _draw_changes(panels: Sequence[Axes], drift: Drift, first: datetime) -> None:
    for change in (each for each in drift.changes if each.hour >= first):
        place = _hours_after(first, change.hour) - 0.5
        for axes in panels:
            axes.axvline(place, color="#333", linewidth=1, linestyle=":")
        where = (place + 0.1, 1.04)
        panels[0].annotate(change.after, where, xycoords=("data", "axes fraction"), fontsize=7.5, color="#333")


def _draw_reliability(axes: Axes, task: str, reliability: Reliability) -> None:
    confidences = [each.confidence for each in reliability.reliability]
    accuracies = [each.accuracy for each in reliability.reliability]
    axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle="--")
    most = max((each.count for each in reliability.reliability), default=1)
    sizes = [4 + 40 * each.count / most for each in reliability.reliability]
    axes.plot(confidences, accuracies, color=_LINE, linewidth=1, alpha=0.45)
    axes.scatter(confidences, accuracies, color=_LINE, s=sizes, zorder=3, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    axes.set_title(task.replace("_", " "), loc="left", fontsize=9, fontweight="bold")
    axes.set_title(f"ECE {reliability.ece:.3f}", loc="right", fontsize=8, color=_QUIET)
    without_box(axes)


def _draw_cases(axes: Axes, reliability: Reliability) -> None:
    confidences = [each.confidence for each in reliability.reliability]
    counts = [each.count for each in reliability.reliability]
    axes.bar(confidences, counts, width=0.05, color=_LINE, alpha=0.45)
    axes.set(xlabel=f"confidence of {reliability.cases:,} cases", ylabel="cases")
    without_box(axes)


def _hours_after(first: datetime, at: datetime) -> float:
    return (at - first) / timedelta(hours=1)


def without_box(axes: Axes) -> None:
    """Remove the box and shrink the labels."""
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    axes.tick_params(length=2, labelsize=7.5, colors="#444")
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)


def new_figure(width: float, height: float) -> Figure:
    """Create a figure, sized in inches, without a display or matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_png(figure: Figure) -> bytes:
    """The figure's picture."""
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()
