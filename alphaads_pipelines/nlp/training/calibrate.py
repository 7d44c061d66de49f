"""From logits to probabilities: a temperature and a shift for each head, both chosen on validation data.

The temperature (Guo et al. 2017, arXiv:1706.04599) makes confidence and accuracy agree; the shift lifts rare labels
by a share of their training prior (Menon et al. 2021, arXiv:2007.07314), where the task's measure counts all labels
alike. One number each: there is little to overfit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from alphaads_pipelines.nlp.artifact import Calibration

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Measure = Callable[[Ints, Ints], float]

_TEMPERATURES = np.geomspace(0.5, 4.0, 61)
_SHIFTS = np.linspace(0.0, 1.0, 11)


def choose(logits: Floats, truth: Ints, priors: Floats, measure: Measure | None) -> Calibration:
    """The calibration of one head.

    Parameters
    ----------
    logits: (cases, labels) on the validation data.
    truth: (cases,) index of the right label.
    priors: share of each label in the training data.
    measure: (truth, said) -> figure to be as high as it can; None leaves the labels as the network has them.
    """
    shift = 0.0 if measure is None else _best_shift(logits, truth, priors, measure)
    # The shift is of logits, so that no temperature changes who is most probable.
    bias = -shift * np.log(priors)
    losses = [_loss((logits + bias) / temperature, truth) for temperature in _TEMPERATURES]
    temperature = float(_TEMPERATURES[int(np.argmin(losses))])
    return Calibration(temperature, tuple(round(float(each) / temperature, 6) for each in bias))


def _best_shift(logits: Floats, truth: Ints, priors: Floats, measure: Measure) -> float:
    """The smallest of the shifts whose figure, averaged with its neighbours', is best: a peak may be chance."""
    figures = np.array([measure(truth, (logits - shift * np.log(priors)).argmax(1)) for shift in _SHIFTS])
    padded = np.pad(figures, 1, mode="edge")
    return float(_SHIFTS[int(np.argmax(padded[:-2] + padded[1:-1] + padded[2:]))])


def _loss(logits: Floats, truth: Ints) -> float:
    """Mean negative log likelihood."""
    highest = logits.max(1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(logits - highest).sum(1))
    return float((total - logits[np.arange(len(truth)), truth]).mean())
