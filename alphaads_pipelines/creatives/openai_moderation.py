"""OpenAI's moderation as a classifier of ad texts."""

from __future__ import annotations

from typing import Any
from weakref import finalize

from alphaads_pipelines.creatives.moderation import Opinion
from alphaads_pipelines.creatives.openai import PUBLIC_URL
from alphaads_pipelines.creatives.provider_client import NoAnswer, call_provider, load_client
from alphaads_pipelines.errors import ConfigurationError


class OpenAIModeration:
    """Refuses flagged texts; any other response than "not flagged" is an error, and so a refusal.

    Raises
    ------
    ConfigurationError: no key. MissingArtifact: no official client.
    """

    def __init__(
        self,
        api_key: str | None,
        *,
        model: str = "omni-moderation-latest",
        base_url: str | None = None,
        limit_s: float = 8.0,
    ) -> None:
        if not api_key:
            raise ConfigurationError("moderation by OpenAI needs OPENAI_API_KEY")
        self._model, self._limit_s = model, limit_s
        self._package = load_client("openai")
        client = self._package.OpenAI(api_key=api_key, base_url=base_url or PUBLIC_URL, max_retries=1)
        self._moderations: Any = client.moderations  # a lazy import, not timed
        finalize(self, client.close)

    def __call__(self, text: str) -> Opinion:
        """Classify a text. Raises NoAnswer or ConfigurationError, which refuse it."""
        return call_provider(self._package, lambda: self._moderate(text), self._limit_s)

    def _moderate(self, text: str) -> Opinion:
        response = self._moderations.create(input=text, model=self._model, timeout=self._limit_s)
        [result] = response.results
        if result.flagged is False:
            return Opinion()
        if result.flagged is not True:
            raise NoAnswer("malformed")
        categories = result.categories.to_dict(use_api_names=True) if result.categories else {}
        flagged = sorted(name for name, is_flagged in categories.items() if is_flagged is True)
        return Opinion(("provider_flagged", *(f"provider_{name}" for name in flagged)))
