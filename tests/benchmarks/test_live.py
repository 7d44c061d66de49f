"""Worker times read from the metrics server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prometheus_client import start_http_server

from alphaads_pipelines.nlp.base import Options
from alphaads_pipelines.nlp.neural import NeuralScorer
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import BATCH_SECONDS, REGISTRY
from benchmarks.live import MODEL, free_port, worker_seconds
from tests.nlp.packages import NEEDS_TRAINING
from tests.nlp.tiny_artifact import save_artifact


@NEEDS_TRAINING
def test_seconds_of_the_stages_and_of_the_network_are_told_apart(settings: Settings, tmp_path: Path) -> None:
    scorer = NeuralScorer(Options(artifact=save_artifact(tmp_path / "tiny"), threads=1))
    port = free_port()
    server, thread = start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
    try:
        at = settings.model_copy(update={"metrics_port": port})
        BATCH_SECONDS.labels("score").observe(0.0)
        before = worker_seconds(at)
        scorer.score(["I love this phone"])
        BATCH_SECONDS.labels("score").observe(2.5)
        after = worker_seconds(at)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert after["score"] - before["score"] == pytest.approx(2.5)
    assert np.isfinite(after[MODEL])
    assert 0 < after[MODEL] - before[MODEL] < 60
