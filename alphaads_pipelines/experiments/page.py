"""Renders a result as self-contained HTML without scripts, for light and dark mode."""

from __future__ import annotations

from pathlib import Path

from alphaads_pipelines.experiments.picture import draw
from alphaads_pipelines.experiments.result import Action, Comparison, Kind, Result, Verdict
from alphaads_pipelines.page_templates import template

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_HEADINGS = {Action.SHIP: "Ship", Action.STOP: "Stop", Action.CONTINUE: "Continue"}
_WORDS = {
    Verdict.BETTER: "better",
    Verdict.WORSE: "worse",
    Verdict.PASSED: "within margin",
    Verdict.BREACHED: "worse than margin",
    Verdict.OPEN: "not yet known",
    Verdict.CHANGING: "changes over time",
}


def render_page(result: Result | str, title: str) -> str:
    """Render a result, or the reason why there is none yet."""
    from markupsafe import Markup

    if isinstance(result, str):
        return str(template(_TEMPLATES, "waiting.html").render(title=title, why=result))
    decision = result.decision
    return str(
        template(_TEMPLATES, "experiment.html").render(
            title=title,
            result=result,
            heading=_HEADINGS[decision.action] + (f" {decision.arm}" if decision.arm else ""),
            arms=[(arm, arm.units / result.units) for arm in result.arms],
            rows=[_row(each, result.control) for each in result.comparisons],
            picture=Markup(draw(result.comparisons)),  # noqa: S704 matplotlib escapes the names it writes
        )
    )


def _row(comparison: Comparison, control: str) -> dict[str, str]:
    is_rate = comparison.kind is Kind.RATE
    return {
        "arm": comparison.arm,
        "metric": comparison.metric,
        "role": "goal" if comparison.margin is None else f"guard-rail, margin {_value(comparison.margin, is_rate)}",
        "effect": effect_text(comparison.effect, comparison.kind),
        "interval": interval_text(comparison),
        "values": " → ".join(_value(each, is_rate) for each in (comparison.control_value, comparison.arm_value)),
        "p_value": f"{comparison.p_value:.3g}",
        "verdict": _WORDS[comparison.verdict],
        "class": comparison.verdict.value,
    }


def effect_text(value: float | None, kind: Kind) -> str:
    """Format an effect or bound: lifts in percent, differences as numbers."""
    if value is None:
        return "?"
    return f"{value:+.2%}" if kind is Kind.RATE else f"{value:+.4g}"


def interval_text(comparison: Comparison) -> str:
    """Format an effect's interval."""
    return " to ".join(effect_text(bound, comparison.kind) for bound in (comparison.low, comparison.high))


def _value(value: float | None, is_rate: bool) -> str:
    if value is None:
        return "?"
    return f"{value:.2%}" if is_rate else f"{value:.4g}"
