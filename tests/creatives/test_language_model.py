"""Generators that ask a model, against a local server that speaks the providers' protocols, faults included."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alphaads_pipelines.campaigns.brand_rules import CampaignRules, Voice
from alphaads_pipelines.campaigns.placements import META_FEED
from alphaads_pipelines.creatives.base import Brief, Options
from alphaads_pipelines.creatives.language_model import LanguageModelGenerator
from alphaads_pipelines.creatives.llm_budget import Price
from alphaads_pipelines.creatives.prompt import Prompt, facts
from alphaads_pipelines.creatives.registry import GENERATORS
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.creatives.tone import FALLING, TONES, TRENDS, JourneySummary
from alphaads_pipelines.errors import ConfigurationError, InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS
from benchmarks.llm_server import (
    INPUT_TOKENS,
    KEY,
    OUTPUT_TOKENS,
    LanguageModelServer,
    Reply,
    answers,
    drips,
    fails,
    hangs,
    is_cut_short,
    language_model_server,
    refuses,
    resets,
    says,
    sends,
)
from tests.nlp.packages import needs

BRIEF = Brief("kettle", "Brasswick kettle", "tea at the right heat", "joy", "Have a look")
GOOD = says("Tea, just right", "Tea at the right heat, every time.")
PRICE = Price(input_usd=1, output_usd=5)
COST = PRICE.of(INPUT_TOKENS, OUTPUT_TOKENS)
TEMPLATE = TemplateGenerator().generate(BRIEF)

Make = Callable[..., LanguageModelGenerator]


@pytest.fixture(scope="module")
def running() -> Iterator[LanguageModelServer]:
    with language_model_server() as server:
        yield server


@pytest.fixture
def server(running: LanguageModelServer) -> LanguageModelServer:
    running.forget()
    return running


@pytest.fixture(params=[pytest.param(name, marks=needs(name)) for name in ("anthropic", "openai")])
def make(request: pytest.FixtureRequest, server: LanguageModelServer) -> Make:
    """Builds the provider's generator with some options changed."""

    def build(**changes: object) -> LanguageModelGenerator:
        told = Options(
            api_key=KEY,
            model="some-model",
            base_url=server.base_url(request.param),
            price=PRICE,
            first_wait_s=0.001,
            call_limit_s=20.0,
        )
        built = GENERATORS.load(request.param)(dataclasses.replace(told, **changes))
        assert isinstance(built, LanguageModelGenerator)
        return built

    return build


def test_a_valid_answer_becomes_the_creative(make: Make, server: LanguageModelServer) -> None:
    server.will(GOOD)
    generator = make()
    [creative] = generator.generate(BRIEF)
    assert (creative.headline, creative.body) == ("Tea, just right", "Tea at the right heat, every time.")
    assert (creative.tone, creative.generator) == ("upbeat", generator.name)
    assert generator.name == f"{generator.provider}:some-model:{Prompt().version}"
    assert server.complaints == []


# What the model is told.


def test_the_model_gets_enums_scores_and_the_advertisers_words_and_nothing_else(
    make: Make, server: LanguageModelServer
) -> None:
    rules = CampaignRules(("best",), ("Ad.",), Voice("dry wit", ("cheap",), emoji=False))
    brief = dataclasses.replace(BRIEF, emotion="sadness", journey=JourneySummary(FALLING, 0.25), rules=rules)
    server.will(says("Wow!", "Hurry."), says("Tea", "Quiet tea."))
    make().generate(brief)
    first, second = server.received
    assert first.question == {
        "product": brief.product,
        "benefit": brief.benefit,
        "call_to_action": brief.call_to_action,
        "emotion": "sadness",
        "tone": "gentle",
        "trend": "falling",
        "volatility": 0.25,
        "headline_limit": 30,
        "body_limit": 90 - len(" Ad."),
        "wide_characters_count_two": True,
        "never_say": ["best", "cheap"],
        "manner": "dry wit",
        "may_exclaim": False,
        "may_use_emoji": False,
    }
    told = second.question.pop("last_attempt")
    assert told == {"text": {"headline": "Wow!", "body": "Hurry."}, "problems": ["urgency_in_distress"]}
    assert {each.instructions for each in (first, second)} == {Prompt().text}
    assert brief.campaign_id not in {value for value in first.question.values() if isinstance(value, str)}


