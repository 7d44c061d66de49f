"""Plots effects and intervals over units as inline SVG, coloured by the page's CSS variables."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alphaads_pipelines.experiments.result import Comparison, Kind
from alphaads_pipelines.nlp.plots import DRAWING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _SOFT, _ACCENT, _ALARM = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {_INK: "var(--ink)", _SOFT: "var(--soft)", _ACCENT: "var(--accent)", _ALARM: "var(--alarm)"}
"""Placeholder colours, as matplotlib knows no CSS variables."""

_HEIGHT = 2.1


def draw(comparisons: Sequence[Comparison]) -> str:
    """Draw an `svg` element with a panel per comparison (at least one)."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # Text stays text, in the page's font; output is deterministic.
    with DRAWING, rc_context({"svg.fonttype": "none", "svg.hashsalt": "experiment", "font.family": "sans-serif"}):
        figure = Figure(figsize=(8.6, 0.3 + _HEIGHT * len(comparisons)), layout="constrained")
        panels = figure.subplots(len(comparisons), 1, squeeze=False)[:, 0]
        for axes, comparison in zip(panels, comparisons, strict=True):
            _draw_panel(axes, comparison)
        panels[-1].set_xlabel("units in the experiment", color=_SOFT, fontsize=9)
        return _as_svg(figure)


def _draw_panel(axes: Axes, comparison: Comparison) -> None:
    from matplotlib.ticker import FuncFormatter, PercentFormatter, StrMethodFormatter

    units = np.array([look.units for look in comparison.looks], dtype=np.float64)
    effect, low, high = (
        np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        for values in zip(*((look.effect, look.low, look.high) for look in comparison.looks), strict=True)
    )
    bottom, top = _limits(comparison, effect, low, high)
    axes.fill_between(
        units, np.nan_to_num(low, nan=bottom), np.nan_to_num(high, nan=top), color=_ACCENT, alpha=0.18, linewidth=0
    )
    axes.plot(units, effect, color=_ACCENT, linewidth=1.6)
    axes.axhline(0, color=_SOFT, linewidth=0.9)
    if comparison.margin is not None:
        axes.axhline(_margin_line(comparison), color=_ALARM, linewidth=1.1, linestyle=(0, (5, 3)))
    axes.set_ylim(bottom, top)
    axes.set_xlim(0, max(1.0, float(units[-1])))
    axes.set_title(f"{comparison.arm}: {comparison.metric}", loc="left", fontsize=10, color=_INK, parse_math=False)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    is_rate = comparison.kind is Kind.RATE
    axes.yaxis.set_major_formatter(PercentFormatter(1.0) if is_rate else FuncFormatter(lambda value, _: f"{value:.3g}"))
    _quiet(axes)


def _limits(comparison: Comparison, *lines: np.ndarray) -> tuple[float, float]:
    """Fit the axis to the later looks, zero and the margin; early intervals are too wide."""
    later = np.concatenate([line[len(line) // 2 :] for line in lines])
    shown = [0.0, *later[np.isfinite(later)]]
    if comparison.margin is not None:
        shown.append(_margin_line(comparison))
    spread = max(shown) - min(shown) or 1.0
    return min(shown) - 0.12 * spread, max(shown) + 0.12 * spread


def _margin_line(comparison: Comparison) -> float:
    assert comparison.margin is not None
    return -comparison.margin if comparison.better == "higher" else comparison.margin


def _quiet(axes: Axes) -> None:
    axes.patch.set_alpha(0)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(_SOFT)
    axes.tick_params(colors=_SOFT, length=3, labelsize=8.5)


def _as_svg(figure: Figure) -> str:
    figure.patch.set_alpha(0)
    image = io.StringIO()
    with warnings.catch_warnings():
        # The browser draws the text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = image.getvalue()
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text[text.index("<svg") :]
