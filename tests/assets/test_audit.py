"""The audit log under Dagster: checked every few minutes, signed every hour."""

from __future__ import annotations

from dagster import AssetCheckKey, AssetKey, DagsterInstance
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from alphaads_pipelines.runtime.in_process import InProcess
from assets.audit import AUDIT_CHAIN
from resources import names
from tests.audit.audits import change_lines, subject, write

PASSED, FAILED = AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED


def _execute(jobs: InProcess, job: str) -> None:
    definition = jobs.definitions.get_repository_def().get_job(job)
    assert definition.execute_in_process(instance=jobs.instance, raise_on_error=False).success


def _status(instance: DagsterInstance) -> AssetCheckExecutionRecordStatus:
    key = AssetCheckKey(AssetKey("published"), AUDIT_CHAIN)
    [record] = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return record.status


def test_the_log_is_signed_by_maintenance_and_checked_with_the_ledger(jobs: InProcess) -> None:
    wiring = jobs.wiring
    for each in range(3):
        write(wiring.audit, subject(each))
    assert wiring.rights.audit_verifier.verify().uncovered == 3
    _execute(jobs, names.MAINTENANCE)
    assert wiring.rights.audit_verifier.verify().uncovered == 0
    write(wiring.audit, subject(4))
    _execute(jobs, names.INTEGRITY)
    assert _status(jobs.instance) is PASSED
    [chain] = wiring.settings.audit_path.glob("*.jsonl")
    change_lines(chain, lambda lines: [lines[0], *lines[2:]])
    _execute(jobs, names.INTEGRITY)
    assert _status(jobs.instance) is FAILED