def test_no_field_of_a_brief_takes_a_post(make: Make, server: LanguageModelServer) -> None:
    """Enums are closed and scores are numbers: what a person wrote is refused before anything is sent."""
    post = "i cant sleep since monday @someone"
    for smuggle in (
        lambda: dataclasses.replace(BRIEF, emotion=post),
        lambda: dataclasses.replace(BRIEF, placement=post),
        lambda: JourneySummary(trend=post),
        lambda: JourneySummary(volatility=float("inf")),
    ):
        with pytest.raises(InvalidRequest) as refused:
            make().generate(smuggle())  # type: ignore[arg-type]
        assert post not in str(refused.value)
    assert server.received == []


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_what_goes_over_the_wire_is_made_of_known_values(make: Make, server: LanguageModelServer, emotion: str) -> None:
    make(calls_per_creative=1).generate(dataclasses.replace(BRIEF, emotion=emotion))
    [received] = server.received
    said = received.question
    assert said.pop("emotion") in EMOTIONS
    assert said.pop("tone") in TONES.values()
    assert said.pop("trend") in TRENDS
    ours = {BRIEF.product, BRIEF.benefit, BRIEF.call_to_action, ""}
    assert {value for value in said.values() if isinstance(value, str)} <= ours
    assert all(isinstance(value, str | int | float | None) or value == [] for value in said.values())


def test_the_provider_is_asked_for_the_form_and_to_store_nothing(make: Make, server: LanguageModelServer) -> None:
    make(output_tokens=700).generate(BRIEF)
    body = server.received[0].body
    form = body["text"]["format"] if "text" in body else body["output_config"]["format"]
    assert form["schema"]["required"] == ["headline", "body"]
    assert body.get("max_output_tokens") == 700 or body["max_tokens"] == 700
    assert body.get("store", False) is False


# What comes back.


@pytest.mark.parametrize(
    "wrong",
    [
        answers("Here is your ad!"),
        answers('{"headline": "Tea"}'),
        answers('{"headline": "Tea", "body": 7}'),
        answers('{"headline": "Tea", "body": "Tea.", "note": "more"}'),
        answers('[{"headline": "Tea", "body": "Tea."}]'),
        answers(""),
        is_cut_short(),
        says("T" * 31, "Tea."),
        says("Tea", "茶" * 46),
        says("", "Tea."),
        says("Tea", "Guaranteed to work."),
        says("Tea", "See tea.example now."),
        says("Are you lonely?", "Tea helps."),
        says("Te\u200ba", "Tea."),
    ],
)
def test_an_answer_that_breaks_a_rule_is_asked_for_again(make: Make, server: LanguageModelServer, wrong: Reply) -> None:
    server.will(wrong, GOOD)
    generator = make()
    [creative] = generator.generate(BRIEF)
    assert creative.headline == "Tea, just right"
    assert generator.budget.calls == len(server.received) == 2
    assert server.received[1].question["last_attempt"]["problems"]


def test_distress_is_not_exploited_by_a_model_either(make: Make, server: LanguageModelServer) -> None:
    server.will(says("Tea!", "Tea."), says("Tea", "Only 3 left."), says("Tea", "Hurry."))
    sad = dataclasses.replace(BRIEF, emotion="sadness")
    assert make().generate(sad) == TemplateGenerator().generate(sad)


def test_the_campaigns_rules_bind_the_model(make: Make, server: LanguageModelServer) -> None:
    rules = CampaignRules(("right heat",), ("Ad.",))
    server.will(says("Tea", "Tea at the right heat."), says("Tea", "t" * 87), says("Tea", "Tea, and time for it."))
    [creative] = make().generate(dataclasses.replace(BRIEF, rules=rules))
    assert creative.body == "Tea, and time for it. Ad."
    problems = [each.question["last_attempt"]["problems"] for each in server.received[1:]]
    assert problems == [["campaign_claim"], ["too_long"]]


