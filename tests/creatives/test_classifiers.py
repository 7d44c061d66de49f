"""Our offensive model and the provider's moderation as classifiers; both fail closed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.classifiers import OffensiveClassifier
from alphaads_pipelines.creatives.moderation import UNAVAILABLE, Opinion, moderate
from alphaads_pipelines.creatives.openai_moderation import OpenAIModeration
from alphaads_pipelines.errors import ConfigurationError, TransientError
from alphaads_pipelines.nlp.base import Label, Score
from alphaads_pipelines.nlp.registry import build_scorer
from benchmarks.llm_server import (
    KEY,
    LanguageModelServer,
    Reply,
    drips,
    fails,
    flags,
    language_model_server,
    resets,
    sends,
)
from tests.nlp.packages import needs

FINE = Creative("c1", "kettle", "joy", "upbeat", "Say hi to the kettle", "Tea at the right heat.", "Have a look", "t")


def _score(probability: float | None) -> Score:
    label = None if probability is None else Label("offensive", {"offensive": probability})
    return Score("en", 1.0, None, None, None, None, label, None, {})


@pytest.mark.parametrize(
    ("probability", "opinion"),
    [
        (0.0, Opinion()),
        (0.39, Opinion()),
        (0.4, Opinion(doubts=("maybe_offensive",))),
        (0.69, Opinion(doubts=("maybe_offensive",))),
        (0.7, Opinion(("offensive",))),
        (float("nan"), Opinion(("offensive",))),
        (None, Opinion(doubts=("offensive_unknown",))),
    ],
)
def test_the_model_refuses_doubts_or_lets_pass(probability: float | None, opinion: Opinion) -> None:
    assert OffensiveClassifier(lambda texts: [_score(probability) for _ in texts])("tea") == opinion


def test_our_own_model_tells_an_insult_from_an_ad() -> None:
    classifier = OffensiveClassifier(build_scorer("neural").score)
    assert moderate(FINE, classifiers=[classifier], time_limit_s=60).approved
    assert classifier("You are a stupid idiot and a piece of shit.") != Opinion()


def test_a_model_that_never_came_back_judges_nothing_more() -> None:
    never = threading.Event()

    def score(texts: Sequence[str]) -> list[Score]:
        never.wait(30)
        return [_score(0.0)]

    classifier = OffensiveClassifier(score)
    assert moderate(FINE, classifiers=[classifier], time_limit_s=0.05).reasons == (UNAVAILABLE,)
    with pytest.raises(TransientError):
        classifier("tea")
    never.set()


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageModelServer]:
    with language_model_server() as running:
        yield running


@pytest.fixture
def provider(server: LanguageModelServer) -> OpenAIModeration:
    server.received.clear()
    return OpenAIModeration(KEY, base_url=server.base_url("openai"), limit_s=0.5)


@needs("openai")
def test_what_the_provider_does_not_flag_is_approved(provider: OpenAIModeration, server: LanguageModelServer) -> None:
    assert moderate(FINE, classifiers=[provider]).approved
    [received] = server.received
    assert received.body["input"] == "Say hi to the kettle Tea at the right heat. Have a look", "and nothing else"
    assert set(received.body) == {"input", "model"}


@needs("openai")
def test_what_the_provider_flags_is_refused_with_its_categories(
    provider: OpenAIModeration, server: LanguageModelServer
) -> None:
    server.will(flags("violence", "self-harm"))
    reasons = ("provider_flagged", "provider_self-harm", "provider_violence")
    assert moderate(FINE, classifiers=[provider]).reasons == reasons


@needs("openai")
@pytest.mark.parametrize(
    "reply",
    [
        fails(400),
        fails(401),
        fails(500, x_should_retry="false"),
        sends(b"{"),
        sends(b"{}"),
        sends(b'{"results": []}'),
        sends(b'{"results": [{}]}'),
        sends(b'{"results": [{"flagged": null}]}'),
        sends(b'{"results": [{"flagged": "no"}]}'),
        sends(b'{"results": [{"flagged": 0}]}'),
        sends(b'{"results":', promised=900),
        resets,
        drips,
    ],
)
def test_a_provider_that_does_not_answer_well_refuses(
    provider: OpenAIModeration, server: LanguageModelServer, reply: Reply
) -> None:
    server.will(reply, reply)
    verdict = moderate(FINE, classifiers=[provider])
    assert (verdict.approved, verdict.reasons) == (False, (UNAVAILABLE,))
    server.forget()


@needs("openai")
def test_a_busy_provider_is_asked_once_more(provider: OpenAIModeration, server: LanguageModelServer) -> None:
    server.will(fails(429, retry_after_ms="20"))
    assert moderate(FINE, classifiers=[provider]).approved
    assert len(server.received) == 2


def test_moderation_needs_a_key() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        OpenAIModeration(None)
