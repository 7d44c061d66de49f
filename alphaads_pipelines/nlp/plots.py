"""Pictures of scores, for people who look at a run."""

from __future__ import annotations

import io
from collections.abc import Mapping

from alphaads_pipelines.tables import EMOTIONS

_COLOURS = {
    "anger": "#c0392b",
    "disgust": "#7d8b3a",
    "fear": "#6c4f9c",
    "joy": "#e2a72e",
    "neutral": "#9aa3ab",
    "sadness": "#3b6ea5",
    "surprise": "#d9729f",
}
_NO_CUE = "#e3e6e8"


def emotion_plot_png(counts: Mapping[str, int], without: int) -> bytes:
    """A bar for each emotion, most frequent first, and one for the posts without an emotion cue; PNG bytes.

    Parameters
    ----------
    counts: emotion -> posts.
    without: posts for which the scorer gave no emotion.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = sorted(((name, counts.get(name, 0)) for name in EMOTIONS), key=lambda each: each[1])
    names = ["no cue", *(name for name, _ in shown)]
    values = [without, *(value for _, value in shown)]
    figure = Figure(figsize=(6.0, 2.8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bars = axes.barh(names, values, color=[_NO_CUE, *(_COLOURS[name] for name, _ in shown)], height=0.72)
    total = max(1, sum(values))
    axes.bar_label(bars, [f"{value:,}  ({value / total:.0%})" for value in values], padding=4, fontsize=8, color="#333")
    axes.set_xlim(0, max([1, *values]) * 1.22)
    axes.set_title(f"Emotion of {sum(values):,} posts", loc="left", fontsize=10, fontweight="bold")
    axes.tick_params(length=0, labelsize=9)
    axes.xaxis.set_visible(False)
    for side in axes.spines.values():
        side.set_visible(False)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()
