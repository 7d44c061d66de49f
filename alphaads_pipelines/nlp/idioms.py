"""Idioms whose meaning differs from their words, each joined into one word with its own valence.

"I can't stand her" is not a negated "stand". Valences are ours, on VADER's scale (-4 to 4); emotion "" is none.
"""

from __future__ import annotations

import string
from collections.abc import Iterator

_CANNOT = ("can't", "cant", "cannot", "can not", "couldn't", "couldnt", "could not")
_AFTER_CANNOT = {
    "stand up": (0.0, ""), "stand": (-2.7, "anger"), "bear": (-2.4, "sadness"), "stomach": (-2.5, "disgust"),
    "take it anymore": (-2.5, "sadness"), "take this anymore": (-2.5, "sadness"), "wait": (2.2, "joy"),
    "complain": (1.5, ""), "go wrong": (2.0, ""), "get enough": (2.6, "joy"), "believe": (0.0, "surprise"),
    "be happier": (3.0, "joy"), "be better": (2.6, "joy"), "be worse": (-2.8, ""), "care less": (-1.8, ""),
    "thank you enough": (3.0, "joy"), "sleep": (-1.0, ""), "help but": (0.0, ""), "agree more": (1.8, ""),
    "recommend": (-2.0, ""), "recommend enough": (2.6, ""), "recommend it enough": (2.6, ""),
    "recommend this enough": (2.6, ""), "recommend them enough": (2.6, ""),
}  # fmt: skip
_PLAIN = {
    "could care less": (-1.8, ""), "don't care": (-1.2, ""), "dont care": (-1.2, ""), "fed up": (-2.3, "anger"),
    "sick of": (-2.3, "anger"), "sick and tired": (-2.5, "anger"), "tired of": (-1.8, "anger"),
    "so done with": (-2.2, "anger"), "had enough": (-1.8, "anger"), "pissed off": (-2.8, "anger"),
    "drives me crazy": (-2.0, "anger"), "drives me nuts": (-2.0, "anger"), "driving me crazy": (-2.0, "anger"),
    "get on my nerves": (-2.0, "anger"), "gets on my nerves": (-2.0, "anger"), "how dare": (-2.3, "anger"),
    "rip off": (-2.5, "anger"), "ripped off": (-2.5, "anger"), "shut up": (-1.5, "anger"),
    "what the hell": (-1.6, "surprise"), "piece of crap": (-3.0, "disgust"), "piece of shit": (-3.2, "disgust"),
    "piece of junk": (-2.8, "disgust"), "grosses me out": (-2.3, "disgust"), "makes me sick": (-2.6, "disgust"),
    "waste of": (-2.5, ""), "never again": (-2.0, ""), "no thanks": (-1.2, ""), "thumbs down": (-2.2, ""),
    "falls apart": (-2.0, ""), "fell apart": (-2.0, ""), "falling apart": (-2.0, "sadness"),
    "let down": (-2.0, "sadness"), "let me down": (-2.2, "sadness"), "let us down": (-2.2, "sadness"),
    "broke my heart": (-2.8, "sadness"), "breaks my heart": (-2.6, "sadness"), "heart goes out": (-1.4, "sadness"),
    "rest in peace": (-1.5, "sadness"), "passed away": (-2.0, "sadness"), "miss you": (-0.8, "sadness"),
    "miss him": (-1.0, "sadness"), "miss her": (-1.0, "sadness"), "miss my": (-1.0, "sadness"),
    "gave up": (-1.2, "sadness"), "down in the dumps": (-2.5, "sadness"), "scared to death": (-2.5, "fear"),
    "freak out": (-1.6, "fear"), "freaks me out": (-2.0, "fear"), "freaking out": (-1.6, "fear"),
    "thanks for nothing": (-2.3, ""), "never arrived": (-1.8, ""), "never came": (-1.5, ""), "need help": (-0.4, ""),
    "doesn't work": (-1.8, ""), "does not work": (-1.8, ""), "didn't work": (-1.8, ""), "not working": (-1.6, ""),
    "stopped working": (-1.9, ""), "don't worry": (0.6, ""), "dont worry": (0.6, ""),
    "no problem": (1.4, ""), "no worries": (1.2, ""), "not bad": (1.3, ""),
    "well done": (2.3, "joy"),
    "thumbs up": (2.2, ""), "looking forward": (1.9, "joy"), "look forward": (1.7, "joy"),
    "made my day": (2.9, "joy"), "makes my day": (2.9, "joy"), "over the moon": (3.0, "joy"),
    "cloud nine": (3.0, "joy"), "hell yeah": (2.3, "joy"), "hell yes": (2.3, "joy"), "nailed it": (2.2, ""),
    "killing it": (2.3, ""), "killed it": (2.3, ""), "crushed it": (2.3, ""), "top notch": (2.8, ""),
    "second to none": (2.8, ""), "to die for": (2.7, ""), "for the win": (2.0, "joy"),
    "blew my mind": (2.5, "surprise"), "blown away": (2.5, "surprise"), "out of nowhere": (0.0, "surprise"),
    "did not expect": (0.0, "surprise"), "didn't expect": (0.0, "surprise"), "yeah right": (-1.6, ""),
}  # fmt: skip

_ALL = {**{f"{cannot} {rest}": said for cannot in _CANNOT for rest, said in _AFTER_CANNOT.items()}, **_PLAIN}


def _name(idiom: str) -> str:
    # VADER would read an apostrophe as a negation of the next words.
    return idiom.replace("'", "").replace(" ", "_")


VALENCE: dict[str, float] = {_name(idiom): valence for idiom, (valence, _) in _ALL.items()}
EMOTION: dict[str, str] = {_name(idiom): emotion for idiom, (_, emotion) in _ALL.items() if emotion}

_BY_START: dict[tuple[str, str], list[tuple[list[str], str]]] = {}
for _idiom in sorted(_ALL, key=len, reverse=True):
    _first, _second, *_rest = _idiom.split(" ")
    _BY_START.setdefault((_first, _second), []).append((_rest, _name(_idiom)))
_FIRSTS = frozenset(first for first, _ in _BY_START)


def join_idioms(words: list[str], lower: list[str]) -> tuple[list[str], list[str]]:
    """Join each idiom; the longest match wins."""
    starts = [place for place, word in enumerate(lower[:-1]) if word in _FIRSTS]
    found = list(_found(lower, starts)) if starts else []
    if not found:
        return words, lower
    joined, joined_lower = [], []
    place = 0
    for start, length, name in found:
        joined += [*words[place:start], name]
        joined_lower += [*lower[place:start], name]
        place = start + length
    return [*joined, *words[place:]], [*joined_lower, *lower[place:]]


def _found(lower: list[str], starts: list[int]) -> Iterator[tuple[int, int, str]]:
    end = 0
    for start in starts:
        pair = (lower[start], _bare(lower[start + 1]))
        for rest, name in _BY_START.get(pair, ()) if start >= end else ():
            length = 2 + len(rest)
            if [_bare(each) for each in lower[start + 2 : start + length]] == rest:
                end = start + length
                yield start, length, name
                break


def _bare(word: str) -> str:
    # VADER leaves punctuation on two-letter words: "fed up!"
    return word.strip(string.punctuation)
