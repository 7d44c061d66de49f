"""What an emoji says: our own valences, on VADER's scale (-4 to 4), for those that carry a feeling, and an emotion.

VADER reads emoji by the words of their names, which leaves the angry face and the red heart at 0 and lets a "pouting
face" pass for neutral. Emoji without a feeling (flags, food, tools) are not in the table and count nothing.
"""

from __future__ import annotations

import re

# emotion -> valence -> emoji; variation selectors are stripped before lookup.
_TABLE: dict[str, dict[float, str]] = {
    "joy": {
        3.0: "😍🥰😘❤💕💖💗💓💞💘💝🤩🥳😻",
        2.5: "😀😃😄😁😊🎉🎊🏆🧡💛💚💙💜🤗🙌👏💯",
        2.0: "😂🤣😆😎😇😋☺🙂👍👌💪✨🌟⭐🔥😺😸😹😽🎂🎁🥂🍾😌🤍🤎💟❣",
        1.5: "😉😜😛😝🤪🙏😏🤭🤠🫶🤝✌🤟",
    },
    "anger": {-3.5: "😡🤬👿", -3.0: "😠💢🖕", -2.0: "😤🙄😾"},
    "disgust": {-3.0: "🤮🤢", -2.5: "💩😒🤧", -2.0: "👎😖🥴"},
    "fear": {-2.5: "😱😨", -2.0: "😰😧😦🙀😬", -1.5: "😥😓🫣"},
    "sadness": {-3.0: "😭💔😿", -2.5: "😢😞😩😫🥺", -2.0: "😔☹🙁😟😕😣🥀", -1.5: "😪😶🖤"},
    "surprise": {0.5: "😲😯😮🤯😳"},
}

VALENCE: dict[str, float] = {
    emoji: valence for rows in _TABLE.values() for valence, group in rows.items() for emoji in group
}
EMOTION: dict[str, str] = {emoji: name for name, rows in _TABLE.items() for group in rows.values() for emoji in group}

PICTURES = re.compile(
    "[\u200d\u20e3\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\ufe0e\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f]+"
)
"""Runs of emoji and their joiners."""

_MOST = 3
"""A row of the same emoji says little more than three of it."""


def emoji_in(text: str) -> list[str]:
    """The emoji with a feeling, in order, each at most three times."""
    if text.isascii():
        return []
    counts: dict[str, int] = {}
    found = []
    for run in PICTURES.findall(text):
        for character in run:
            if character in VALENCE and counts.get(character, 0) < _MOST:
                counts[character] = counts.get(character, 0) + 1
                found.append(character)
    return found
