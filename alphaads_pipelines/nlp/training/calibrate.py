"""From logits to probabilities: a temperature and a shift for each head, both chosen on validation data.

The temperature (Guo et al. 2017, arXiv:1706.04599) makes confidence and accuracy agree; the shift lifts rare labels
by a share of their training prior (Menon et al. 2021, arXiv:2007.07314), where the task's measure counts all labels
alike, or the one label that the measure is of. One number each: there is little to overfit.
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
    """The calibration of one head.

    Parameters
    ----------
    logits: (cases, labels) on the validation data.
    truth: (cases,) index of the right label.
    priors: share of each label in the training data.
    measure: (truth, said) -> figure to be as high as it can; None leaves the labels as the network has them.
    label: the one whose F1 the measure is, which is then lifted or lowered; None: it counts all labels alike.
    """
    bias = np.zeros(logits.shape[1])
    if measure is not None:
        bias = _best_bias(logits, truth, _candidates(priors, label), measure)
    # The bias is of logits, so that no temperature changes who is most probable.
    temperature = _best_temperature(logits + bias, truth)
    return Calibration(temperature, tuple(round(float(each) / temperature, 6) for each in bias))


def _best_temperature(logits: Floats, truth: Ints) -> float:
    """Of those that are as likely as the best, but for `_AS_LIKELY`, the one with the least calibration error."""
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
    """The first whose figure, averaged with its neighbours', is best: a peak may be chance."""
    figures = np.array([measure(truth, (logits + bias).argmax(1)) for bias in candidates])
    padded = np.pad(figures, 1, mode="edge")
    return candidates[int(np.argmax(padded[:-2] + padded[1:-1] + padded[2:]))]


def _loss(logits: Floats, truth: Ints) -> float:
    """Mean negative log likelihood."""
    highest = logits.max(1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(logits - highest).sum(1))
    return float((total - logits[np.arange(len(truth)), truth]).mean())
