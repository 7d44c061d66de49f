"""The rule of promotion: better is promoted, worse and broken is refused, with the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphaads_pipelines.bandits.ope.estimators import weigh
from alphaads_pipelines.bandits.ope.evaluation import Evaluation, evaluate
from alphaads_pipelines.bandits.ope.evaluation_policy import EvaluationPolicy
from alphaads_pipelines.bandits.ope.logs import Log
from alphaads_pipelines.bandits.promotion import Rule, check_promotion, require_promotion
from alphaads_pipelines.errors import InvalidRequest, QualityRefused
from benchmarks.logged import Shape, World

BETTER = World(Shape(level=-1.4, logged=0.5, evaluated=2.5, floor=0.3))
WORSE = World(Shape(level=-1.4, logged=0.5, evaluated=-2.5, floor=0.3))
ALIKE = World(Shape(level=-1.4, logged=0.0, evaluated=0.0, floor=0.3))


def _evaluation(log: Log, target: EvaluationPolicy) -> Evaluation:
    return evaluate(log, weigh(log, target, seed=0))


def _of(world: World, n: int = 5_000, seed: int = 1) -> Evaluation:
    return _evaluation(world.log(n, seed), world)


def _earned(evaluation: Evaluation) -> float:
    return evaluation.diagnostics.on_policy.value


def test_a_planted_better_policy_is_promoted() -> None:
    assert BETTER.truth > BETTER.truth_of_log + 0.05
    for seed in range(5):
        candidate = _of(BETTER, seed=seed)
        verdict = require_promotion(candidate, _earned(candidate))
        assert verdict.is_promoted
        assert verdict.candidate_low == candidate.estimates["dr"].low > verdict.incumbent


def test_a_planted_worse_policy_is_refused_with_the_numbers() -> None:
    assert WORSE.truth < WORSE.truth_of_log - 0.05
    for seed in range(5):
        candidate = _of(WORSE, seed=seed)
        low, incumbent = candidate.estimates["dr"].low, _earned(candidate)
        with pytest.raises(
            QualityRefused, match=rf"the lower bound of dr, {low:.5f}, .* the incumbent's {incumbent:.5f}"
        ):
            require_promotion(candidate, incumbent)


def test_a_policy_that_is_no_better_is_hardly_ever_promoted() -> None:
    promoted = 0
    for seed in range(60):
        candidate = _of(ALIKE, n=1_000, seed=seed)
        promoted += check_promotion(candidate, ALIKE.truth).is_promoted
    assert promoted <= 4, "each with a chance of about one in forty"


def test_any_estimator_may_be_asked() -> None:
    better, worse = _of(BETTER, n=20_000), _of(WORSE, n=20_000)
    for name in better.estimates:
        assert check_promotion(better, _earned(better), Rule(estimator=name)).is_promoted
        assert not check_promotion(worse, _earned(worse), Rule(estimator=name)).is_promoted


def test_broken_propensities_are_refused_by_diagnosis_though_the_estimate_looks_better() -> None:
    log = BETTER.log(5_000, seed=1)
    candidate = _evaluation(replace(log, propensities=log.propensities / 3), BETTER)
    verdict = check_promotion(candidate, _earned(candidate), Rule(estimator="ips"))
    assert verdict.candidate_low > verdict.incumbent, "by its estimate alone it would serve"
    assert len(verdict.reasons) == 2
    with pytest.raises(QualityRefused, match=r"weights have the mean 3.0.*arms were not drawn as often as logged"):
        require_promotion(candidate, _earned(candidate))


def test_a_policy_of_arms_that_nobody_drew_is_refused() -> None:
    log = BETTER.log(5_000, seed=1)
    most = int(np.bincount(log.chosen, minlength=10).argmax())
    candidate = _evaluation(log.take(log.chosen != most), BETTER)
    assert any("never drew there" in reason for reason in check_promotion(candidate, 0.0).reasons)


def test_too_few_effective_samples_are_refused() -> None:
    candidate = _of(BETTER, n=600)
    [reason] = check_promotion(candidate, 0.0).reasons
    assert reason == f"{candidate.effective_samples:.0f} effective samples, 500 are needed"
    assert check_promotion(candidate, 0.0, Rule(effective_samples=100)).is_promoted


def test_a_margin_has_to_be_beaten_too() -> None:
    candidate = _of(BETTER)
    low, incumbent = candidate.estimates["dr"].low, _earned(candidate)
    assert check_promotion(candidate, incumbent, Rule(margin=(low - incumbent) * 0.99)).is_promoted
    [reason] = check_promotion(candidate, incumbent, Rule(margin=low - incumbent + 1e-6)).reasons
    assert f"by {low - incumbent + 1e-6:.5f}" in reason


def test_an_estimator_that_is_none_is_wrong_use() -> None:
    with pytest.raises(InvalidRequest, match="known: ips, clipped_ips, snips, dr, switch_dr"):
        check_promotion(_of(BETTER, n=500), 0.0, Rule(estimator="crystal_ball"))
