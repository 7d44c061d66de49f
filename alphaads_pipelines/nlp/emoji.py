"""Valence of emoji on VADER's scale (-4 to 4), and the emotion of some.

VADER reads emoji by their Unicode names: the angry face and red heart score 0, the flag of the United States is
positive, a game die negative. So only this table counts.
"""

from __future__ import annotations

import re

# emotion ("" for none) -> valence -> emoji; variation selectors and skin tones are ignored.
_TABLE: dict[str, dict[float, str]] = {
    "joy": {
        3.0: "😍🥰😘❤♥💕💖💗💓💞💘💝🤩🥳😻",
        2.5: "😀😃😄😁😊🎉🎊🧡💛💚💙💜🤗🙌💑💏💌😚😙😗🤎🤍🩷🩵🩶❣💟",
        2.0: "😂🤣😆😎😇😋☺🙂😌😺😸😹😽🎂🥂✨💋",
        1.5: "😉😜😛😝🤪🤭🤠🫶😅🖤",
    },
    "": {
        2.5: "👏🏆🥇💯☮",
        2.0: "👍👌🏅🎖🌟⭐",
        1.5: "💪🙏✌🤟🤝🔥🤞🥈🥉💐",
        0.5: "😏😼",
        -1.0: "🙃🤷😑",
        -1.5: "🤦🙅🤥💣⛔",
        -2.5: "👎",
    },
    "anger": {-3.5: "😡🤬👿", -3.0: "😠💢🖕🗯", -2.0: "😤🙄😾🙎"},
    "disgust": {-3.0: "🤮🤢", -2.5: "💩😒", -2.0: "😖🥴"},
    "fear": {-2.5: "😱😨", -2.0: "😰😧😦🙀", -1.5: "😬🫣🫨"},
    "sadness": {-3.0: "💔😿", -2.5: "😢😞", -2.0: "😔☹🙁😟😕😣🥀😥😓🙍", -1.5: "😭😩😫🥺😪"},
    "surprise": {0.5: "😲😯😮🤯😳"},
}

VALENCE: dict[str, float] = {
    emoji: valence for rows in _TABLE.values() for valence, group in rows.items() for emoji in group
}
EMOTION: dict[str, str] = {
    emoji: name for name, rows in _TABLE.items() if name for group in rows.values() for emoji in group
}

PICTURES = re.compile(
    "[\u203c\u2049\u20e3\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff]+"
)
"""Runs of emoji; joiners and variation selectors are already removed (`text.readable`)."""

_MOST = 3


def emoji_in(pictures: str) -> list[str]:
    """List emoji with a valence, in order, each at most three times."""
    counts: dict[str, int] = {}
    found = []
    for character in pictures:
        if character in VALENCE and counts.get(character, 0) < _MOST:
            counts[character] = counts.get(character, 0) + 1
            found.append(character)
    return found
