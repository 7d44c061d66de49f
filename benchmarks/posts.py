"""SYNTHETIC posts in the generic format, seeded, for benchmarks, load and crash tests.

A small grammar generates texts of some 100 characters, mostly English. Authors follow Zipf's law.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TypeVar

from alphaads_pipelines.platforms.base import Payload

T = TypeVar("T")
START = datetime(2026, 11, 1, tzinfo=UTC)
_ZIPF_EXPONENT = 1.05

_THINGS = (
    "the Lumora desk lamp", "my Brasswick kettle", "the Tundrel hiking boots", "this Ovanta phone", "the Pelmo app",
    "their Corvale headphones", "the new Fennmark stroller", "the Ostrava espresso maker", "a Quillon notebook",
    "the Marlowe city bike", "their customer service", "the late delivery", "the spring update", "the checkout page",
    "the concert in the park", "the season finale", "our team's second half", "the morning train", "the gym's new plan",
)  # fmt: skip
_OPENINGS = (
    "", "", "Honestly, ", "Ok so ", "Update: ", "Two weeks in and ", "Not going to lie, ", "After all that waiting, ",
    "Third time this month: ", "Just got home and ", "Quick thought: ", "Can somebody explain why ", "Well, ",
)  # fmt: skip
_VERDICTS = (
    "{} is the best thing I bought this year", "{} made my whole day, I love it", "I am so happy with {}",
    "{} broke again and nobody answers my mails", "I can't stand {} any more, what a waste of money",
    "I am furious about {}, never again", "{} makes me sad, it used to be so good", "I miss {} more than I thought",
    "I am a bit scared of what {} will cost next year", "{} is disgusting, I want my money back",
    "wow, I did not expect {} to be this good", "{} surprised everyone here, including me",
    "{} is fine I guess, nothing special", "I am thinking about buying {}, is it worth it",
    "does anybody know where to get {} before Friday", "{} arrived on Tuesday in a plain box",
)  # fmt: skip
_CLOSINGS = (
    "", "", ". Thanks for the tip", ". Will report back next week", ", and the neighbours agree", "!", "!!", "...",
    ". Five stars from me", ". One star, and that is generous", ", who else", ". My sister says the same", "?",
)  # fmt: skip
_OTHER_LANGUAGES = (
    ("es", "Estoy muy contenta con mi compra, llegó antes de lo esperado y funciona de maravilla"),
    ("es", "Qué rabia, otra vez se ha roto y nadie contesta al teléfono, no lo compren"),
    ("es", "¿Alguien sabe si vale la pena comprarlo antes de las fiestas o espero a las rebajas?"),
    ("de", "Ich freue mich so sehr, das Paket ist endlich da und alles funktioniert auf Anhieb"),
    ("de", "Schon wieder kaputt, ich bin wirklich enttäuscht und will mein Geld zurück"),
    ("de", "Weiß jemand, ob sich der Kauf lohnt oder ob im Januar ein neues Modell kommt?"),
)
_EMOJI = ("", "", "", "", " 😀", " ❤️", " 😡", " 😢", " 😱", " 🎉", " 🤢", " 😂", " 👍")
_TAGS = ("", "", "", "", " #monday", " #unboxing", " #fail", " #recommended", " #weekend", " #help")
_GIVEN = ("Ada", "Bo", "Cleo", "Dara", "Emre", "Fia", "Gus", "Hana", "Ivo", "Juno", "Kai", "Lene", "Milo", "Nia")
_FAMILY = ("Ashdown", "Brill", "Corvin", "Dunmore", "Eskel", "Farrow", "Gantry", "Holm", "Ingram", "Jessop", "Kestrel")


def synthetic_posts(
    n: int, seed: int = 0, authors: int = 10_000, start: datetime = START, span_days: float = 1.0
) -> Iterator[Payload]:
    """Generate posts in chronological order; another seed gives other ids and texts of the same authors."""
    rng = random.Random(seed)
    weights = list(accumulate(1.0 / rank**_ZIPF_EXPONENT for rank in range(1, authors + 1)))
    step = timedelta(days=span_days) / max(n, 1)
    for i in range(n):
        author = bisect(weights, rng.random() * weights[-1])
        language, text = _text(rng, authors)
        yield {
            "id": f"s{seed}-{i}",
            "platform": "generic",
            "author_id": f"a{author}",
            "author_name": f"{_GIVEN[author % len(_GIVEN)]} {_FAMILY[author % len(_FAMILY)]}",
            "text": text,
            "created_at": (start + i * step).isoformat(),
            "language": language,
        }


def _text(rng: random.Random, authors: int) -> tuple[str, str]:
    if rng.random() < 0.06:
        language, text = _pick(rng, _OTHER_LANGUAGES)
    else:
        verdict = _pick(rng, _VERDICTS).format(_pick(rng, _THINGS))
        language, text = "en", f"{_pick(rng, _OPENINGS)}{verdict}{_pick(rng, _CLOSINGS)}"
        if rng.random() < 0.2:
            again = _pick(rng, _VERDICTS).format(_pick(rng, _THINGS))
            text = f"{text} - then again, {again}"
    mention = f"@friend{int(rng.random() * authors)} " if rng.random() < 0.12 else ""
    return language, f"{mention}{text}{_pick(rng, _EMOJI)}{_pick(rng, _TAGS)}"


def _pick(rng: random.Random, choices: Sequence[T]) -> T:
    return choices[int(rng.random() * len(choices))]
