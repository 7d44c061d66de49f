"""Emotion from cue words: hand-made lists for Ekman's six emotions (Ekman 1992), with negation."""

from __future__ import annotations

from collections.abc import Sequence

from alphaads_pipelines.nlp import emoji as emojis
from alphaads_pipelines.nlp import idioms
from alphaads_pipelines.schema.tables import EMOTIONS

_WORDS: dict[str, str] = {
    "anger": """anger angered angry annoyed annoying annoys asshole bastard betrayed bitter bullshit bully bullying
        damn enraged fuming furious fury grumpy grudge hate hated hateful hates hating hostile idiot idiots infuriating
        insulting irritated irritates irritating livid mad offended offensive outrage outraged outrageous pissed
        provoked rage raging resent resentful resentment revenge ridiculous ripoff rude scam screwed snapped stfu
        temper unacceptable wrath""",
    "disgust": """appalling awful creepy cringe despicable disgrace disgraceful disgust disgusted disgusting disgusts
        eww ewww filthy foul gag garbage gross hideous horrid loathe nasty nauseating nauseous obscene puke rancid
        repulsive revolting rotten shameful sickening slimy stink stinking stinks trashy vile vomit yuck""",
    "fear": """afraid alarmed alarming anxiety anxious apprehensive creeped danger dangerous dread dreadful dreading
        fear feared fearful fears freaked fright frightened frightening horror insecure intimidated menace nerves
        nervous nervously nightmare nightmares panic panicked panicking paranoid petrified scare scared scares scary
        shaking shudder spooked terrified terrifies terrifying terror threat threatened threatening timid trembling
        uneasy unsafe worried worries worry worrying""",
    "joy": """amazing amused awesome beautiful best blessed blissful brilliant celebrate celebrated celebrating
        celebration cheer cheerful cheering cheerfully cheers cheery congrats congratulations delight delighted
        delightful ecstatic elated enjoy enjoyed enjoying enjoys excellent excited excitement exciting exhilarating
        fabulous fantastic fun glad glee gleeful grateful great grin grinning haha hahaha happier happily happiness
        happy hilarious hilarity hooray hopeful joy joyful joyous jubilant laugh laughing laughter lively lmao lol love
        loved lovely loves loving lmfao merry musically optimism optimistic perfect playful pleased proud rejoice
        rejoicing smile smiled smiles smiling sparkling superb thankful thrilled victory winning wonderful woohoo
        yay yummy""",
    "sadness": """alone ashamed bereaved blues broken cried cries cry crying dark depressed depressing depression
        despair devastated devastating disappointed disappointing disappointment discourage discouraged dismal dull
        forlorn gloomy grief grieving gutted heartache heartbreak heartbreaking heartbroken hopeless hurt hurting hurts
        lonely lost melancholy mourn mourning miserable misery misses missed mope numb pity regret rejected sad sadden
        saddened sadly sadness sob sobbing sober sombre sorrow sorry suffer suffering suicidal tears tragedy tragic
        unfortunately unhappy upset weary weep weeping worthless""",
    "surprise": """astonished astonishing astounded flabbergasted gobsmacked gosh incredible mindblown mindblowing omg
        omfg plot-twist shock shocked shocker shocking speechless startled stunned stunning surprise surprised surprises
        surprising surprisingly twist unbelievable unbelievably unexpected unexpectedly unreal whoa woah wow wtf""",
    "neutral": "alright fine meh indifferent whatever",
}
_WORD_CUES = {word: emotion for emotion, words in _WORDS.items() for word in words.split()}
CUES: dict[str, str] = {**_WORD_CUES, **idioms.EMOTION}

_CUE_WORDS = frozenset(CUES)
_NEGATIONS = frozenset(
    """not no never without hardly nobody isn't wasn't aren't don't doesn't didn't can't cannot won't wouldn't couldn't
    ain't isnt wasnt arent dont doesnt didnt cant wont nothing neither nor""".split()
)
_REACH = 3
"""A negation cancels cues up to this many words after it."""
_EMOJI_WEIGHT = 1.5
_SMOOTHING = 0.15


def emotion_probabilities(lower: Sequence[str], emoji: Sequence[str]) -> dict[str, float] | None:
    """Return each emotion's smoothed share of the cues; None without a cue.

    `lower` are English words in lower case with idioms joined; `emoji` those with a valence.
    """
    weights = {} if _CUE_WORDS.isdisjoint(lower) else _from_words(lower)
    for each in emoji:
        emotion = emojis.EMOTION.get(each)
        if emotion is not None:
            weights[emotion] = weights.get(emotion, 0.0) + _EMOJI_WEIGHT
    if not weights:
        return None
    total = sum(weights.values()) + _SMOOTHING * len(EMOTIONS)
    return {emotion: (weights.get(emotion, 0.0) + _SMOOTHING) / total for emotion in EMOTIONS}


def _from_words(lower: Sequence[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    negated_until = -1
    for place, word in enumerate(lower):
        if word in _NEGATIONS:
            negated_until = place + _REACH
        elif word in _CUE_WORDS and place > negated_until:
            weights[CUES[word]] = weights.get(CUES[word], 0.0) + 1.0
    return weights
