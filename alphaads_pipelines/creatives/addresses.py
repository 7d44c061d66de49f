"""Links, domains, mail addresses and handles in a text, also where they are written around."""

from __future__ import annotations

import re

from alphaads_pipelines.campaigns.text.normalisation import skeleton
from alphaads_pipelines.campaigns.text.phrases import leet

_ENDINGS = "|".join(
    leet(each)
    for each in "ai app biz club co com de dev eu example fr info invalid io it link ly me net online org pl ru shop "
    "site store test top tv uk xyz".split()
)
"""A few top-level domains: beside anything but a plain full stop, only a known one makes an address."""

_ADDRESS = re.compile(
    r"h(?:tt|xx)ps?:|:\s*/\s*/|www\.|@"
    r"|[^\s.]\.[a-z]{2,}\b"
    rf"|[^\W_](?:[.·•‧∙。]| \. ?| ?[\[({{<] ?(?:\.|dot) ?[\])}}>] ?| dot )(?=\w*[a-z])(?:{_ENDINGS})\b"
)
_SPELLED_OUT = re.compile(r"(?<![^\W_])[a-z0-9](?:(?:[^\w,]|_|,(?!\s))+[a-z0-9](?![^\W_])){4,}")
"""Five single letters or figures in a row, but for a list with commas."""


def has_address(text: str) -> bool:
    """Whether a text, as an eye reads it, names a place on the net."""
    read = skeleton(text)
    return bool(_ADDRESS.search(read) or _ADDRESS.search(read[::-1]))


def is_spelled_out(text: str) -> bool:
    """Whether a word is written letter by letter: nobody reads what it says but a person."""
    return any(sum(map(str.isalpha, run)) >= 3 for run in _SPELLED_OUT.findall(skeleton(text)))
