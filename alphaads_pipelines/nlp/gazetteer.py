"""Gazetteer: finds tracked names in posts and links a model's entities to them.

Spelling is compared as in names.py. A name matches on word boundaries, also with a possessive or plural ending, and in
a hashtag: whole (#NikeAir, #nikeair for `Nike Air`) or at a change of case (#NikeAir for `Nike`). Case-sensitive names,
such as Apple, must match exactly and take no plural. The longest overlapping name wins, and the smaller id where an
alias is shared.

Lookup is by hash: cost per post does not grow with the number of aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.nlp.base import Entity
from alphaads_pipelines.nlp.names import Run, Word, normal_name, only_run, runs
from alphaads_pipelines.schema.tables import ENTITY_TYPES, KINDS, PERSON

MOST_WORDS, LONGEST_ALIAS, MOST_ALIASES = 12, 200, 100
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


class TrackedName(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"tracked_id": "id", "entity_type": "type", "is_exact_case": "exact_case"},
):
    """A tracked name as users define it (JSON: id, type, exact_case).

    `kind` is one of KINDS, `entity_type` of ENTITY_TYPES.
    """

    tracked_id: str
    name: str
    kind: str
    entity_type: str
    aliases: tuple[str, ...] = ()
    campaign_ids: tuple[str, ...] = ()
    is_exact_case: bool = False


class LinkedEntity(msgspec.Struct, frozen=True, gc=False):
    """An entity of a post. `name` is its compared form; `source` is one of ENTITY_SOURCES.

    `person` is a tracked person's compared name, else None. It replaces the id, which may be a name.
    """

    type: str
    start: int
    end: int
    source: str
    name: str
    confidence: float | None = None
    tracked_id: str | None = None
    campaign_ids: tuple[str, ...] = ()
    person: str | None = None


class _Alias(msgspec.Struct, frozen=True, gc=False):
    tracked: TrackedName
    name: str
    has_stops: bool


class _Index:
    def __init__(self, joint: str) -> None:
        self.joint = joint
        self._folded: dict[str, _Alias] = {}
        self._cased: dict[str, _Alias] = {}

    def add(self, words: Sequence[Word], alias: _Alias) -> None:
        """Add an alias; the first of equals is kept."""
        if alias.tracked.is_exact_case:
            self._cased.setdefault(self.joint.join(word.cased for word in words), alias)
        else:
            self._folded.setdefault(self.joint.join(word.folded for word in words), alias)

    def find(self, words: Sequence[Word]) -> tuple[_Alias, int] | None:
        """The alias spelled by these words and its end in the text."""
        last = words[-1]
        if alias := self._get(words, last.cased, last.folded):
            return alias, last.end
        if last.stem is not None and (alias := self._get(words, last.cased_stem, last.stem)):
            return alias, last.stem_end
        return None

    def _get(self, words: Sequence[Word], cased: str | None, folded: str) -> _Alias | None:
        before = words[:-1]
        if self._cased and cased is not None:
            exact = self._cased.get(self.joint.join((*(word.cased for word in before), cased)))
            if exact is not None:
                return exact
        return self._folded.get(self.joint.join((*(word.folded for word in before), folded)))


class Gazetteer:
    """The tracked names of one version, validated by `check`. Linking is pure and never raises."""

    def __init__(self, names: Iterable[TrackedName] = (), version: int = 0) -> None:
        self.version = version
        self._phrases, self._tags = _Index(" "), _Index("")
        lengths: dict[str, set[int]] = {}
        for tracked in sorted(names, key=lambda each: each.tracked_id):
            for written in (tracked.name, *tracked.aliases):
                run = _alias_run(written)
                if run is not None:
                    self._add(tracked, written, run)
                    lengths.setdefault(run.words[0].folded, set()).add(len(run.words))
        self._lengths = {word: tuple(sorted(each)) for word, each in lengths.items()}

    def _add(self, tracked: TrackedName, written: str, run: Run) -> None:
        alias = _Alias(tracked, normal_name(_without_hash(written)), bool(run.stops))
        self._phrases.add(run.words, alias)
        self._tags.add(run.words, alias)

    def link(self, text: str, entities: Iterable[Entity] | None) -> list[LinkedEntity]:
        """Return tracked names and the model's other entities in text order, without overlaps.

        A tracked name replaces an overlapping entity, except a person: Tim Apple is not Apple. `entities` is None if
        the model's tier finds none.
        """
        named = [self._named(text, each) for each in entities or ()]
        people = [each for each in named if each.type == "PER" and each.tracked_id is None]
        found = [each for each in self._found(text) if each.type == "PER" or not _is_within(each, people)]
        return _without_overlaps([*named, *found], len(text))

    def _named(self, text: str, entity: Entity) -> LinkedEntity:
        written = text[entity.start : entity.end]
        alias = self._alias_of(written) if self._lengths else None
        if alias is None:
            name = normal_name(written)
            return LinkedEntity(entity.type, entity.start, entity.end, "model", name, entity.confidence)
        return _linked(alias, entity.start, entity.end, "model", entity.confidence)

    def _alias_of(self, written: str) -> _Alias | None:
        """An entity may also be written as one word."""
        run = only_run(_without_hash(written))
        if run is None:
            return None
        found = self._phrases.find(run.words) or self._tags.find(run.words)
        return found[0] if found else None

    def _found(self, text: str) -> Iterator[LinkedEntity]:
        if not self._lengths:
            return
        for run in runs(text):
            places = self._places_in_tag(run.words) if run.is_tag else self._places(run.words)
            for start, end in places:
                words = run.words[start:end]
                match = (self._tags if run.is_tag else self._phrases).find(words)
                if match and (match[0].has_stops or not any(start < stop < end for stop in run.stops)):
                    yield _linked(match[0], words[0].start, match[1], "gazetteer")

    def _places(self, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
        for start, word in enumerate(words):
            lengths = self._lengths.get(word.folded, ())
            if word.stem in self._lengths:
                lengths = (*lengths, 1)
            for length in lengths:
                if start + length <= len(words):
                    yield start, start + length

    def _places_in_tag(self, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
        for start in range(len(words)):
            for end in range(start + 1, min(start + MOST_WORDS, len(words)) + 1):
                yield start, end


def _linked(alias: _Alias, start: int, end: int, source: str, confidence: float | None = None) -> LinkedEntity:
    tracked = alias.tracked
    person = normal_name(_without_hash(tracked.name)) if tracked.kind == PERSON else None
    ids = (tracked.tracked_id, tracked.campaign_ids, person)
    return LinkedEntity(tracked.entity_type, start, end, source, alias.name, confidence, *ids)


def _is_within(entity: LinkedEntity, others: Sequence[LinkedEntity]) -> bool:
    return any(each.start <= entity.start and entity.end <= each.end for each in others)


def _without_overlaps(entities: list[LinkedEntity], length: int) -> list[LinkedEntity]:
    """Prefer tracked names, then longer ones, then the model's."""
    entities.sort(key=lambda each: (each.tracked_id is None, each.start - each.end, each.source != "model", each.start))
    taken, kept = bytearray(length), []
    for each in entities:
        if each.start < each.end and taken.find(1, each.start, each.end) < 0:
            taken[each.start : each.end] = b"\1" * (each.end - each.start)
            kept.append(each)
    return sorted(kept, key=lambda each: each.start)


