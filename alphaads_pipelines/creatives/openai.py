"""OpenAI's models through its official client."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

from alphaads_pipelines.creatives.language_model import LanguageModelGenerator, ModelResponse
from alphaads_pipelines.creatives.prompt import SCHEMA

PUBLIC_URL = "https://api.openai.com/v1"
_FORMAT = {"type": "json_schema", "name": "ad", "schema": SCHEMA, "strict": True}


class OpenAIGenerator(LanguageModelGenerator):
    """Uses the Responses API with structured output; the provider stores nothing."""

    provider: ClassVar[str] = "openai"
    key_setting: ClassVar[str] = "OPENAI_API_KEY"

    def _connect(self, package: ModuleType, api_key: str) -> Any:
        client = package.OpenAI(api_key=api_key, base_url=self.options.base_url or PUBLIC_URL, max_retries=0)
        self._responses = client.responses  # a lazy import, not timed
        return client

    def _send(self, instructions: str, question: str, limit_s: float) -> ModelResponse:
        response = self._responses.create(
            model=self.options.model,
            instructions=instructions,
            input=question,
            text={"format": _FORMAT},
            max_output_tokens=self.options.output_tokens,
            store=False,
            timeout=limit_s,
        )
        parts = [part for item in response.output if item.type == "message" for part in item.content]
        used = response.usage.input_tokens, response.usage.output_tokens
        if any(part.type == "refusal" for part in parts):
            return ModelResponse("", *used, "refused")
        if response.status == "incomplete":
            filtered = response.incomplete_details.reason == "content_filter"
            return ModelResponse("", *used, "refused" if filtered else "cut_short")
        return ModelResponse(response.output_text, *used, "done")
