"""Vowpal Wabbit as a policy: its distribution by hand, and states that are none."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.bandits import vowpal_wabbit
from alphaads_pipelines.bandits.base import EXPLORATION
from alphaads_pipelines.bandits.vowpal_wabbit import GAMMA, VowpalWabbitPolicy
from alphaads_pipelines.errors import MissingArtifact, SchemaMismatch
from tests.nlp.packages import needs


@needs("vowpalwabbit")
def test_an_arm_is_the_less_probable_the_further_it_lies_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Foster & Rakhlin 2020, eq. 2, with expected rewards of 0.3, 0.1 and 0.25 after 16 pulls."""
    expected = iter([0.3, 0.1, 0.25])

    class Fixed:
        def predict(self, line: str) -> float:
            return next(expected)

    policy = VowpalWabbitPolicy()
    policy.update({"a": (16, 4)})
    monkeypatch.setattr(policy, "_workspace", Fixed())
    shares = [0.0, 1 / (3 + GAMMA * 4 * 0.2), 1 / (3 + GAMMA * 4 * 0.05)]
    shares[0] = 1 - sum(shares)
    assert policy.propensities(["a", "b", "c"], {}, 1) == pytest.approx(
        (1 - EXPLORATION) * np.array(shares) + EXPLORATION / 3
    )


@needs("vowpalwabbit")
def test_names_that_mean_something_to_it_are_names_like_others() -> None:
    policy, names = VowpalWabbitPolicy(), ["a b", "a:2", "a|c 0:9", "ä\n1 |"]
    for _ in range(5):
        policy.update({name: (100, 80 * (place == 2)) for place, name in enumerate(names)})
    assert policy.propensities(names, {}, 1).argmax() == 2


@needs("vowpalwabbit")
def test_a_model_that_cannot_be_read_is_refused() -> None:
    for damaged in ("not base64!", b64encode(b"no model").decode()):
        with pytest.raises(SchemaMismatch):
            VowpalWabbitPolicy.from_state({"model": damaged})


@needs("vowpalwabbit")
def test_what_was_learned_on_another_layout_is_not_gone_by() -> None:
    policy = VowpalWabbitPolicy()
    policy.update({"a": (10, 5)})
    assert VowpalWabbitPolicy.from_state({**policy.state(), "layout": 0}).state() == VowpalWabbitPolicy().state()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    absent: Any = None
    monkeypatch.setitem(sys.modules, "vowpalwabbit", absent)
    with pytest.raises(MissingArtifact, match="vowpalwabbit"):
        vowpal_wabbit.VowpalWabbitPolicy()
