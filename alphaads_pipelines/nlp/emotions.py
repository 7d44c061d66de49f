"""Emotion from cue words: our own short lists for Ekman's six emotions (Ekman 1992), with negation.

Honest and small: where no cue stands there is no answer. A text that only has a plain "neutral" cue is neutral.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from alphaads_pipelines.nlp.emoji import EMOTION
from alphaads_pipelines.tables import EMOTIONS

_WORDS: dict[str, str] = {
    "anger": """angry anger furious rage raging livid mad outraged outrage annoyed annoying infuriating irritated
        irritating frustrated frustrating hate hated hates hating pissed fuming hostile resent resentful bitter rude
        unacceptable ridiculous enraged damn screwed scam ripoff betrayed insulting grumpy heated""",
    "disgust": """disgust disgusted disgusting gross nasty revolting sick sickening vile repulsive yuck ew eww filthy
        rotten stinks stinking foul awful horrid appalling creepy vomit puke nauseating gag shameful trashy""",
    "fear": """afraid scared scary fear fears fearful terrified terrifying terror horror anxious anxiety nervous worry
        worried worrying worries panic panicking frightened frightening dread dreading nightmare threat shaking
        alarmed alarming uneasy paranoid creeped spooked trembling insecure""",
    "joy": """happy happiness joy joyful love loved loves loving lovely glad delighted delight excited exciting
        excitement amazing awesome wonderful fantastic great excellent brilliant cheerful fun enjoy enjoyed enjoying
        enjoys smile smiling laugh laughing thrilled grateful thankful blessed yay hilarious perfect beautiful best
        proud celebrate celebrating winning superb""",
    "sadness": """sad sadness sadly unhappy depressed depressing depression cry crying cried tears heartbroken lonely
        alone miss missing missed grief grieving mourn mourning sorrow miserable misery hopeless disappointed
        disappointing gloomy hurt hurts broken lost regret sorry unfortunately weep sobbing dull gutted""",
    "surprise": """surprise surprised surprising surprisingly shocked shocking shock wow whoa omg unexpected
        unexpectedly unbelievable unbelievably astonished astonishing stunned speechless suddenly incredible
        mindblown gobsmacked wtf""",
    "neutral": """fine okay ok alright whatever meh average normal usual""",
}
CUES: dict[str, str] = {word: emotion for emotion, words in _WORDS.items() for word in words.split()}

_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_NEGATIONS = frozenset(
    (
        "not no never without hardly nobody isn't wasn't aren't don't doesn't didn't can't cannot won't wouldn't "
        "couldn't ain't isnt wasnt arent dont doesnt didnt cant wont"
    ).split()
)
_REACH = 3
"""A negation turns cues up to so many words after it off."""
_EMOJI_WEIGHT = 1.5
_STRONG = 1.0
_SMOOTHING = 0.15


def emotion_probabilities(text: str, emoji: Sequence[str]) -> dict[str, float] | None:
    """Probability of each emotion from the cues, smoothed; None if there is no cue.

    `text` is lower case English with idioms replaced; `emoji` those with a feeling.
    """
    weights: dict[str, float] = {}
    negated_until = -1
    for position, word in enumerate(_WORD.findall(text)):
        if word in _NEGATIONS:
            negated_until = position + _REACH
        elif word in CUES and position > negated_until:
            weights[CUES[word]] = weights.get(CUES[word], 0.0) + _STRONG
    for each in emoji:
        weights[EMOTION[each]] = weights.get(EMOTION[each], 0.0) + _EMOJI_WEIGHT
    if not weights:
        return None
    total = sum(weights.values()) + _SMOOTHING * len(EMOTIONS)
    return {emotion: (weights.get(emotion, 0.0) + _SMOOTHING) / total for emotion in EMOTIONS}
