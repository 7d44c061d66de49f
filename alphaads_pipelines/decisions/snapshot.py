"""The snapshot: published data in memory, replaced atomically.

Readers hold one immutable `Snapshot`. A thread polls the published pointers, reads the profiles changed since (after a
longer gap whole shards), and swaps the reference. Each part is read in one transaction: a shard's profiles and pointer,
campaigns with creatives, policies with roles. Permissions are not included (permissions.py). Budgets are, only to skip
exhausted campaigns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.bandits.policy_store import Policies, read_policies
from alphaads_pipelines.campaigns.campaign_changes import ADVERTISING
from alphaads_pipelines.decisions.budget.pacing import BudgetView, Spending, has_budget
from alphaads_pipelines.decisions.budget.reservations import read_spending
from alphaads_pipelines.decisions.catalogue import Catalogue, read_catalogue
from alphaads_pipelines.decisions.change_marker import read_change_marker
from alphaads_pipelines.decisions.eligibility import EligibilityIndex
from alphaads_pipelines.decisions.routing import policies_asked_for
from alphaads_pipelines.errors import StaleData, TransientError
from alphaads_pipelines.profiles.segments import DOCUMENT as SEGMENTS
from alphaads_pipelines.profiles.segments import Segmentation, from_document, no_segments
from alphaads_pipelines.profiles.state import ProfileState, combine, decode
from alphaads_pipelines.stores.live_profiles import changed_profiles, whole_shards
from alphaads_pipelines.stores.sql.documents import document_version_in
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table
from alphaads_pipelines.telemetry import DATA_AGE_SECONDS, get_logger

_PUBLISHED, _GENERATION = sql_table("published"), sql_table("key_generation")
_DOCUMENTS = sql_table("published_documents")
_POINTERS = sa.select(_PUBLISHED.c.shard, _PUBLISHED.c.publish_seq, _PUBLISHED.c.listed_after)
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data that decisions are made from.

    Attributes
    ----------
    profiles: shard -> subject id -> encoded state. pointers: shard -> its publication.
    budget_view: spending as of the last poll.
    complete_until: everything taken in before is included; None before the first publication.
    key_generation: number of key destructions; people erased since then must not be served.
    """

    profiles: Mapping[int, Mapping[str, bytes]] = field(default_factory=dict)
    pointers: Mapping[int, int] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=Catalogue)
    catalogue_version: int = 0
    eligibility_index: EligibilityIndex = field(default_factory=lambda: EligibilityIndex.of({}, ()))
    budget_view: BudgetView = field(default_factory=lambda: BudgetView({}))
    policies: Policies = field(default_factory=Policies)
    segmentation: Segmentation = field(default_factory=no_segments)
    segmentation_version: int = 0
    complete_until: datetime | None = None
    key_generation: int = 0

    @property
    def version(self) -> str:
        """Newest publication, catalogue edit, and policies."""
        return f"p{max(self.pointers.values(), default=0)}.c{self.catalogue_version}.b{self.policies.version}"

    def state_of(self, subject_id: str) -> bytes | None:
        """The subject's encoded state, or None."""
        for subjects in self.profiles.values():
            if (state := subjects.get(subject_id)) is not None:
                return state
        return None

    def publish_seq_of(self, subject_ids: Iterable[str]) -> int:
        """The newest publication of these subjects' states, or 0."""
        newest = 0
        for each in subject_ids:
            for shard, held in self.profiles.items():
                if each in held:
                    newest = max(newest, self.pointers.get(shard, 0))
        return newest

    def combined_state(self, subject_ids: Iterable[str]) -> ProfileState | None:
        """The combined state of linked subjects, or None. Raises SchemaMismatch."""
        found = [decode(state) for each in subject_ids if (state := self.state_of(each)) is not None]
        return reduce(combine, found) if found else None

    def age_s(self, now: datetime) -> float:
        """Seconds since the data was complete. Raises StaleData before the first publication."""
        if self.complete_until is None:
            raise StaleData("nothing is published yet; run the pipeline first")
        return max(0.0, (now - self.complete_until).total_seconds())

    def check_age(self, now: datetime, most_s: float) -> float:
        """The age, if it is at most `most_s`. Raises StaleData."""
        age = self.age_s(now)
        if age > most_s:
            raise StaleData(f"the published data is {age:.0f} s old; more than {most_s:.0f} s is not served")
        return age


class _Pointer(NamedTuple):
    """A shard's publication, and how far back its changes are listed."""

    shard: int
    publish_seq: int
    listed_after: int | None


