"""Plot regret curves as PNG, a panel per world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alphaads_pipelines.bandits.simulator.result import Simulation
from alphaads_pipelines.nlp.plots import DRAWING, as_png, new_figure, without_box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RANDOM = "random"
_COLOURS = ("#3b6ea5", "#c0392b", "#4a8f5b", "#6c4f9c", "#e2a72e", "#d9729f", "#7d8b3a")
_QUIET, _PALE = "#7a838b", "#c9d3dc"
_ROOM = 1.5
"""Panel height over the highest line but random's, which keeps bad policies from flattening the others."""
_APART = 0.062


@dataclass(frozen=True)
class Panel:
    """One world.

    Attributes
    ----------
    points: numbers of decisions, shape (points,). changes: of the truth. curves: regret, shape (points,).
    """

    title: str
    points: Sequence[float]
    changes: Sequence[float]
    curves: Mapping[str, Sequence[float]]


def panel_of(found: Simulation) -> Panel:
    """Means over seeds, and the expected regret of random draws."""
    curves = {name: each.curves.mean(axis=0).tolist() for name, each in found.policies.items()}
    curves[RANDOM] = found.random.curves.mean(axis=0).tolist()
    seeds = f"mean of {len(found.seeds)} seeds" if len(found.seeds) > 1 else "1 seed"
    return Panel(f"{found.world} world, {seeds}", found.points.tolist(), found.changes, curves)


def draw(panels: Sequence[Panel]) -> bytes:
    """Draw panels side by side."""
    with DRAWING:
        figure = new_figure(0.6 + 5.0 * len(panels), 3.6)
        names = list(dict.fromkeys(name for panel in panels for name in panel.curves if name != RANDOM))
        colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)} | {RANDOM: _QUIET}
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _draw_panel(axes, panel, colours)
        return as_png(figure)


def _draw_panel(axes: Axes, panel: Panel, colours: Mapping[str, str]) -> None:
    for at in panel.changes:
        axes.axvline(at, color=_PALE, linewidth=1, linestyle=":")
    if panel.changes:
        axes.annotate(
            "the truth changes", (panel.changes[0], 1.0), (3, -8), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=7, color=_QUIET,
        )  # fmt: skip
    points, end = [0.0, *panel.points], float(panel.points[-1])
    for name, curve in panel.curves.items():
        style = "--" if name == RANDOM else "-"
        axes.plot(points, [0.0, *curve], style, color=colours[name], linewidth=1.2 if name == RANDOM else 1.7)
    known = [curve[-1] for name, curve in panel.curves.items() if name != RANDOM] or [panel.curves[RANDOM][-1]]
    top = min(_ROOM * max(known), 1.02 * max(curve[-1] for curve in panel.curves.values()))
    axes.set(xlim=(0, end), ylim=(0, top), xlabel="decisions", ylabel="regret so far, in clicks")
    axes.set_title(panel.title, loc="left", fontsize=9, fontweight="bold")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    _name_lines(axes, panel, colours, top)
    without_box(axes)


def _name_lines(axes: Axes, panel: Panel, colours: Mapping[str, str], top: float) -> None:
    """Spaced apart; random's on the line if it leaves the panel."""
    below = 0.0
    for name, curve in sorted(panel.curves.items(), key=lambda each: each[1][-1]):
        last = curve[-1]
        if last > top:
            inside = int(np.flatnonzero(np.array(curve) <= 0.9 * top)[-1:].sum())
            axes.annotate(
                name, (panel.points[inside], curve[inside]), (-4, 0), textcoords="offset points", fontsize=7.5,
                ha="right", color=colours[name],
            )  # fmt: skip
            continue
        at = max(last / top, below)
        below = at + _APART
        axes.annotate(
            f"{name}  {last:,.0f}", (1.0, at), (5, 0), xycoords="axes fraction", textcoords="offset points",
            fontsize=7.5, va="center", color=colours[name], annotation_clip=False,
        )  # fmt: skip
