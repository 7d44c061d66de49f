"""The audit log: recording the data access of runs, and checking the chains."""

from collections.abc import Callable, Collection

from dagster import AssetCheckResult, AssetExecutionContext, ResourceParam, asset_check

from alphaads_pipelines.schema.tables import PUBLISHED
from alphaads_pipelines.wiring.app import Wiring
from assets.reporting import markdown_table

AUDIT_CHAIN = "audit_chain"


def recorder(
    context: AssetExecutionContext, wiring: Wiring, *, action: str, purpose: str, resource: str
) -> Callable[[Collection[str]], None]:
    """A callback that records this run's access to the data of subjects; see `AuditLog.record`."""

    def note(subjects: Collection[str]) -> None:
        actor = f"run:{context.run.run_id}"
        wiring.audit.record(action=action, purpose=purpose, actor=actor, resource=resource, subjects=subjects)

    return note


@asset_check(
    name=AUDIT_CHAIN,
    asset=PUBLISHED.name,
    description="Audit entries since the last checkpoint, and all checkpoints, are unchanged; "
    "`alphaads audit verify` reads the whole log.",
)
def audit_chain(wiring: ResourceParam[Wiring]) -> AssetCheckResult:
    """Verify chains with new entries, and all checkpoints."""
    verdict = wiring.rights.audit_verifier.verify(only_new=True)
    rows = [(each.kind, each.where, each.place) for each in verdict.problems]
    return AssetCheckResult(
        passed=not verdict.problems,
        metadata={
            "problems": markdown_table(("what", "where", "place"), rows),
            "chains_read": verdict.chains,
            "entries_read": verdict.entries,
            "checkpoints": verdict.checkpoints,
            "entries_without_checkpoint": verdict.uncovered,
        },
    )
