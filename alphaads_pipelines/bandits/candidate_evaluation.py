"""Evaluate a candidate policy on the serving policy's decisions.

A policy would flatter itself on records it learned from, so the evaluated version precedes them: the newest kept
version that leaves WANTED records, or half of those available. Promotion includes later learning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Engine

from alphaads_pipelines.bandits.decision_log import closed_decisions, log_of
from alphaads_pipelines.bandits.ope.estimators import weigh
from alphaads_pipelines.bandits.ope.evaluation import Evaluation, evaluate
from alphaads_pipelines.bandits.ope.logs import Floats
from alphaads_pipelines.bandits.ope.registry_policies import RegistryPolicy
from alphaads_pipelines.bandits.policy_roles import Pin, Roles
from alphaads_pipelines.bandits.policy_store import PolicyVersion, change_roles, load_version, read_roles, versions_of
from alphaads_pipelines.bandits.promotion import Rule, check_promotion
from alphaads_pipelines.errors import InvalidRequest, QualityRefused
from alphaads_pipelines.stores.sql.relational import reading

MOST, WANTED, LEAST = 50_000, 20_000, 50
"""Records read at most, wanted, and needed."""
SETTLED = timedelta(hours=1)
"""Versions are dated to a run's start, which may have read later decisions."""
SEED = 0


class CandidateReport(msgspec.Struct, frozen=True):
    """The result of evaluating a candidate.

    Parameters
    ----------
    policy, version: as evaluated. taught_at: RFC 3339; None: untrained.
    incumbent: made the decisions.
    since, until: of the decisions; None without any.
    evaluation: None with too few records.
    reasons: against promotion, with figures.
    """

    policy: str
    version: int
    taught_at: str | None
    incumbent: str
    records: int
    since: str | None
    until: str | None
    evaluation: Evaluation | None
    reasons: list[str]

    @property
    def is_better(self) -> bool:
        """Whether it may serve."""
        return not self.reasons

    @property
    def low(self) -> float:
        """The lower bound; 0 without an evaluation."""
        return 0.0 if self.evaluation is None else self.evaluation.estimates[Rule().estimator].low

    @property
    def figures(self) -> dict[str, Any]:
        """Kept with a promotion."""
        figures: dict[str, Any] = {"version": self.version, "incumbent": self.incumbent, "records": self.records}
        if self.evaluation is None:
            return figures
        estimate = self.evaluation.estimates[Rule().estimator]
        earned = self.evaluation.diagnostics.on_policy.value
        samples = {"effective_samples": self.evaluation.effective_samples, "incumbent_earned": earned}
        return {**figures, **samples, "value": estimate.value, "low": estimate.low, "high": estimate.high}


@dataclass(frozen=True, slots=True)
class EvaluatedCandidate:
    """A report and its records' weights, newest first, shape (records,)."""

    report: CandidateReport
    weights: Floats = field(default_factory=lambda: np.empty(0))


def evaluate_candidate(
    engine: Engine, name: str, now: datetime, rule: Rule = Rule(), version: int | None = None
) -> EvaluatedCandidate:
    """Evaluate a policy, by default in the version described above.

    Raises
    ------
    NotFound: the version is not kept. ConfigurationError, MissingArtifact, SchemaMismatch: it is unreadable.
    StoreUnavailable.
    """
    _, roles = read_roles(engine)
    with reading(engine) as connection:
        rows = closed_decisions(connection, roles.serving.policy, now, MOST)
        kept = versions_of(connection, name)
        chosen = _version(kept, [row.decided_at for row in rows]) if version is None else version
        candidate = load_version(connection, Pin(name, chosen))
    records = rows if candidate.taught_at is None else [r for r in rows if r.decided_at > candidate.taught_at + SETTLED]
    if len(records) < LEAST:
        why = f"{len(records)} closed decisions of {roles.serving.policy} came after that version, {LEAST} are needed"
        return EvaluatedCandidate(_report(name, candidate, roles, records, None, [why]))
    log = log_of(records)
    weighted = weigh(log, RegistryPolicy(candidate.policy, SEED), SEED)
    evaluation = evaluate(log, weighted)
    verdict = check_promotion(evaluation, evaluation.diagnostics.on_policy.value, rule)
    return EvaluatedCandidate(_report(name, candidate, roles, records, evaluation, verdict.reasons), weighted.weights)


def _version(kept: Sequence[tuple[int, datetime]], times: Sequence[datetime]) -> int:
    """Choose a version; both arguments newest first; 0 if none."""
    if not kept:
        return 0
    wanted = min(WANTED, len(times) // 2)
    latest = times[wanted - 1] - SETTLED if wanted else None
    early = [number for number, at in kept if latest is not None and at < latest]
    return early[0] if early else kept[-1][0]


def _report(
    name: str,
    candidate: PolicyVersion,
    roles: Roles,
    records: Sequence[Any],
    evaluation: Evaluation | None,
    reasons: list[str],
) -> CandidateReport:
    return CandidateReport(
        policy=name,
        version=candidate.version,
        taught_at=None if candidate.taught_at is None else candidate.taught_at.isoformat(),
        incumbent=roles.serving.policy,
        records=len(records),
        since=records[-1].decided_at.isoformat() if records else None,
        until=records[0].decided_at.isoformat() if records else None,
        evaluation=evaluation,
        reasons=reasons,
    )


def promote(engine: Engine, name: str, by: str, now: datetime, rule: Rule = Rule()) -> tuple[CandidateReport, Roles]:
    """Let a policy serve if it is shown to be better.

    Raises
    ------
    QualityRefused: it is not, with reasons. InvalidRequest: it serves already. WriteConflict: the roles changed
        meanwhile. Else as `evaluate_candidate`.
    """
    _, roles = read_roles(engine)
    if roles.serving == Pin(name):
        raise InvalidRequest(f"{name} serves already")
    report = evaluate_candidate(engine, name, now, rule).report
    if not report.is_better:
        raise QualityRefused(f"{name} is not promoted: {'; '.join(report.reasons)}")

    def change(current: Roles) -> Roles:
        if current.serving != roles.serving:
            raise InvalidRequest("another policy serves since this one was judged; judge it anew")
        return current.promote(Pin(name), by, now, report.figures)

    return report, change_roles(engine, change, now)


def evaluate_all(
    engine: Engine, names: Sequence[str], now: datetime, rule: Rule = Rule()
) -> dict[str, CandidateReport]:
    """Evaluate policies not serving. Raises as `evaluate_candidate`."""
    _, roles = read_roles(engine)
    others = [name for name in dict.fromkeys(names) if name != roles.serving.policy]
    return {name: evaluate_candidate(engine, name, now, rule).report for name in others}


def best_candidate(reports: Mapping[str, CandidateReport]) -> str | None:
    """The candidate with the highest lower bound."""
    better = {name: each.low for name, each in reports.items() if each.is_better}
    return max(better, key=lambda name: better[name]) if better else None
