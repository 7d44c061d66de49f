"""Quality gate of a new model: no worse than the serving one on validation data, and within shipping limits."""

from __future__ import annotations

from pathlib import Path

import msgspec

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.artifact import Artifact, Manifest, open_artifact
from alphaads_pipelines.nlp.reliability import HIGHEST_ERROR

LARGEST_LOSS = 0.01
"""Largest drop of one figure, provided the mean does not drop."""
LARGEST_BYTES = 40_000_000

_DIGITS = 6
"""Rounding before comparison, against floating-point noise."""


class Finding(msgspec.Struct, frozen=True):
    """One requirement and its result. `serving` is None without a comparison."""

    demand: str
    candidate: float | None
    serving: float | None
    passed: bool

    def __str__(self) -> str:
        numbers = " against ".join(_number(each) for each in (self.candidate, self.serving) if each is not None)
        return f"{'ok' if self.passed else 'REFUSED'}: {self.demand}{f', {numbers}' if numbers else ''}"


class Verdict(msgspec.Struct, frozen=True):
    """Whether a model may serve, and why; `serving` is the version compared with."""

    candidate: str
    serving: str | None
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every requirement is met."""
        return all(each.passed for each in self.findings)

    @property
    def refusals(self) -> list[str]:
        """One line per failed requirement, with its numbers."""
        return [str(each) for each in self.findings if not each.passed]


def judge(candidate: Artifact, serving: Path) -> Verdict:
    """Compare a model with the one in `serving`; a missing or damaged one sets no bar."""
    new, old = candidate.manifest, _manifest(serving)
    findings = [_size(candidate), *_calibration(new)]
    if old is not None:
        findings += [_heads(new, old), *_figures(new, old), _mean(new, old)]
    return Verdict(new.version, None if old is None else old.version, tuple(findings))


def _manifest(path: Path) -> Manifest | None:
    try:
        return open_artifact(path).manifest
    except MissingArtifact:
        return None


def _size(candidate: Artifact) -> Finding:
    size = sum(path.stat().st_size for path in candidate.path.iterdir())
    return Finding(f"at most {LARGEST_BYTES:,} bytes", size, None, size <= LARGEST_BYTES)


def _calibration(new: Manifest) -> list[Finding]:
    return [_calibrated(task, new.reliability[task].ece if task in new.reliability else None) for task in new.heads]


def _calibrated(task: str, error: float | None) -> Finding:
    demand = f"calibration error of {task} at most {HIGHEST_ERROR}"
    return Finding(demand, error, None, error is not None and round(error, _DIGITS) <= HIGHEST_ERROR)


def _heads(new: Manifest, old: Manifest) -> Finding:
    return Finding("the same heads and tags", None, None, (new.heads, new.tags) == (old.heads, old.tags))


def _figures(new: Manifest, old: Manifest) -> list[Finding]:
    """New figures have no counterpart."""
    return [_figure(name, new.validation.get(name), value) for name, value in old.validation.items()]


def _figure(name: str, new: float | None, old: float) -> Finding:
    demand = f"{name} at most {LARGEST_LOSS} lower"
    return Finding(demand, new, old, new is not None and round(old - new, _DIGITS) <= LARGEST_LOSS)


def _mean(new: Manifest, old: Manifest) -> Finding:
    both = [name for name in old.validation if name in new.validation]
    mine, its = (sum(each.validation[name] for name in both) / max(1, len(both)) for each in (new, old))
    return Finding("mean of the figures not lower", mine, its, round(mine - its, _DIGITS) >= 0.0)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value > 1 else f"{value:.4f}"