class SnapshotReader:
    """Keeps a snapshot current in a thread: `start`, use `current`, `stop`. Thread-safe.

    Parameters
    ----------
    poll_s: seconds between polls. with_samples: whether to serve the sample campaigns.
    """

    def __init__(
        self, engine: Engine, poll_s: float = 0.2, consumer: str = "posts", *, with_samples: bool = True
    ) -> None:
        self._engine, self._poll_s, self._consumer = engine, poll_s, consumer
        self._with_samples = with_samples
        self._snapshot = Snapshot()
        self._marks: object = None
        self._refresh_lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)

    @property
    def current(self) -> Snapshot:
        """The newest snapshot; keep one reference per answer."""
        return self._snapshot

    def start(self) -> None:
        """Start polling; an outage only ages the snapshot."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Poll once, and swap the snapshot if anything changed. Raises StoreUnavailable."""
        with self._refresh_lock:  # keeps the marks and the snapshot consistent
            found, seen = self._snapshot, read_change_marker(self._engine, self._consumer)
            if seen.marks != self._marks:
                with reading(self._engine) as connection:
                    found = self._next(connection)
            budget_view = BudgetView(_spending(self._engine, found.catalogue))
            self._snapshot = replace(found, budget_view=budget_view, complete_until=seen.complete_until)
            self._marks = seen.marks  # later changes are found by the next poll

    def _run(self) -> None:
        while True:
            try:
                self.refresh()
            except TransientError as error:
                _log.warning("snapshot not refreshed", error=error.code)
            except Exception as error:  # noqa: BLE001 - the thread must survive a failed poll
                _log.error("snapshot not refreshed", error=type(error).__name__)
            self._note_age()
            if self._stopping.wait(self._poll_s):
                return

    def _note_age(self) -> None:
        if self._snapshot.complete_until is not None:
            DATA_AGE_SECONDS.set(self._snapshot.age_s(datetime.now(UTC)))

    def _next(self, connection: Connection) -> Snapshot:
        old = self._snapshot
        generation = connection.execute(sa.select(_GENERATION.c.generation)).scalar() or 0
        # After an erasure every profile is read again, so that no trace of it remains.
        seen = old if generation == old.key_generation else Snapshot()
        published = [_Pointer(*row) for row in connection.execute(_POINTERS).tuples()]
        advertised = self._advertised(connection, old)
        return replace(
            advertised,
            profiles={**seen.profiles, **self._profiles(connection, published, seen)},
            pointers={row.shard: row.publish_seq for row in published},
            policies=read_policies(connection, old.policies, also=policies_asked_for(advertised.catalogue)),
            key_generation=generation,
        )

    def _profiles(
        self, connection: Connection, published: Sequence[_Pointer], old: Snapshot
    ) -> Mapping[int, Mapping[str, bytes]]:
        """Changed shards; whole where the list of changes is too short."""
        seen = {row.shard: old.pointers.get(row.shard, 0) for row in published}
        moved = [row for row in published if seen[row.shard] != row.publish_seq]
        missed = [row.shard for row in moved if row.listed_after is None or seen[row.shard] < row.listed_after]
        profiles = whole_shards(connection, missed) if missed else {}
        for shard in [row.shard for row in moved if row.shard not in profiles]:
            changed = changed_profiles(connection, shard, seen[shard])
            profiles[shard] = {**old.profiles.get(shard, {}), **changed}
        return profiles

    def _advertised(self, connection: Connection, old: Snapshot) -> Snapshot:
        """`old` with the current catalogue and segments; unchanged ones stay identical."""
        found = old
        if (version := document_version_in(connection, ADVERTISING)) != old.catalogue_version:
            catalogue = read_catalogue(connection, with_samples=self._with_samples)
            index = EligibilityIndex.of(catalogue.campaigns, catalogue.creatives)
            found = replace(found, catalogue=catalogue, catalogue_version=version, eligibility_index=index)
        if (version := document_version_in(connection, SEGMENTS)) != old.segmentation_version:
            document = select_in(connection, _DOCUMENTS.name, "name", [SEGMENTS], ["document"])[0].document
            found = replace(found, segmentation=from_document(document), segmentation_version=version)
        return found


def _spending(engine: Engine, catalogue: Catalogue) -> Mapping[str, Spending]:
    kept = [campaign_id for campaign_id, each in catalogue.campaigns.items() if has_budget(each)]
    return read_spending(engine, kept, datetime.now(UTC).date()) if kept else {}
