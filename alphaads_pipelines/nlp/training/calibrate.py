"""Calibrates each head by a temperature and a bias chosen on validation data.

The temperature (Guo et al. 2017, arXiv:1706.04599) aligns confidence with accuracy. The bias raises rare labels by a
share of their log prior (Menon et al. 2021, arXiv:2007.07314) if all labels count alike, or the one label measured. One
number each leaves little to overfit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from alphaads_pipelines.nlp.artifact import Calibration
from alphaads_pipelines.nlp.neural import calibrated
from alphaads_pipelines.nlp.reliability import reliability_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Measure = Callable[[Ints, Ints], float]

_TEMPERATURES = np.geomspace(0.5, 4.0, 61)
_SHIFTS = np.linspace(0.0, 1.0, 11)
_LIFTS = np.linspace(-0.6, 1.4, 21)
_AS_LIKELY = 1.01


def choose(
    logits: Floats, truth: Ints, priors: Floats, measure: Measure | None, label: int | None = None
) -> Calibration:
    """Choose the calibration of one head on validation data.

    Parameters
    ----------
    logits: (cases, labels). truth: (cases,) label indices.
    priors: share of each label in the training data.
    measure: (truth, prediction) -> figure to maximise; None for no bias.
    label: the label measured by F1 and shifted; None if all count alike.
    """
    bias = np.zeros(logits.shape[1])
    if measure is not None:
        bias = _best_bias(logits, truth, _candidates(priors, label), measure)
    # The bias is added before scaling, so no temperature changes the most probable label.
    temperature = _best_temperature(logits + bias, truth)
    return Calibration(temperature, tuple(round(float(each) / temperature, 6) for each in bias))


def _best_temperature(logits: Floats, truth: Ints) -> float:
    """Among temperatures within `_AS_LIKELY` of the best likelihood, minimise the calibration error."""
    losses = np.array([_loss(logits / temperature, truth) for temperature in _TEMPERATURES])
    likely = _TEMPERATURES[losses <= losses.min() * _AS_LIKELY]
    zeros = (0.0,) * logits.shape[1]
    errors = [reliability_of(calibrated(logits, Calibration(float(each), zeros)), truth).ece for each in likely]
    return float(likely[int(np.argmin(errors))])


def _candidates(priors: Floats, label: int | None) -> list[Floats]:
    if label is None:
        return [-shift * np.log(priors) for shift in _SHIFTS]
    return [lift * np.eye(len(priors))[label] for lift in _LIFTS]


def _best_bias(logits: Floats, truth: Ints, candidates: Sequence[Floats], measure: Measure) -> Floats:
    """Averages the figure over neighbours: a single peak may be chance."""
    figures = np.array([measure(truth, (logits + bias).argmax(1)) for bias in candidates])
    padded = np.pad(figures, 1, mode="edge")
    return candidates[int(np.argmax(padded[:-2] + padded[1:-1] + padded[2:]))]


def _loss(logits: Floats, truth: Ints) -> float:
    highest = logits.max(1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(logits - highest).sum(1))
    return float((total - logits[np.arange(len(truth)), truth]).mean())
