"""The domain objects of one process, each built on first use.

Dagster resources, the API and the CLI all build a `Wiring` and pass its objects on, so that settings have one
interpretation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.core import CoreWiring
from alphaads_pipelines.wiring.models import OF_OUR_MODEL, scorer_options, trained_models

if TYPE_CHECKING:
    from alphaads_pipelines.audit.log import AuditLog
    from alphaads_pipelines.decisions.decide import Decider
    from alphaads_pipelines.ingest.batch_reader import BatchReader
    from alphaads_pipelines.ingest.intake import Intake
    from alphaads_pipelines.nlp.base import Scorer
    from alphaads_pipelines.nlp.tracked_names import CurrentGazetteer
    from alphaads_pipelines.nlp.trained_models import TrainedModels
    from alphaads_pipelines.nlp.training.recipe import Recipe
    from alphaads_pipelines.pipeline.aggregates import CurrentGroups
    from alphaads_pipelines.wiring.rights import RightsWiring


class Wiring(CoreWiring):
    """The domain objects of one process. Close after use."""

    @cached_property
    def rights(self) -> RightsWiring:
        """Export, erasure, access log, and their proofs."""
        from alphaads_pipelines.wiring.rights import RightsWiring

        return RightsWiring(self)

    @cached_property
    def audit(self) -> AuditLog:
        """The audit log: every access to personal data is recorded before it happens."""
        from alphaads_pipelines.audit.log import AuditLog

        return AuditLog(self.settings.audit_path, self.rights.audit_keys, self.rights.checkpoints)

    @cached_property
    def intake(self) -> Intake:
        """The only writer of the posts stream."""
        from alphaads_pipelines.ingest.intake import Intake
        from alphaads_pipelines.platforms.registry import PLATFORMS

        return Intake(self.stream, self.topics.posts, self.sealer, self.pseudonyms, self.suppressions, PLATFORMS)

    @cached_property
    def batch_reader(self) -> BatchReader:
        """Splits a batch's records into accepted and rejected rows."""
        from alphaads_pipelines.ingest.batch_reader import BatchReader
        from alphaads_pipelines.platforms.registry import PLATFORMS

        return BatchReader(self.stream, self.sealer, self.pseudonyms, PLATFORMS, self.engine, self.lake)

    @cached_property
    def scorer(self) -> Scorer:
        """The scorer of the configured tier; tiers of our own model follow promotions."""
        import msgspec

        from alphaads_pipelines.nlp.registry import build_scorer
        from alphaads_pipelines.nlp.serving import ServingScorer

        tier, options = self.settings.scorer_tier, scorer_options(self.settings)
        if tier not in OF_OUR_MODEL or self.settings.nlp_artifact is not None:
            return build_scorer(tier, options)

        def build(artifact: Path) -> Scorer:
            return build_scorer(tier, msgspec.structs.replace(options, artifact=artifact))

        return ServingScorer(build, self.trained_models.serving)

    @cached_property
    def trained_models(self) -> TrainedModels:
        """The models trained by this installation, and which one serves."""
        return trained_models(self.settings)

    @cached_property
    def released_groups(self) -> CurrentGroups:
        """The last released groups, from which aggregates are computed."""
        from alphaads_pipelines.pipeline.aggregates import CurrentGroups

        return CurrentGroups(self.engine)

    @cached_property
    def decider(self) -> Decider:
        """Makes the decisions of this process."""
        from alphaads_pipelines.decisions.budget.reservations import Reservations
        from alphaads_pipelines.decisions.decide import Decider

        salt = self.pseudonyms.assignment_salt()
        return Decider(Reservations(self.engine), salt, self.settings.experiment_holdout)

    @cached_property
    def recipe(self) -> Recipe:
        """The training recipe of the asset `nlp_model`."""
        from alphaads_pipelines.nlp.training.recipe import Recipe

        return Recipe(threads=self.settings.scorer_threads)

    @cached_property
    def gazetteer(self) -> CurrentGazetteer:
        """The current tracked names."""
        from alphaads_pipelines.nlp.tracked_names import CurrentGazetteer

        return CurrentGazetteer(self.engine)

    def close(self) -> None:
        """Close the objects that were built."""
        if "audit" in self.__dict__:
            self.audit.close()
        if "stream" in self.__dict__:
            self.stream.close()
        if "engine" in self.__dict__:
            self.engine.dispose()


@contextmanager
def wired(settings: Settings, kind: type[Wiring] = Wiring) -> Iterator[Wiring]:
    """Context manager: a `Wiring`, or a subclass of it, closed at the end."""
    wiring = kind(settings)
    try:
        yield wiring
    finally:
        wiring.close()
