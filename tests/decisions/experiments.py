"""Experiments that ran on decisions: people placed by their hash, and what was heard of them, learned the usual way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import numpy as np
from sqlalchemy import Engine

from alphaads_pipelines.experiments.assignment import Assigner
from alphaads_pipelines.experiments.store import NewExperiment, StoredExperiment, create_experiment, start_experiment
from tests.pipeline.loop import DECISIONS, EVENTS, Loop, decision, of_event
from tests.stores.subjects.people import make_subjects

SALT = b"0123456789abcdef"
HALVES = NewExperiment(
    name="Context", shares={"control": 5_000, "linear": 5_000}, treatments={"control": None, "linear": "linucb"}
)


def started(engine: Engine, at: datetime, tenant: str = "acme", new: NewExperiment = HALVES) -> StoredExperiment:
    """An experiment that runs since a time."""
    drafted = create_experiment(engine, tenant, new, policies=["linucb"], now=at)
    return start_experiment(engine, tenant, drafted.experiment_id, at)


def arms_of(experiment: StoredExperiment, subjects: list[str]) -> dict[str, str]:
    """Subject -> arm, of all who take part; as of an experiment whose id is the same each time."""
    named = msgspec.structs.replace(experiment, experiment_id="e1")
    assigner = Assigner(SALT, [named.assignment])
    found = {each: assigner.arm("e1", each) for each in subjects}
    return {each: arm for each, arm in found.items() if arm is not None}


def ran(
    loop: Loop,
    experiment: StoredExperiment,
    clicks: Mapping[str, float],
    people: int,
    *,
    begin: datetime,
    seed: int = 1,
) -> list[str]:
    """Everybody gets a decision, a minute after the one before, and another an hour later; some click the first one.

    Parameters
    ----------
    clicks: arm -> share of its people who click.
    """
    subjects = make_subjects(loop.engine, *["x"] * people)
    rng, told, heard = np.random.default_rng(seed), [], []
    for number, (subject, arm) in enumerate(arms_of(experiment, subjects).items()):
        at, placed = begin + timedelta(minutes=number), {experiment.experiment_id: arm}
        for again in (0, 1):
            made = at + timedelta(hours=again)
            more = {"subject_id": subject, "tenant": experiment.tenant, "experiments": placed}
            told.append(decision(f"{experiment.experiment_id[:6]}-{number}-{again}", at=made, **more))
        if rng.random() < clicks[arm]:
            heard.append(of_event(told[-2]["decision_id"], "click", at + timedelta(seconds=20)))
    loop.tell(DECISIONS, *told)
    loop.tell(EVENTS, *heard)
    loop.learn(begin + timedelta(minutes=people, hours=2))
    return subjects
