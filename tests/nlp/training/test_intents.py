"""Weak labels of intent."""

from __future__ import annotations

import pytest

from alphaads_pipelines.nlp.training import intents
from alphaads_pipelines.schema.tables import INTENTS


def _name(labels: dict[str, tuple[int, ...]]) -> str | None:
    return INTENTS[labels["intent"][0]] if labels else None


@pytest.mark.parametrize(
    ("text", "emotions", "intent"),
    [
        ("Why would they do that?", ["curiosity"], "question"),
        ("Is it open today?", ["neutral"], "question"),
        ("What a great job, is it not?", ["admiration"], "praise"),
        ("Thank you so much", ["gratitude"], "praise"),
        ("Thanks, but I am annoyed", ["gratitude", "annoyance"], None),
        ("This keeps breaking", ["annoyance"], "complaint"),
        ("How dare they?", ["annoyance", "disapproval"], "complaint"),
        ("I disapprove, I love it", ["disapproval", "love"], None),
        ("It was on the table", ["neutral"], "other"),
        ("I cried", ["sadness"], "other"),
        ("I wish I had one", ["desire"], None),
        ("Love it", ["love"], None),
        ("I am so angry", ["anger"], None),
        ("They did?", ["surprise"], None),
        ("I wonder", ["curiosity"], None),
    ],
)
def test_a_comment_by_its_emotions(text: str, emotions: list[str], intent: str | None) -> None:
    assert _name(intents.of_emotions(text, emotions)) == intent


@pytest.mark.parametrize(
    ("text", "name", "intent"),
    [
        ("i need to book a flight", "book_flight", "purchase"),
        ("can you order me a new card", "new_card", "purchase"),
        ("where is my order", "order_status", "question"),
        ("How old are you", "how_old_are_you", "question"),
        ("tell me a joke", "tell_joke", "other"),
        ("island holidays are nice", "travel_suggestion", "other"),
    ],
)
def test_a_request_by_its_class(text: str, name: str, intent: str) -> None:
    assert _name(intents.of_request(text, name)) == intent


def test_only_a_yes_says_that_somebody_means_to_buy() -> None:
    assert _name(intents.of_purchase_label("I will buy it", "yes")) == "purchase"
    assert intents.of_purchase_label("I will buy it", "no") == {}
    assert intents.of_purchase_label("I will buy it", "undefined") == {}


def test_every_label_is_given_to_something() -> None:
    given = {
        _name(intents.of_emotions("so?", ["neutral"])),
        _name(intents.of_emotions("so", ["neutral"])),
        _name(intents.of_emotions("so", ["admiration"])),
        _name(intents.of_emotions("so", ["annoyance"])),
        _name(intents.of_request("so", "uber")),
    }
    assert given == set(INTENTS)
