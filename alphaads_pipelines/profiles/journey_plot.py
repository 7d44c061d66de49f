"""Plot emotional journeys of a person or of segments as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from alphaads_pipelines.nlp.plots import DRAWING, EMOTION_COLOURS, as_png, new_figure, without_box
from alphaads_pipelines.profiles.journey import Journey
from alphaads_pipelines.profiles.time_buckets import Hour
from alphaads_pipelines.schema.tables import EMOTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_BARS = 96
_BAR_HOURS = (1, 3, 6, 12, 24, 7 * 24)
_PALE, _QUIET, _INK = "#e3e6e8", "#7a838b", "#333"
_MOST_LABELS = 6
_MOST_PANELS = 12


def journey_plot_png(journey: Journey) -> bytes:
    """Episodes, posts by emotion and mean sentiment over time; changes are dotted lines.

    Bars are widened until the journey fits.
    """
    with DRAWING:
        figure = new_figure(9.0, 4.6)
        strip, bars, line = figure.subplots(3, 1, sharex=True, height_ratios=(0.35, 2.2, 1.4))
        if not journey.hours:
            for axes in (strip, bars, line):
                axes.set_axis_off()
            strip.set_title("no post yet", loc="left", fontsize=9)
            return as_png(figure)
        width = timedelta(hours=_bar_hours(journey.hours))
        binned = _binned(journey.hours, width)
        _draw_episodes(strip, journey)
        _draw_posts(bars, binned, width)
        _draw_sentiment(line, binned, width)
        _draw_changes([strip, bars, line], journey)
        line.set_xlim(_days(binned[0].hour_at - width / 2), _days(binned[-1].hour_at + 1.5 * width))
        _date_axis(line)
        return as_png(figure)


def segment_journeys_png(counts: pl.DataFrame) -> bytes:
    """A panel per segment: daily shares of emotions, from `segment_journeys.count_segments` without small groups."""
    shown = counts["segment_id"].unique(maintain_order=True).to_list()[:_MOST_PANELS]
    with DRAWING:
        figure = new_figure(9.0, 0.7 + 1.35 * max(1, len(shown)))
        panels = list(figure.subplots(max(1, len(shown)), 1, sharex=True, squeeze=False)[:, 0])
        if not shown:
            panels[0].set_axis_off()
            panels[0].set_title("no segment has enough people yet", loc="left", fontsize=9)
            return as_png(figure)
        for axes, segment in zip(panels, shown, strict=True):
            _draw_segment(axes, segment, counts.filter(pl.col("segment_id") == segment).sort("bucket_at"))
        _date_axis(panels[-1])
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(EMOTIONS), fontsize=8, frameon=False)
        return as_png(figure)


def _bar_hours(hours: Sequence[Hour]) -> int:
    span = (hours[-1].hour_at - hours[0].hour_at) // timedelta(hours=1) + 1
    needed = -(-span // _MOST_BARS)
    return next((each for each in _BAR_HOURS if each >= needed), -(-needed // _BAR_HOURS[-1]) * _BAR_HOURS[-1])


def _binned(hours: Sequence[Hour], width: timedelta) -> list[Hour]:
    """Merge hours into bars, aligned to midnight from three hours up."""
    origin = hours[0].hour_at.replace(hour=0) if width >= timedelta(hours=3) else hours[0].hour_at
    bars: dict[datetime, list[Hour]] = {}
    for each in hours:
        bars.setdefault(origin + (each.hour_at - origin) // width * width, []).append(each)
    return [_merged(start, inside) for start, inside in bars.items()]


def _merged(start: datetime, hours: Sequence[Hour]) -> Hour:
    emotions = {name: sum(each.emotions.get(name, 0) for each in hours) for name in EMOTIONS}
    known = [(each.sentiment_mean, each.posts) for each in hours if each.sentiment_mean is not None]
    weight = sum(posts for _, posts in known)
    mean = sum(value * posts for value, posts in known) / weight if weight else None
    return Hour(start, sum(each.posts for each in hours), mean, emotions)


def _draw_episodes(axes: Axes, journey: Journey) -> None:
    for each in journey.episodes:
        axes.axvspan(_days(each.start_at), _days(each.end_at), color=EMOTION_COLOURS[each.emotion], linewidth=0)
    axes.set_yticks([])
    axes.tick_params(bottom=False)
    axes.set_ylabel("mood", rotation=0, ha="right", va="center", fontsize=8)
    for side in axes.spines.values():
        side.set_visible(False)


def _draw_posts(axes: Axes, bars: Sequence[Hour], width: timedelta) -> None:
    from matplotlib.ticker import MaxNLocator

    places = [_days(each.hour_at + width / 2) for each in bars]
    days, bottom = 0.86 * width / timedelta(days=1), [0] * len(bars)
    without = [each.posts - sum(each.emotions.values()) for each in bars]
    series = [(name, EMOTION_COLOURS[name], [each.emotions[name] for each in bars]) for name in EMOTIONS]
    for name, colour, values in (*series, ("no cue", _PALE, without)):
        if any(values):
            axes.bar(places, values, width=days, bottom=bottom, color=colour, label=name)
            bottom = [below + value for below, value in zip(bottom, values, strict=True)]
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("posts")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), fontsize=8, frameon=False, handlelength=1.0)
    without_box(axes)


def _draw_sentiment(axes: Axes, bars: Sequence[Hour], width: timedelta) -> None:
    known = [(_days(each.hour_at + width / 2), each.sentiment_mean) for each in bars if each.sentiment_mean is not None]
    axes.axhline(0, color=_PALE, linewidth=1)
    if known:
        places, means = zip(*known, strict=True)
        axes.plot(places, means, color=_QUIET, linewidth=0.9)
        axes.scatter(places, means, color=_INK, s=9, zorder=3)
    axes.set(ylim=(-1.05, 1.05), yticks=(-1, 0, 1), ylabel="sentiment")
    without_box(axes)


def _draw_changes(panels: Sequence[Axes], journey: Journey) -> None:
    for change in journey.changes:
        for axes in panels:
            axes.axvline(_days(change.changed_at), color=_INK, linewidth=1, linestyle=":")
    for change in journey.changes[-_MOST_LABELS:]:
        text = f"{change.before} → {change.after}" if change.before != change.after else f"still {change.after}"
        place = (_days(change.changed_at), 1.1)
        panels[0].annotate(text, place, xycoords=("data", "axes fraction"), fontsize=7.5, color=_INK, rotation=18)


def _draw_segment(axes: Axes, segment: str, counts: pl.DataFrame) -> None:
    totals = counts.select(pl.sum_horizontal(EMOTIONS)).to_series().clip(lower_bound=1)
    days, bottom = [_days(each) for each in counts["bucket_at"]], [0.0] * counts.height
    for name in EMOTIONS:
        shares = (counts[name] / totals).to_list()
        axes.bar(days, shares, width=0.92, bottom=bottom, color=EMOTION_COLOURS[name], label=name, align="edge")
        bottom = [below + share for below, share in zip(bottom, shares, strict=True)]
    axes.set_title(segment, loc="left", fontsize=9, fontweight="bold")
    axes.set(ylim=(0, 1), yticks=(0, 0.5, 1))
    axes.yaxis.set_major_formatter("{x:.0%}")
    without_box(axes)


def _date_axis(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz="UTC", minticks=3)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set_fontsize(8)


def _days(at: datetime) -> float:
    """Days since 1970, UTC, for matplotlib."""
    return at.timestamp() / 86_400
