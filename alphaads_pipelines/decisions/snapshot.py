"""The snapshot: what was last published, in memory, swapped without a pause.

Readers hold one immutable `Snapshot`. A thread polls the published pointers and, when some moved, reads only the
profiles that changed behind them and swaps the reference; who was away for longer than changes are listed reads whole
shards. A shard's profiles and pointer are read in one transaction, so a reader never sees half of a batch. So are
campaigns with their creatives, and policies with who of them decides. What a person allows is not in it: that is asked
anew (permissions.py); what campaigns spent is, and only keeps hopeless ones from being drawn (reservations.py).
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
    """What decisions are made from.

    Attributes
    ----------
    profiles: shard -> subject id -> state bytes.
    pointers: shard -> publication that the shard is seen at.
    catalogue: campaigns, approved creatives, experiments; catalogue_version: edits of them.
    eligibility_index: the same, laid out for decisions.
    budget_view: what campaigns used, as of the last look.
    policies: who decides, ready to.
    segmentation: the behavioural segments; segmentation_version: of their document.
    complete_until: everything that intake saw before is in here; None before anything was published.
    key_generation: how often keys had been destroyed; people erased since then must not be served on.
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
        """Names what was served: newest publication, edit of the catalogue, and policies."""
        return f"p{max(self.pointers.values(), default=0)}.c{self.catalogue_version}.b{self.policies.version}"

    def state_of(self, subject_id: str) -> bytes | None:
        """The subject's state, or None."""
        for subjects in self.profiles.values():
            if (state := subjects.get(subject_id)) is not None:
                return state
        return None

    def publish_seq_of(self, subject_ids: Iterable[str]) -> int:
        """The newest publication at which the states of these subjects are seen; 0 where none has one."""
        newest = 0
        for each in subject_ids:
            for shard, held in self.profiles.items():
                if each in held:
                    newest = max(newest, self.pointers.get(shard, 0))
        return newest

    def state_together(self, subject_ids: Iterable[str]) -> ProfileState | None:
        """The states of linked subjects as one, or None where none of them has one. Raises SchemaMismatch."""
        found = [decode(state) for each in subject_ids if (state := self.state_of(each)) is not None]
        return reduce(combine, found) if found else None

    def age_s(self, now: datetime) -> float:
        """Seconds since everything was complete. Raises StaleData before anything was published."""
        if self.complete_until is None:
            raise StaleData("nothing is published yet; run the pipeline first")
        return max(0.0, (now - self.complete_until).total_seconds())

    def check_age(self, now: datetime, most_s: float) -> float:
        """The age, if it may be served. Raises StaleData."""
        age = self.age_s(now)
        if age > most_s:
            raise StaleData(f"the published data is {age:.0f} s old; more than {most_s:.0f} s is not served")
        return age


class _Pointer(NamedTuple):
    """Publication that a shard is at, and the one after which its changes are listed."""

    shard: int
    publish_seq: int
    listed_after: int | None


class SnapshotReader:
    """Keeps a snapshot current in a thread. `start`, use `current`, `stop`. Thread-safe.

    Parameters
    ----------
    engine: the relational store.
    poll_s: seconds between looks.
    with_samples: whether the sample campaigns may be offered.
    """

    def __init__(
        self, engine: Engine, poll_s: float = 0.2, consumer: str = "posts", *, with_samples: bool = True
    ) -> None:
        self._engine, self._poll_s, self._consumer = engine, poll_s, consumer
        self._with_samples = with_samples
        self._snapshot = Snapshot()
        self._marks: object = None
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)

    @property
    def current(self) -> Snapshot:
        """The newest snapshot; hold on to it for as long as one answer takes."""
        return self._snapshot

    def start(self) -> None:
        """Begin to poll; a store that is away is no error, the snapshot just ages."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Look once, and swap the snapshot if anything moved. Raises StoreUnavailable."""
        with self._turn:  # what was seen and what is held go together
            found, seen = self._snapshot, read_change_marker(self._engine, self._consumer)
            if seen.marks != self._marks:
                with reading(self._engine) as connection:
                    found = self._next(connection)
            budget_view = BudgetView(_spending(self._engine, found.catalogue))
            self._snapshot = replace(found, budget_view=budget_view, complete_until=seen.complete_until)
            self._marks = seen.marks  # what moved after them is looked for again

    def _run(self) -> None:
        while True:
            try:
                self.refresh()
            except TransientError as error:
                _log.warning("snapshot not refreshed", error=error.code)
            except Exception as error:  # noqa: BLE001 - the thread must outlive any one bad look
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
        # Whoever was erased since the last look leaves no trace: every profile is read anew.
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
        """The shards that moved; whole, where the list of changes begins later than what was seen."""
        seen = {row.shard: old.pointers.get(row.shard, 0) for row in published}
        moved = [row for row in published if seen[row.shard] != row.publish_seq]
        missed = [row.shard for row in moved if row.listed_after is None or seen[row.shard] < row.listed_after]
        profiles = whole_shards(connection, missed) if missed else {}
        for shard in [row.shard for row in moved if row.shard not in profiles]:
            changed = changed_profiles(connection, shard, seen[shard])
            profiles[shard] = {**old.profiles.get(shard, {}), **changed}
        return profiles

    def _advertised(self, connection: Connection, old: Snapshot) -> Snapshot:
        """`old` with the catalogue and the segments of now; those that did not move are the same objects."""
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
    """What campaigns used whose budget is kept."""
    kept = [campaign_id for campaign_id, each in catalogue.campaigns.items() if has_budget(each)]
    return read_spending(engine, kept, datetime.now(UTC).date()) if kept else {}
