"""Which arm of an experiment a unit (a person, a session) belongs to: a keyed hash, the same on every server and day.

Hashes are BLAKE2b, keyed with the installation's salt, of 64 bits modulo 10,000 slots. Three of them, independent
of one another, place a unit: one for the holdout, one for each layer, one for each experiment.

    holdout      a share of all units takes part in no experiment, ever
    layer        experiments of one layer share its slots, and a unit is in one of them at most
    experiment   the arms share its slots; experiments of different layers cross independently

This is the scheme of Tang, Agarwal, O'Brien and Meyer, "Overlapping Experiment Infrastructure" (KDD 2010). Which
slots an arm has is kept, not computed from shares: only so can a change of shares move no unit that need not move.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from alphaads_pipelines.errors import InvalidRequest, NotFound

SLOTS = 10_000
"""Shares are counted in ten-thousandths."""

_LEAST_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Run:
    """Slots `start` to `stop` - 1 belong to an arm."""

    arm: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which arm has which of an experiment's slots; those in no run take part in nothing. Small enough to store."""

    runs: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        end = 0
        for run in self.runs:
            if not (run.arm and end <= run.start < run.stop <= SLOTS):
                raise InvalidRequest(f"allocation: runs must be in order, apart, and within {SLOTS} slots")
            end = run.stop

    @property
    def shares(self) -> dict[str, int]:
        """arm -> share of the experiment's units, in ten-thousandths."""
        shares: dict[str, int] = {}
        for run in self.runs:
            shares[run.arm] = shares.get(run.arm, 0) + run.stop - run.start
        return shares

    def arm(self, slot: int) -> str | None:
        """The arm that has a slot."""
        return next((run.arm for run in self.runs if run.start <= slot < run.stop), None)

    def with_shares(self, shares: Mapping[str, int]) -> Allocation:
        """The allocation with other shares, that moves as few slots as is possible.

        Growing arms take slots that nobody has; only when these run out, those that shrinking arms give up. So a slot
        moves from an arm to another only where the shares leave no other way.

        Parameters
        ----------
        shares: arm -> ten-thousandths, together at most 10,000; an arm that is not named ends.

        Raises
        ------
        InvalidRequest: a share is negative, or there are more than 10,000.
        """
        if min(shares.values(), default=0) < 0 or sum(shares.values()) > SLOTS:
            raise InvalidRequest(f"shares: must be ten-thousandths, none negative, together at most {SLOTS}")
        owners = self._owners()
        free = [slot for slot, arm in enumerate(owners) if arm is None]
        had = self.shares
        for arm in had:
            surplus = had[arm] - shares.get(arm, 0)
            if surplus > 0:
                given_up = [slot for slot, owner in enumerate(owners) if owner == arm][-surplus:]
                for slot in given_up:
                    owners[slot] = None
                free += given_up
        for arm, share in shares.items():
            for _ in range(share - had.get(arm, 0)):
                owners[free.pop(0)] = arm
        return Allocation(tuple(_runs(owners)))

    def _owners(self) -> list[str | None]:
        owners: list[str | None] = [None] * SLOTS
        for run in self.runs:
            owners[run.start : run.stop] = [run.arm] * (run.stop - run.start)
        return owners


def _runs(owners: Iterable[str | None]) -> Iterable[Run]:
    start = 0
    for arm, slots in groupby(owners):
        stop = start + sum(1 for _ in slots)
        if arm is not None:
            yield Run(arm, start, stop)
        start = stop


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment's place.

    Parameters
    ----------
    experiment_id: never used twice: units would fall into the same slots again.
    layer: experiments of one layer exclude one another, those of two layers cross.
    layer_start, layer_stop: the layer's slots whose units take part, of 10,000; `layer_stop` is not among them.
    allocation: which arm has which of the experiment's own slots.
    """

    experiment_id: str
    layer: str
    layer_start: int
    layer_stop: int
    allocation: Allocation

    def __post_init__(self) -> None:
        if not (self.experiment_id and self.layer):
            raise InvalidRequest("experiment: needs an id and a layer")
        if not 0 <= self.layer_start < self.layer_stop <= SLOTS:
            raise InvalidRequest(f"experiment: its slots of the layer must be a range within {SLOTS}")


def check_apart(experiments: Iterable[Experiment]) -> dict[str, Experiment]:
    """The experiments by id, if they can run beside each other.

    Raises
    ------
    InvalidRequest: two of one layer claim the same slots, or an id comes twice.
    """
    admitted: dict[str, Experiment] = {}
    for experiment in experiments:
        if experiment.experiment_id in admitted:
            raise InvalidRequest(f"experiment {experiment.experiment_id}: there twice")
        for other in admitted.values():
            apart = other.layer_stop <= experiment.layer_start or experiment.layer_stop <= other.layer_start
            if other.layer == experiment.layer and not apart:
                raise InvalidRequest(
                    f"experiments {other.experiment_id} and {experiment.experiment_id} claim the same slots of a layer"
                )
        admitted[experiment.experiment_id] = experiment
    return admitted


class Assigner:
    """Assigns units to the arms of running experiments.

    Parameters
    ----------
    salt: 16 to 64 secret bytes of this installation; who knows them can tell a unit's arm from its id.
    holdout: share of all units that take part in nothing, in ten-thousandths; raising it only adds units.
    experiments: those that run.

    Raises
    ------
    InvalidRequest: two experiments of one layer claim the same slots, an id comes twice, or salt or share are wrong.
    """

    def __init__(self, salt: bytes, experiments: Iterable[Experiment] = (), *, holdout: int = 0) -> None:
        if not _LEAST_SALT_BYTES <= len(salt) <= hashlib.blake2b.MAX_KEY_SIZE:
            raise InvalidRequest(f"salt: must be {_LEAST_SALT_BYTES} to {hashlib.blake2b.MAX_KEY_SIZE} bytes")
        if not 0 <= holdout <= SLOTS:
            raise InvalidRequest(f"holdout: must be 0 to {SLOTS} ten-thousandths")
        self._salt, self._holdout = salt, holdout
        self._experiments = check_apart(experiments)

    def is_held_out(self, unit_id: str) -> bool:
        """Whether a unit takes part in no experiment at all."""
        return self._slot("holdout", "", unit_id) < self._holdout

    def arm(self, experiment_id: str, unit_id: str) -> str | None:
        """A unit's arm; None: it takes no part.

        Raises
        ------
        NotFound: no such experiment runs.
        """
        experiment = self._experiments.get(experiment_id)
        if experiment is None:
            raise NotFound("no such experiment runs")
        if self.is_held_out(unit_id):
            return None
        if not experiment.layer_start <= self._slot("layer", experiment.layer, unit_id) < experiment.layer_stop:
            return None
        return experiment.allocation.arm(self._slot("experiment", experiment_id, unit_id))

    def arms(self, unit_id: str) -> dict[str, str]:
        """experiment -> arm, of every experiment in which a unit takes part."""
        found = {experiment_id: self.arm(experiment_id, unit_id) for experiment_id in self._experiments}
        return {experiment_id: arm for experiment_id, arm in found.items() if arm is not None}

    def _slot(self, purpose: str, name: str, unit_id: str) -> int:
        named = name.encode()
        # The length stands before the name, so that no two pairs of name and unit are the same bytes.
        message = len(named).to_bytes(4, "big") + named + unit_id.encode()
        digest = hashlib.blake2b(message, digest_size=8, key=self._salt, person=purpose.encode()).digest()
        return int.from_bytes(digest, "big") % SLOTS
