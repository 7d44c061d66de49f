"""Anthropic's models through its official client."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

from alphaads_pipelines.creatives.language_model import LanguageModelGenerator, ModelResponse
from alphaads_pipelines.creatives.prompt import SCHEMA

PUBLIC_URL = "https://api.anthropic.com"
_FORMAT = {"type": "json_schema", "schema": SCHEMA}


class AnthropicGenerator(LanguageModelGenerator):
    """Uses the Messages API with structured output."""

    provider: ClassVar[str] = "anthropic"
    key_setting: ClassVar[str] = "ANTHROPIC_API_KEY"

    def _connect(self, package: ModuleType, api_key: str) -> Any:
        client = package.Anthropic(api_key=api_key, base_url=self.options.base_url or PUBLIC_URL, max_retries=0)
        self._messages = client.messages  # a lazy import, not timed
        return client

    def _send(self, instructions: str, question: str, limit_s: float) -> ModelResponse:
        message = self._messages.create(
            model=self.options.model,
            system=instructions,
            messages=[{"role": "user", "content": question}],
            output_config={"format": _FORMAT},
            max_tokens=self.options.output_tokens,
            timeout=limit_s,
        )
        used = message.usage.input_tokens, message.usage.output_tokens
        if message.stop_reason == "refusal":
            return ModelResponse("", *used, "refused")
        if message.stop_reason != "end_turn":
            return ModelResponse("", *used, "cut_short")
        return ModelResponse("".join(part.text for part in message.content if part.type == "text"), *used, "done")
