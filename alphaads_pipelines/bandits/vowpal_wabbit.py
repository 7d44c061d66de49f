"""Vowpal Wabbit as a policy: online regression of the reward on context and arm.

The distribution is SquareCB's (Foster & Rakhlin, ICML 2020, eq. 2), a closed form: an arm behind the best gets 1 /
(arms + gamma gap), the best the rest. Gamma grows with the root of the pulls. An extra: `pip install
"alpha-creators-ads[vowpalwabbit]"`.

Order matters, to a few digits. Every step starts from Vowpal Wabbit's saved bytes, so the policy in memory equals the
restored one.
"""

from __future__ import annotations

import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from alphaads_pipelines.bandits.arm_counts import CountingPolicy, Counts, count_by_arm
from alphaads_pipelines.bandits.base import Outcomes, mixed
from alphaads_pipelines.bandits.context import FEATURES, VERSION, Floats
from alphaads_pipelines.errors import MissingArtifact, SchemaMismatch

GAMMA = 10.0

_NEW_MODEL = "--quiet --quadratic ca --bit_precision 18"


class VowpalWabbitPolicy(CountingPolicy):
    """Weights are hashed into a table of fixed size: forgetting an arm removes its counts only, and a discount widens
    exploration. Raises MissingArtifact without the package."""

    name: ClassVar[str] = "vowpal_wabbit"
    uses_context: ClassVar[bool] = True
    is_sum: ClassVar[bool] = False

    def __init__(self, features: int = FEATURES) -> None:
        super().__init__()
        self.features = features
        self._model = b""
        self._workspace = _load(self._model)

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """Inverse gaps of expected rewards, exploration mixed in."""
        named = [_arm_part(arm) for arm in arms]
        context_parts = [_context_part(context) for context in contexts]
        expected = np.array([[self._workspace.predict(context + arm) for arm in named] for context in context_parts])
        gaps = expected.max(axis=1, keepdims=True) - expected
        pulls = sum(pulls for pulls, _ in self._counts.values())
        shares = 1.0 / (len(arms) + GAMMA * np.sqrt(pulls) * gaps)
        is_best = gaps == 0
        rest = 1.0 - np.where(is_best, 0.0, shares).sum(axis=1, keepdims=True)
        return mixed(np.where(is_best, rest / is_best.sum(axis=1, keepdims=True), shares))

    def update(self, rewards: Counts) -> None:
        """Learn {arm: (pulls, rewards)} of an unknown context."""
        self._add_counts(rewards)
        self._train([("|c 0:1 " + _arm_part(arm), *counts) for arm, counts in rewards.items()])

    def learn(self, outcomes: Outcomes) -> None:
        """Learn outcomes in order."""
        contexts = self._checked(outcomes.contexts)
        self._add_counts(count_by_arm(outcomes))
        examples = [_context_part(each) + _arm_part(arm) for each, arm in zip(contexts, outcomes.arms, strict=True)]
        self._train(list(zip(examples, outcomes.weights().tolist(), outcomes.rewards.tolist(), strict=True)))

    def state(self) -> dict[str, Any]:
        """The counts, and "model": base64 of Vowpal Wabbit's saved model."""
        own = {"features": self.features, "layout": VERSION, "model": b64encode(self._model).decode()}
        return {**super().state(), **own}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore a policy; another layout gives a new one. Raises SchemaMismatch, MissingArtifact."""
        if state.get("layout", VERSION) != VERSION:
            return cls()
        policy = cls(int(state.get("features", FEATURES)))
        policy._restore(state)
        try:
            model = b64decode(state.get("model", ""), validate=True)
        except ValueError as error:
            raise SchemaMismatch("the model of a policy's state is no base64") from error
        policy._replace_model(model)
        return policy

    def _train(self, examples: Sequence[tuple[str, float, float]]) -> None:
        """Learn each entry's mean reward, weighted by its pulls; a reward without a pull is a 1."""
        if not examples:
            return
        model = _load(self._model)
        for features, pulls, rewards in examples:
            label, weight = (rewards / pulls, pulls) if pulls else (1.0, rewards)
            if weight:
                model.learn(f"{label:.9g} {weight:.9g} {features}")
        saved = _serialise(model)
        model.finish()
        self._replace_model(saved)

    def _replace_model(self, model: bytes) -> None:
        self._workspace.finish()
        self._model, self._workspace = model, _load(model)


def _arm_part(arm: str) -> str:
    """Hexadecimal, to escape Vowpal Wabbit's syntax."""
    return f"|a {arm.encode().hex()}"


def _context_part(context: Floats) -> str:
    numbers = " ".join(f"{place}:{context[place]:.9g}" for place in np.flatnonzero(context).tolist())
    return f"|c {numbers} "


def _load(model: bytes) -> Any:
    try:
        from vowpalwabbit import Workspace
    except ModuleNotFoundError as error:
        raise MissingArtifact('this policy needs the extra "vowpalwabbit"; install it') from error
    if not model:
        return Workspace(_NEW_MODEL)
    with tempfile.TemporaryDirectory(prefix="alphaads-") as folder:
        path = Path(folder) / "model"
        path.write_bytes(model)
        try:
            return Workspace(arg_list=["--quiet", "--initial_regressor", str(path)])
        except RuntimeError as error:
            raise SchemaMismatch("the model of a policy's state cannot be read") from error


def _serialise(model: Any) -> bytes:
    with tempfile.TemporaryDirectory(prefix="alphaads-") as folder:
        path = Path(folder) / "model"
        model.save(str(path))
        return path.read_bytes()
