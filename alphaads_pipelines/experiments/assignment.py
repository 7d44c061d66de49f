"""Assigns units (people, sessions) to variants by keyed hashes.

A unit's three independent slots are BLAKE2b hashes, keyed with the installation's salt, of 64 bits modulo 10,000:

    holdout      a share of all units never takes part
    layer        experiments of a layer share its slots, so a unit is in at most one
    experiment   variants share its slots, independently of other layers

After Tang, Agarwal, O'Brien and Meyer, "Overlapping Experiment Infrastructure" (KDD 2010). Variants' slots are stored,
not derived from shares, so that changed shares move few units.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from alphaads_pipelines.errors import InvalidRequest, NotFound

SLOTS = 10_000
"""Shares are in ten-thousandths."""

_LEAST_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Run:
    """A variant's slots, `stop` excluded."""

    arm: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """An experiment's slots by variant, run-length encoded; other slots take no part."""

    runs: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        end = 0
        for run in self.runs:
            if not (run.arm and end <= run.start < run.stop <= SLOTS):
                raise InvalidRequest(f"allocation: runs must be in order, apart, and within {SLOTS} slots")
            end = run.stop

    @property
    def shares(self) -> dict[str, int]:
        """arm -> share in ten-thousandths."""
        shares: dict[str, int] = {}
        for run in self.runs:
            shares[run.arm] = shares.get(run.arm, 0) + run.stop - run.start
        return shares

    def arm(self, slot: int) -> str | None:
        """Look up a slot's variant."""
        return next((run.arm for run in self.runs if run.start <= slot < run.stop), None)

    def with_shares(self, shares: Mapping[str, int]) -> Allocation:
        """Reallocate with as few moves as possible: growing variants take free slots first, then released ones.

        Parameters
        ----------
        shares: arm -> ten-thousandths; unnamed variants end.

        Raises
        ------
        InvalidRequest: negative shares, or more than 10,000 in total.
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
    """An experiment's layer and slots.

    Parameters
    ----------
    experiment_id: never reused, or units would fall into the same slots.
    layer_start, layer_stop: range of the layer's 10,000 slots, end exclusive.
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
    """Index experiments by id. Raises InvalidRequest for duplicates or overlapping slots in a layer."""
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
    """Assigns units to the variants of running experiments.

    Parameters
    ----------
    salt: 16 to 64 secret bytes, which reveal variants from ids.
    holdout: in ten-thousandths; raising it only adds units.

    Raises
    ------
    InvalidRequest: invalid salt or holdout, or as in `check_apart`.
    """

    def __init__(self, salt: bytes, experiments: Iterable[Experiment] = (), *, holdout: int = 0) -> None:
        if not _LEAST_SALT_BYTES <= len(salt) <= hashlib.blake2b.MAX_KEY_SIZE:
            raise InvalidRequest(f"salt: must be {_LEAST_SALT_BYTES} to {hashlib.blake2b.MAX_KEY_SIZE} bytes")
        if not 0 <= holdout <= SLOTS:
            raise InvalidRequest(f"holdout: must be 0 to {SLOTS} ten-thousandths")
        self._salt, self._holdout = salt, holdout
        self._experiments = check_apart(experiments)

    def is_held_out(self, unit_id: str) -> bool:
        """Whether a unit is in the holdout."""
        return self._slot("holdout", "", unit_id) < self._holdout

    def arm(self, experiment_id: str, unit_id: str) -> str | None:
        """Look up a unit's variant; None if it takes no part. Raises NotFound for an unknown experiment."""
        experiment = self._experiments.get(experiment_id)
        if experiment is None:
            raise NotFound("no such experiment runs")
        if self.is_held_out(unit_id):
            return None
        if not experiment.layer_start <= self._slot("layer", experiment.layer, unit_id) < experiment.layer_stop:
            return None
        return experiment.allocation.arm(self._slot("experiment", experiment_id, unit_id))

    def arms(self, unit_id: str) -> dict[str, str]:
        """experiment -> arm of a unit."""
        found = {experiment_id: self.arm(experiment_id, unit_id) for experiment_id in self._experiments}
        return {experiment_id: arm for experiment_id, arm in found.items() if arm is not None}

    def _slot(self, purpose: str, name: str, unit_id: str) -> int:
        encoded = name.encode()
        # The length prefix prevents collisions between pairs of name and unit.
        message = len(encoded).to_bytes(4, "big") + encoded + unit_id.encode()
        digest = hashlib.blake2b(message, digest_size=8, key=self._salt, person=purpose.encode()).digest()
        return int.from_bytes(digest, "big") % SLOTS
