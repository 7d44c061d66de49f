"""Vowpal Wabbit and MABWiser as players of the simulator.

Neither can learn of a click after its impression, so both learn of it early; see `with_immediate_clicks`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from alphaads_pipelines.bandits.base import Choices, Outcomes
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.simulator.stream import Stream
from alphaads_pipelines.errors import MissingArtifact

_INSTALL = 'this benchmark needs the extra "peers"; install it'


def with_immediate_clicks(stream: Stream) -> Stream:
    """Report clicks just before their impressions."""
    reports = stream.reports
    early = np.where(np.isinf(reports.impression), reports.click, np.nextafter(reports.impression, 0.0))
    return replace(stream, reports=replace(reports, click=early))


class MABWiser:
    """MABWiser's LinUCB, LinTS or LinGreedy, in batches, its fastest mode."""

    def __init__(self, policy: str, seed: int, **options: float) -> None:
        try:
            from mabwiser.mab import MAB, LearningPolicy
        except ModuleNotFoundError as error:
            raise MissingArtifact(_INSTALL) from error
        how: Any = getattr(LearningPolicy, policy)(**options)
        self._make: Callable[[list[str]], Any] = lambda arms: MAB(arms, how, seed=seed)
        self._mab: Any = None
        self._is_taught = False

    def choose_many(self, arms: Sequence[str], contexts: Floats, seed: int) -> Choices:
        """Predict, or draw at random before the first update."""
        if self._mab is None:
            self._mab = self._make(list(arms))
        for arm in [each for each in arms if each not in self._mab.arms]:
            self._mab.add_arm(arm)
        for arm in [each for each in self._mab.arms if each not in arms]:
            self._mab.remove_arm(arm)
        if not self._is_taught:
            drawn = np.random.default_rng(seed).integers(len(arms), size=len(contexts))
            return Choices(drawn, np.full(len(contexts), 1 / len(arms)), seed)
        found = self._mab.predict(contexts)
        place = {arm: at for at, arm in enumerate(arms)}
        drawn = np.array([place[arm] for arm in ([found] if isinstance(found, str) else found)], dtype=np.intp)
        return Choices(drawn, np.ones(len(contexts)), seed)

    def learn(self, outcomes: Outcomes) -> None:
        """Learn outcomes of current arms."""
        known = np.array([arm in self._mab.arms for arm in outcomes.arms])
        if known.any():
            rows = np.array(outcomes.arms)[known], outcomes.rewards[known], outcomes.contexts[known]
            (self._mab.partial_fit if self._is_taught else self._mab.fit)(*rows)
            self._is_taught = True

    def discount(self, factor: float) -> None:
        """Unsupported."""

    def inform(self) -> None:
        """Unsupported."""

    def retire(self, arms: Collection[str]) -> None:
        """`choose_many` removes arms."""


class VowpalWabbit:
    """`--cb_explore_adf` with a shared context, an action per arm, and interactions."""

    def __init__(self, options: str) -> None:
        try:
            from vowpalwabbit import Workspace
        except ModuleNotFoundError as error:
            raise MissingArtifact(_INSTALL) from error
        self._peer = Workspace(f"--quiet --cb_explore_adf --quadratic ca --random_seed 1 {options}")
        self._drawn: dict[tuple[str, bytes], tuple[float, Sequence[str]]] = {}

    def choose_many(self, arms: Sequence[str], contexts: Floats, seed: int) -> Choices:
        """Draw from its distributions, and keep the propensities for learning."""
        dice = np.random.default_rng((seed, 1)).random(len(contexts))
        drawn, propensities = np.empty(len(contexts), dtype=np.intp), np.empty(len(contexts))
        for at, context in enumerate(contexts):
            shares = np.array(self._peer.predict([_shared(context), *(f"|a {arm}" for arm in arms)]))
            cumulated = shares.cumsum()
            arm = min(int(cumulated.searchsorted(dice[at] * cumulated[-1], side="right")), len(arms) - 1)
            drawn[at], propensities[at] = arm, shares[arm]
            self._drawn[arms[arm], context.tobytes()] = float(shares[arm]), arms
        return Choices(drawn, propensities, seed)

    def learn(self, outcomes: Outcomes) -> None:
        """Learn one by one; a reward is a negative cost."""
        for name, context, reward in zip(outcomes.arms, outcomes.contexts, outcomes.rewards.tolist(), strict=True):
            propensity, arms = self._drawn[name, context.tobytes()]
            actions = [f"0:{-reward}:{propensity} |a {arm}" if arm == name else f"|a {arm}" for arm in arms]
            self._peer.learn([_shared(context), *actions])

    def discount(self, factor: float) -> None:
        """Unsupported."""

    def inform(self) -> None:
        """New arms share its context weights."""

    def retire(self, arms: Collection[str]) -> None:
        """Its weight table has a fixed size."""


def _shared(context: Floats) -> str:
    return "shared |c " + " ".join(f"{place}:{context[place]:.6g}" for place in np.flatnonzero(context).tolist())
