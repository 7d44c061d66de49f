"""Off-policy evaluation of learning policies, and promotion of the best."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import AssetCheckResult, AssetCheckSpec, AssetExecutionContext, MaterializeResult, ResourceParam, asset

from alphaads_pipelines.errors import QualityRefused
from alphaads_pipelines.schema.tables import BANDIT_POLICY
from alphaads_pipelines.wiring.app import Wiring
from assets.advertising import GROUP
from assets.reporting import markdown_table

if TYPE_CHECKING:
    from alphaads_pipelines.bandits.candidate_evaluation import CandidateReport

POLICY_EVALUATION, SERVED_POLICY = "policy_evaluation", "served_policy"
A_BETTER_ONE = "a_better_one"
_DOC = (
    "A policy earns more than the serving one, by the lower bound of its doubly robust estimate, with enough effective "
    "samples and bounded weights; else nothing is promoted."
)


@asset(
    name=POLICY_EVALUATION,
    description="Off-policy estimates of the learning policies, from the decisions of the serving one.",
    group_name=GROUP,
    kinds={"sql", "numpy"},
    deps=[BANDIT_POLICY.name],
    check_specs=[AssetCheckSpec(A_BETTER_ONE, asset=POLICY_EVALUATION, blocking=True, description=_DOC)],
)
def policy_evaluation(wiring: ResourceParam[Wiring]) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Evaluate every candidate on held-out decisions."""
    from alphaads_pipelines.bandits.candidate_evaluation import best_candidate

    judged = _judged(wiring)
    rows = [_row(each) for each in judged.values()]
    header = ("policy", "version", "decisions", "effective", "low", "value", "high", "incumbent", "")
    yield MaterializeResult(metadata={"candidates": len(judged), "judged": markdown_table(header, rows)})
    best = best_candidate(judged)
    reasons = [(each.policy, reason) for each in judged.values() for reason in each.reasons]
    why_not = markdown_table(("policy", "why not"), reasons)
    passed = best is not None
    yield AssetCheckResult(
        check_name=A_BETTER_ONE, passed=passed, metadata={"best": best or "none", "reasons": why_not}
    )


@asset(
    name=SERVED_POLICY,
    description="The policy that decides, from the next answer on.",
    group_name=GROUP,
    deps=[POLICY_EVALUATION],
)
def served_policy(context: AssetExecutionContext, wiring: ResourceParam[Wiring]) -> MaterializeResult[None]:
    """Promote the best candidate, evaluated again because this asset may run alone."""
    from alphaads_pipelines.bandits.candidate_evaluation import best_candidate, promote

    best = best_candidate(_judged(wiring))
    if best is None:
        raise QualityRefused("no policy is shown to be better than the one that serves")
    judgement, roles = promote(wiring.engine, best, f"run:{context.run.run_id}", datetime.now(UTC))
    before = roles.previous.policy if roles.previous is not None else "none"
    figures = markdown_table(("figure", "value"), judgement.figures.items())
    return MaterializeResult(metadata={"serves": roles.serving.policy, "before": before, "figures": figures})


def _judged(wiring: Wiring) -> "dict[str, CandidateReport]":
    from alphaads_pipelines.bandits.candidate_evaluation import evaluate_all
    from alphaads_pipelines.bandits.policy_store import read_roles
    from alphaads_pipelines.wiring.policies import teaching

    _, roles = read_roles(wiring.engine)
    names = [*teaching(wiring.settings).policies, *roles.names]
    return evaluate_all(wiring.engine, names, datetime.now(UTC))


def _row(judgement: "CandidateReport") -> tuple[object, ...]:
    figures = judgement.figures
    numbers = [figures.get(name) for name in ("effective_samples", "low", "value", "high", "incumbent_earned")]
    shown = ["" if number is None else f"{number:,.4g}" for number in numbers]
    return (judgement.policy, judgement.version, judgement.records, *shown, "better" if judgement.is_better else "")
