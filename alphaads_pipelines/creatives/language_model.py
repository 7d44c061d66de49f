"""The base of language model generators.

A response that moderation refuses is returned to the model with the reasons. If no text passes, the provider fails or
the budget is used up, the template is used. After a final failure the provider is not called again in the same run.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from types import ModuleType
from typing import Any, ClassVar, Literal
from weakref import finalize

import msgspec

from alphaads_pipelines.creatives.base import Brief, Creative, Generator, Options, render
from alphaads_pipelines.creatives.llm_budget import LLMBudget
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.creatives.prompt import SCHEMA, Ad, Attempt, Prompt, facts
from alphaads_pipelines.creatives.prompt_leaks import confidential_text
from alphaads_pipelines.creatives.provider_client import NoAnswer, call_provider, load_client
from alphaads_pipelines.creatives.response_cache import CachedResponse, ResponseCache
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.creatives.tone import tone_for
from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.telemetry import LANGUAGE_MODEL_CALLS, LANGUAGE_MODEL_USD, get_logger

_HIDDEN_PROMPT = " " * 1_000
"""Allowance for tokens that a provider adds."""

_FINAL = frozenset({"budget", "time"})

_log = get_logger(__name__)
_ad_decoder = msgspec.json.Decoder(Ad)


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """A model's response and its token usage."""

    text: str
    input_tokens: int
    output_tokens: int
    outcome: Literal["done", "refused", "cut_short"]


class LanguageModelGenerator(Generator):
    """Writes ads with a language model; one object is one run, with one budget and time limit."""

    provider: ClassVar[str]
    key_setting: ClassVar[str]

    def __init__(self, options: Options | None = None) -> None:
        """Raises ConfigurationError without key, model or price, MissingArtifact without the official client."""
        super().__init__(options)
        options = self.options
        if not options.api_key:
            raise ConfigurationError(f"the generator {self.provider!r} needs {self.key_setting}")
        if not options.model or options.price is None:
            raise ConfigurationError(
                f"the generator {self.provider!r} needs a model and its price, so that its budget can be kept"
            )
        self.budget = LLMBudget(options.price, options.budget_usd)
        self._package = load_client(self.provider)
        self._prompt, self._cache, self._templates = Prompt(), ResponseCache(options.cache), TemplateGenerator()
        self._stopped, self._ends_at = False, float("inf")
        finalize(self, self._connect(self._package, options.api_key).close)

    @property
    def name(self) -> str:
        """Provider, model and prompt version."""
        return f"{self.provider}:{self.options.model}:{self._prompt.version}"

    @abstractmethod
    def _connect(self, package: ModuleType, api_key: str) -> Any:
        """Build the client with its retries disabled."""

    @abstractmethod
    def _send(self, instructions: str, question: str, limit_s: float) -> ModelResponse:
        """Make one call; raises anything on a malformed response."""

    def generate(self, brief: Brief) -> list[Creative]:
        """Use the model, else the template. Raises ConfigurationError if the provider rejects our settings."""
        key = ResponseCache.key(self.name, facts(brief))
        cached = self._cache.read(key)
        if cached is None and (cached := self._write_ad(brief)) is not None:
            self._cache.write(key, cached)
        creative, problems = self._moderated(brief, cached.ad if cached else None)
        return [creative] if creative and not problems else self._templates.generate(brief)

    def _write_ad(self, brief: Brief) -> CachedResponse | None:
        """Return the first valid ad or a failure, both to be cached; None without a response."""
        last: Attempt | None = None
        for _ in range(self.options.calls_per_creative):
            answer = self._call(facts(brief, last))
            if answer is None:
                return None
            if answer.outcome == "refused":
                break
            ad = _parse(answer)
            _, problems = self._moderated(brief, ad)
            if not problems:
                return CachedResponse(ad)
            last = Attempt(ad, problems)
        return CachedResponse(None)

    def _moderated(self, brief: Brief, ad: Ad | None) -> tuple[Creative | None, tuple[str, ...]]:
        if ad is None:
            return None, ("not_of_the_form",)
        tone = tone_for(brief.emotion, brief.journey)
        creative = render(brief, tone, ad.headline.strip(), ad.body.strip(), self.name)
        reasons = moderate(creative, brief.rules).reasons
        return creative, (*reasons, "quotes_instructions") if self._leaks_prompt(ad, brief) else reasons

    def _leaks_prompt(self, ad: Ad, brief: Brief) -> bool:
        text = f"{ad.headline} {ad.body}"
        known = f"{brief.product} {brief.benefit} {brief.call_to_action}"
        texts = confidential_text(self._prompt.text), confidential_text(brief.rules.voice.manner, known)
        return any(each.is_quoted_in(text) for each in texts)

    def _call(self, question: str) -> ModelResponse | None:
        """Call with retries; None ends the calls of this run."""
        import stamina

        if self._stopped:
            return None
        self._ends_at = min(self._ends_at, monotonic() + self.options.run_limit_s)
        waits = {"wait_initial": self.options.first_wait_s, "wait_jitter": self.options.first_wait_s, "wait_max": 30.0}
        try:
            for attempt in stamina.retry_context(self._retry_delay, self.options.attempts, timeout=None, **waits):
                with attempt:
                    return self._call_once(question)
        except NoAnswer as error:
            self._stopped = True
            _log.warning("generator.stopped", provider=self.provider, reason=error.reason)
        return None

    def _retry_delay(self, error: Exception) -> bool | float:
        """Whether to retry, or the delay that the provider asks for."""
        if not isinstance(error, NoAnswer) or error.reason in _FINAL:
            return False
        wait_s = error.retry_after_s
        if monotonic() + (wait_s or 0.0) >= self._ends_at:
            return False
        return True if wait_s is None else wait_s

    def _call_once(self, question: str) -> ModelResponse:
        """Make one call. Raises NoAnswer, also without budget or time."""
        limit_s = min(self.options.call_limit_s, self._ends_at - monotonic())
        if limit_s <= 0:
            raise NoAnswer("time")
        sent = self._prompt.text + question + str(SCHEMA) + _HIDDEN_PROMPT
        max_cost = self.budget.max_cost(sent, self.options.output_tokens)
        if not self.budget.affords(max_cost):
            raise NoAnswer("budget")
        return self._metered(max_cost, lambda: self._send(self._prompt.text, question, limit_s), limit_s)

    def _metered(self, max_cost: float, send: Callable[[], ModelResponse], limit_s: float) -> ModelResponse:
        try:
            answer = call_provider(self._package, send, limit_s)
        except NoAnswer as error:
            LANGUAGE_MODEL_CALLS.labels(self.provider, error.reason).inc()
            if error.may_be_billed:
                self.budget.add_unmetered(max_cost)
                LANGUAGE_MODEL_USD.labels(self.provider).inc(max_cost)
            raise
        cost = self.budget.add(answer.input_tokens, answer.output_tokens)
        LANGUAGE_MODEL_CALLS.labels(self.provider, answer.outcome).inc()
        LANGUAGE_MODEL_USD.labels(self.provider).inc(cost)
        return answer


def _parse(answer: ModelResponse) -> Ad | None:
    if answer.outcome != "done":
        return None
    try:
        return _ad_decoder.decode(answer.text)
    except msgspec.DecodeError:
        return None