def test_a_soft_limit_is_no_reason_to_ask_again(make: Make, server: LanguageModelServer) -> None:
    server.will(says("T" * 45, "Tea."))
    [creative] = make().generate(dataclasses.replace(BRIEF, placement=META_FEED))
    assert len(creative.headline) == 45


def test_after_so_many_wrong_answers_the_template_is_used(make: Make, server: LanguageModelServer) -> None:
    server.will(*[says("T" * 31, "Tea.")] * 4)
    generator = make(calls_per_creative=4)
    assert generator.generate(BRIEF) == TEMPLATE
    assert generator.generate(BRIEF) == TEMPLATE
    assert generator.budget.calls == len(server.received) == 4, "nor is it paid for again"


@pytest.mark.parametrize("reply", [refuses(), is_cut_short(by="filter")])
def test_a_model_that_declines_is_not_pressed(make: Make, server: LanguageModelServer, reply: Reply) -> None:
    server.will(reply)
    generator = make()
    assert generator.generate(BRIEF) == TEMPLATE
    assert len(server.received) == 1
    [creative] = generator.generate(dataclasses.replace(BRIEF, benefit="hot tea"))
    assert creative.generator == generator.name, "it is asked for other briefs"


# Faults.


@pytest.mark.parametrize(
    "fault",
    [
        fails(429),
        fails(500),
        fails(503),
        fails(529),
        fails(408),
        sends(b"{"),
        sends(b"<html>"),
        sends(b"[]"),
        sends(b"{}"),
        sends(b'{"id":', promised=500),
        resets,
    ],
)
def test_a_fault_is_tried_again(make: Make, server: LanguageModelServer, fault: Reply) -> None:
    server.will(fault, GOOD)
    [creative] = make().generate(BRIEF)
    assert creative.headline == "Tea, just right"
    assert len(server.received) == 2


@pytest.mark.parametrize("fault", [hangs, drips])
def test_a_call_ends_in_its_time_even_if_bytes_trickle(make: Make, server: LanguageModelServer, fault: Reply) -> None:
    server.will(fault)
    generator = make(call_limit_s=0.2, attempts=1)
    assert generator.generate(BRIEF) == TEMPLATE
    assert (generator.budget.calls, generator.budget.unknown_calls) == (1, 1)


def test_the_wait_that_a_provider_asks_for_is_kept(make: Make, server: LanguageModelServer) -> None:
    server.will(fails(429, retry_after="0.15"), GOOD)
    [creative] = make().generate(BRIEF)
    first, second = server.received
    assert creative.headline == "Tea, just right"
    assert second.at - first.at >= 0.15


def test_a_wait_beyond_the_runs_time_is_not_begun(make: Make, server: LanguageModelServer) -> None:
    server.will(fails(429, retry_after="3600"))
    assert make().generate(BRIEF) == TEMPLATE
    assert len(server.received) == 1


def test_a_provider_that_is_down_is_left_alone_for_the_run_and_asked_in_the_next(
    make: Make, server: LanguageModelServer, tmp_path: Path
) -> None:
    server.will(*[fails(500)] * 2)
    generator = make(attempts=2, cache=tmp_path)
    with capture_logs() as logs:
        for benefit in ("tea", "more tea", "tea"):
            assert generator.generate(dataclasses.replace(BRIEF, benefit=benefit))[0].generator == "templates-1"
    assert len(server.received) == 2
    assert [each["reason"] for each in logs if each["event"] == "generator.stopped"] == ["http_500"]
    assert KEY not in str(logs), "the provider quotes it"
    [creative] = make(cache=tmp_path).generate(dataclasses.replace(BRIEF, benefit="tea"))
    assert creative.generator == generator.name, "an outage is not remembered"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refused_key_or_model_is_loud_and_quotes_nobody(make: Make, server: LanguageModelServer, status: int) -> None:
    server.will(fails(status))
    with pytest.raises(ConfigurationError, match=f"HTTP {status}") as refused:
        make().generate(BRIEF)
    assert KEY not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None
    assert len(server.received) == 1


def test_the_key_is_never_shown(make: Make) -> None:
    assert KEY not in repr(make().options)


# Money and time.


