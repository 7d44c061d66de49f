"""Words of a text in the form names are compared in, with positions.

Ignored: compatibility forms (full width, styled letters), accents, invisible characters; `Word` keeps case apart.
Accepts any string, in linear time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import msgspec

_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff"
_HIDDEN = "\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, Hiragana, Han: written without spaces, so a name may begin at any character."""

_LETTER = rf"[^\W_{_KATAKANA}{_UNSPACED}]"
_APOSTROPHE = r"(?:['’‘ʼ＇`´]|&\#0?39;|&\#x27;|&apos;|&rsquo;)"
_TOKEN = re.compile(
    r"(?P<passed>(?i:https?://|www\.)\S+|[@＠]\w+)"
    rf"|[\#＃](?P<tag>[\w{_MARKS}]+)"
    rf"|(?P<word>{_LETTER}++(?:[{_HIDDEN}]*+(?:{_LETTER}++|[{_MARKS}]++))*)(?P<possessive>{_APOSTROPHE}[sS](?!\w))?"
    rf"|(?P<katakana>[{_KATAKANA}]+)"
    rf"|(?P<character>[{_UNSPACED}])"
    r"|(?P<ampersand>&amp;|&\#38;)"
    r"|(?P<entity>&\#?\w{1,31};)"
    r"|(?P<sign>[&＆+＋$＄\#])"
)
_PARTS = frozenset({"passed", "tag", "entity"})
_TAG_WORD = re.compile(
    rf"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_{_UNSPACED}][^\W\dA-Z_{_UNSPACED}{_MARKS}]*|\d+|[{_UNSPACED}]"
)
_JOINT = re.compile(rf"[\s_'’‘·・\-\u2010-\u2015{_HIDDEN}]*|[!-/:-?\[-`{{-~·・]{{1,3}}")
_STOP = re.compile(r"[.,:;!?]\s+")
_UNCOUNTED = re.compile(f"[\u0300-\u036f{_HIDDEN}]")
_LEAST_PLURAL = 4


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word, or a sign treated as one.

    Attributes
    ----------
    start, end: character range, including a possessive ending.
    cased, folded: compared form, case-sensitive and not.
    stem, cased_stem: without a possessive or plural ending; a plural has no `cased_stem`.
    stem_end: end without the possessive.
    """

    start: int
    end: int
    cased: str
    folded: str
    stem: str | None = None
    cased_stem: str | None = None
    stem_end: int = 0


class Run(msgspec.Struct, frozen=True, gc=False):
    """Words that may form one name: separated only by spaces, hyphens and the like.

    Attributes
    ----------
    is_tag: a hashtag, split at changes of case.
    stops: indices in `words` where a sentence may begin, as in `Dr. No`.
    """

    words: Sequence[Word]
    is_tag: bool = False
    stops: Sequence[int] = ()


def runs(text: str) -> Iterator[Run]:
    """Yield the words of a text in order; links and mentions end a run."""
    words: list[Word] = []
    stops: list[int] = []
    end = 0
    for token in _TOKEN.finditer(text):
        kind, gap = token.lastgroup, text[end : token.start()]
        end = token.end()
        if words:
            is_joint = gap == " " or _JOINT.fullmatch(gap) is not None
            if kind in _PARTS or not (is_joint or _STOP.fullmatch(gap)):
                yield Run(words, False, stops)
                words, stops = [], []
            elif not is_joint:
                stops.append(len(words))
        if kind == "tag":
            yield Run(_tag_words(token["tag"], token.start("tag")), True)
        elif kind not in _PARTS:
            words.append(_word(token))
    if words:
        yield Run(words, False, stops)


def _word(token: re.Match[str]) -> Word:
    if token.lastgroup == "ampersand":
        return Word(token.start(), token.end(), "&", "&")
    if token.lastgroup != "possessive":
        return _simple_word(token[0], token.start())
    cased = plain_spelling(token["word"])
    folded = cased.casefold()
    return Word(token.start(), token.end(), cased + "s", folded + "s", folded, cased, token.end("word"))


def _simple_word(written: str, start: int) -> Word:
    cased = plain_spelling(written)
    folded, end = cased.casefold(), start + len(written)
    if len(folded) >= _LEAST_PLURAL and folded[-1] == "s" and folded[-2] != "s":
        return Word(start, end, cased, folded, folded[:-1], None, end)
    return Word(start, end, cased, folded)


def _tag_words(tag: str, start: int) -> list[Word]:
    return [_simple_word(part[0], start + part.start()) for part in _TAG_WORD.finditer(tag)]


def plain_spelling(written: str) -> str:
    """Remove compatibility forms, accents and invisible characters; keep case."""
    if written.isascii():
        return written
    return unicodedata.normalize("NFKC", _UNCOUNTED.sub("", unicodedata.normalize("NFKD", written)))


def normal_name(written: str) -> str:
    """Compared form of a name: lower-case words joined by spaces, without a possessive ending."""
    names = [("" if run.is_tag else " ").join(_last_without_possessive(run.words)) for run in runs(written)]
    return " ".join(name for name in names if name) or plain_spelling(written).casefold().strip()


def _last_without_possessive(words: Sequence[Word]) -> list[str]:
    return [*(word.folded for word in words[:-1]), *(_owner(word) for word in words[-1:])]


def _owner(word: Word) -> str:
    return word.folded if word.cased_stem is None or word.stem is None else word.stem


def only_run(written: str) -> Run | None:
    """Words of a searchable name; None if empty or separated."""
    found = list(runs(written))
    parted = any(token.lastgroup in _PARTS for token in _TOKEN.finditer(written))
    return found[0] if len(found) == 1 and not parted else None
