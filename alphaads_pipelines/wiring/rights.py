"""Wiring of the room `rights`: its domain objects, each built on first use from those of a `Wiring`."""

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
    """What people may ask for, and what proves it, in one process."""

    def __init__(self, wiring: CoreWiring) -> None:
        self._wiring = wiring

    @cached_property
    def rights_requests(self) -> RightsRequests:
        """Requests of people, and how far each came."""
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
        """Where people's data lies, for erasures."""
        from alphaads_pipelines.rights.erasure.base import ErasedStores

        return ErasedStores(self._wiring, self.key_backups, self._wiring.settings.dagster_database_url)

    @cached_property
    def receipt_signer(self) -> Signer:
        """Signs receipts of erasures."""
        from alphaads_pipelines.rights.erasure.receipts import Signer

        return Signer(self._wiring.master_keys.signing)

    @cached_property
    def erasure_journal(self) -> ErasureJournal:
        """Who was erased, kept outside the stores and their backups."""
        from alphaads_pipelines.rights.erasure.journal import ErasureJournal

        return ErasureJournal(self._wiring.settings.erasure_journal_path, self._wiring.pseudonyms)

    @cached_property
    def key_backups(self) -> KeyBackups:
        """Backups of the wrapped data keys."""
        from alphaads_pipelines.rights.backups.key_backups import KeyBackups

        return KeyBackups(self._wiring.settings.key_backups_path, timedelta(days=self._wiring.settings.key_backup_days))

    @cached_property
    def sources(self) -> Sources:
        """Where people's data lies, for exports."""
        from alphaads_pipelines.rights.access.data_map import Sources

        return Sources(self._wiring, self.access_log.about)

    @cached_property
    def audit_keys(self) -> AuditKeys:
        """Keys that chain the audit log and hide whom it is about."""
        from alphaads_pipelines.audit.entries import AuditKeys

        return AuditKeys.derive(self._wiring.master_keys.audit)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Signed heads of the audit log, kept apart from it."""
        from alphaads_pipelines.audit.checkpoints import Checkpoints

        return Checkpoints(
            self._wiring.settings.checkpoints_file, self._wiring.master_keys.signing, self._wiring.engine
        )

    @property
    def audit_verifier(self) -> Verifier:
        """Reads the audit log and judges whether it is as it was written."""
        from alphaads_pipelines.audit.verification import Verifier

        return Verifier(self._wiring.settings.audit_path, self.audit_keys, self.checkpoints)

    @property
    def audit_upkeep(self) -> AuditMaintenance:
        """Signs checkpoints of the audit log and removes what is too old."""
        from alphaads_pipelines.audit.maintenance import AuditMaintenance

        keep = timedelta(days=self._wiring.settings.audit_retention_days)
        return AuditMaintenance(self._wiring.settings.audit_path, self.audit_verifier, self.checkpoints, keep)

    @property
    def access_log(self) -> AccessLog:
        """Who touched whose data, for people and exports."""
        from alphaads_pipelines.audit.access_log import AccessLog

        return AccessLog(self.audit_verifier, self.audit_keys, self._wiring.lake)