def test_tokens_and_cost_are_counted_per_call(make: Make, server: LanguageModelServer) -> None:
    server.will(answers("no"), GOOD)
    generator = make()
    generator.generate(BRIEF)
    budget = generator.budget
    assert (budget.calls, budget.unknown_calls) == (2, 0)
    assert (budget.input_tokens, budget.output_tokens) == (2 * INPUT_TOKENS, 2 * OUTPUT_TOKENS)
    assert budget.usd == pytest.approx(2 * COST)


def test_a_refused_call_costs_nothing_and_a_lost_one_as_much_as_it_may(make: Make, server: LanguageModelServer) -> None:
    server.will(fails(429), sends(b"{"), GOOD)
    generator = make()
    generator.generate(BRIEF)
    assert (generator.budget.calls, generator.budget.unknown_calls) == (2, 1)
    assert generator.budget.usd > PRICE.of(0, 2_000) + COST


def test_no_call_is_made_that_the_budget_might_not_pay(make: Make, server: LanguageModelServer) -> None:
    generator = make(budget_usd=0.03)
    briefs = [dataclasses.replace(BRIEF, benefit=f"tea number {number}") for number in range(60)]
    names = [generator.generate(brief)[0].generator for brief in briefs]
    calls = names.count(generator.name)
    assert names == [generator.name] * calls + ["templates-1"] * (60 - calls)
    assert 0 < calls == len(server.received) < 60
    assert generator.budget.usd <= 0.03
    assert make(budget_usd=0.001).generate(BRIEF) == TEMPLATE
    assert len(server.received) == calls


def test_a_run_that_used_its_time_calls_nobody(make: Make, server: LanguageModelServer) -> None:
    assert make(run_limit_s=0.0).generate(BRIEF) == TEMPLATE
    assert server.received == []


# The cache.


def test_the_same_brief_and_prompt_is_paid_for_once(make: Make, server: LanguageModelServer, tmp_path: Path) -> None:
    generator = make(cache=tmp_path)
    first = generator.generate(BRIEF)
    assert generator.generate(BRIEF) == make(cache=tmp_path).generate(BRIEF) == first
    assert len(server.received) == 1
    assert KEY not in "".join(path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize("change", ["model", "brief", "prompt"])
def test_another_model_brief_or_prompt_is_asked_again(
    make: Make, server: LanguageModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    make(cache=tmp_path).generate(BRIEF)
    brief = dataclasses.replace(BRIEF, benefit="hot tea") if change == "brief" else BRIEF
    if change == "prompt":
        (tmp_path / "ad-1.md").write_text(Prompt().text + "\nRhyme.")
        monkeypatch.setattr("alphaads_pipelines.creatives.prompt._FOLDER", tmp_path)
    make(cache=tmp_path, model="other" if change == "model" else "some-model").generate(brief)
    assert len(server.received) == 2


@pytest.mark.parametrize("damage", ["", "{", '{"ad": {"headline": 1}}'])
def test_a_damaged_file_is_asked_again(make: Make, server: LanguageModelServer, tmp_path: Path, damage: str) -> None:
    make(cache=tmp_path).generate(BRIEF)
    [file] = tmp_path.iterdir()
    file.write_text(damage)
    assert make(cache=tmp_path).generate(BRIEF)[0].generator != "templates-1"
    assert len(server.received) == 2


def test_a_kept_answer_is_judged_like_a_new_one(make: Make, server: LanguageModelServer, tmp_path: Path) -> None:
    make(cache=tmp_path).generate(BRIEF)
    [file] = tmp_path.iterdir()
    file.write_text(json.dumps({"ad": {"headline": "A miracle", "body": "Tea."}}))
    assert make(cache=tmp_path).generate(BRIEF) == TEMPLATE


# What it needs.


@pytest.mark.parametrize(
    ("changes", "named"), [({"api_key": None}, "_API_KEY"), ({"model": ""}, "model"), ({"price": None}, "price")]
)
def test_a_missing_key_model_or_price_is_named(make: Make, changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        make(**changes)


def test_the_prompts_version_is_of_its_words() -> None:
    assert Prompt().version.startswith("ad-1@")
    assert facts(BRIEF) == facts(dataclasses.replace(BRIEF, campaign_id="another"))