def _without_hash(written: str) -> str:
    return written.strip().lstrip("#＃")


def _alias_run(written: str) -> Run | None:
    run = only_run(_without_hash(written))
    return run if run is not None and len(run.words) <= MOST_WORDS else None


def check(tracked: TrackedName) -> None:
    """Raise InvalidRequest, naming the field, if the name cannot be searched for."""
    if not _ID.fullmatch(tracked.tracked_id):
        raise InvalidRequest("id: must be letters, digits and . _ : - (at most 64)")
    if tracked.kind not in KINDS:
        raise InvalidRequest(f"kind: must be one of {', '.join(KINDS)}")
    if tracked.entity_type not in ENTITY_TYPES:
        raise InvalidRequest(f"type: must be one of {', '.join(ENTITY_TYPES)}")
    if len(tracked.aliases) > MOST_ALIASES or len(tracked.campaign_ids) > MOST_ALIASES:
        raise InvalidRequest(f"aliases, campaign_ids: at most {MOST_ALIASES} of each")
    if not all(_ID.fullmatch(each) for each in tracked.campaign_ids):
        raise InvalidRequest("campaign_ids: must be letters, digits and . _ : - (at most 64)")
    for field, written in (("name", tracked.name), *(("aliases", each) for each in tracked.aliases)):
        if len(written) > LONGEST_ALIAS or not written.isprintable() or _alias_run(written) is None:
            raise InvalidRequest(
                f"{field}: must be 1 to {MOST_WORDS} words that stand together, at most {LONGEST_ALIAS} characters; "
                "a link, a mention or an emoji is no word"
            )
