"""May a new model take the place of the one that serves? Only if it is not worse, by what both reach on validation
data, and keeps the limits of a model that we ship."""

from __future__ import annotations

from pathlib import Path

import msgspec

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.artifact import Artifact, Manifest, open_artifact
from alphaads_pipelines.nlp.reliability import HIGHEST_ERROR

LARGEST_LOSS = 0.01
"""How far a figure may fall, as long as the mean of all does not."""
LARGEST_BYTES = 40_000_000

_DIGITS = 6
"""Figures are compared to so many digits: what a sum of floats adds behind them is nobody's loss."""


class Finding(msgspec.Struct, frozen=True):
    """One demand, and how it was met. `serving` is None for a demand that compares with nothing."""

    demand: str
    candidate: float | None
    serving: float | None
    passed: bool

    def __str__(self) -> str:
        numbers = " against ".join(_number(each) for each in (self.candidate, self.serving) if each is not None)
        return f"{'ok' if self.passed else 'REFUSED'}: {self.demand}{f', {numbers}' if numbers else ''}"


class Verdict(msgspec.Struct, frozen=True):
    """Whether a model may serve, and why; `serving` is the version it was compared with, None if there is none."""

    candidate: str
    serving: str | None
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Every demand was met."""
        return all(each.passed for each in self.findings)

    @property
    def refusals(self) -> list[str]:
        """One line for each demand that was not met, with its numbers."""
        return [str(each) for each in self.findings if not each.passed]


def judge(candidate: Artifact, serving: Path) -> Verdict:
    """Compare a model with the one in the folder `serving`; one that is missing or damaged there needs no equal."""
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
    """What the old model was measured by; a figure that is new has nothing to be compared with."""
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
