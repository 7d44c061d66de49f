"""Wiring of `rights` and `audit`, each object built on first use."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphaads_pipelines.audit.access_log import AccessLog
    from alphaads_pipelines.audit.checkpoints import Checkpoints
    from alphaads_pipelines.audit.entries import AuditKeys
    from alphaads_pipelines.audit.maintenance import AuditMaintenance
    from alphaads_pipelines.audit.verification import Verifier
    from alphaads_pipelines.rights.access.data_map import Sources
    from alphaads_pipelines.rights.backups.key_backups import KeyBackups
    from alphaads_pipelines.rights.erasure.base import ErasedStores
    from alphaads_pipelines.rights.erasure.erasure import Erasure
    from alphaads_pipelines.rights.erasure.journal import ErasureJournal
    from alphaads_pipelines.rights.erasure.receipts import Signer
    from alphaads_pipelines.rights.requests import RightsRequests
    from alphaads_pipelines.wiring.core import CoreWiring


class RightsWiring:
    """Data subjects' rights and their proofs, in one process."""

    def __init__(self, wiring: CoreWiring) -> None:
        self._wiring = wiring

    @cached_property
    def rights_requests(self) -> RightsRequests:
        """Data subjects' requests and their progress."""
        from alphaads_pipelines.rights.requests import RightsRequests

        return RightsRequests(self._wiring.engine)

    @cached_property
    def erasure(self) -> Erasure:
        """Erases people, with a receipt."""
        from alphaads_pipelines.rights.erasure.erasure import Erasure, ErasureTools
        from alphaads_pipelines.rights.erasure.sealed_subjects import SealedSubjects

        return Erasure(
            ErasureTools(
                ports=self._wiring,
                journal=self.erasure_journal,
                requests=self.rights_requests,
                sealed=SealedSubjects(self._wiring.master_keys.suppression),
                signer=self.receipt_signer,
                stores=self.erased_stores,
            )
        )

    @cached_property
    def erased_stores(self) -> ErasedStores:
        """The stores that an erasure covers."""
        from alphaads_pipelines.rights.erasure.base import ErasedStores

        return ErasedStores(self._wiring, self.key_backups, self._wiring.settings.dagster_database_url)

    @cached_property
    def receipt_signer(self) -> Signer:
        """Signs erasure receipts."""
        from alphaads_pipelines.rights.erasure.receipts import Signer

        return Signer(self._wiring.master_keys.signing)

    @cached_property
    def erasure_journal(self) -> ErasureJournal:
        """The erased people, recorded outside the stores and their backups."""
        from alphaads_pipelines.rights.erasure.journal import ErasureJournal

        return ErasureJournal(self._wiring.settings.erasure_journal_path, self._wiring.pseudonyms)

    @cached_property
    def key_backups(self) -> KeyBackups:
        """Backups of the wrapped data keys."""
        from alphaads_pipelines.rights.backups.key_backups import KeyBackups

        return KeyBackups(self._wiring.settings.key_backups_path, timedelta(days=self._wiring.settings.key_backup_days))

    @cached_property
    def sources(self) -> Sources:
        """The stores that an export covers."""
        from alphaads_pipelines.rights.access.data_map import Sources

        return Sources(self._wiring, self.access_log.about)

    @cached_property
    def audit_keys(self) -> AuditKeys:
        """Keys that chain the audit log and pseudonymise its subjects."""
        from alphaads_pipelines.audit.entries import AuditKeys

        return AuditKeys.derive(self._wiring.master_keys.audit)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Signed heads of the audit log, stored apart from it."""
        from alphaads_pipelines.audit.checkpoints import Checkpoints

        return Checkpoints(
            self._wiring.settings.checkpoints_file, self._wiring.master_keys.signing, self._wiring.engine
        )

    @property
    def audit_verifier(self) -> Verifier:
        """Verifies the integrity of the audit log."""
        from alphaads_pipelines.audit.verification import Verifier

        return Verifier(self._wiring.settings.audit_path, self.audit_keys, self.checkpoints)

    @property
    def audit_maintenance(self) -> AuditMaintenance:
        """Signs checkpoints of the audit log and removes expired chains."""
        from alphaads_pipelines.audit.maintenance import AuditMaintenance

        keep = timedelta(days=self._wiring.settings.audit_retention_days)
        return AuditMaintenance(self._wiring.settings.audit_path, self.audit_verifier, self.checkpoints, keep)

    @property
    def access_log(self) -> AccessLog:
        """Accesses to personal data, for people and exports."""
        from alphaads_pipelines.audit.access_log import AccessLog

        return AccessLog(self.audit_verifier, self.audit_keys, self._wiring.lake)
