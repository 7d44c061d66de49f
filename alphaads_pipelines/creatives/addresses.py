"""Detects links, domains, e-mail addresses and handles, also disguised."""

from __future__ import annotations

import re

from alphaads_pipelines.campaigns.text.normalisation import skeleton
from alphaads_pipelines.campaigns.text.phrases import leet

_ENDINGS = "|".join(
    leet(each)
    for each in "ai app biz club co com de dev eu example fr info invalid io it link ly me net online org pl ru shop "
    "site store test top tv uk xyz".split()
)
"""Top-level domains, required after any separator but a plain full stop."""

_ADDRESS = re.compile(
    r"h(?:tt|xx)ps?:|:\s*/\s*/|www\.|@"
    r"|[^\s.]\.[a-z]{2,}\b"
    rf"|[^\W_](?:[.·•‧∙。]| \. ?| ?[\[({{<] ?(?:\.|dot) ?[\])}}>] ?| dot )(?=\w*[a-z])(?:{_ENDINGS})\b"
)
_SPELLED_OUT = re.compile(r"(?<![^\W_])[a-z0-9](?:(?:[^\w,]|_|,(?!\s))+[a-z0-9](?![^\W_])){4,}")
"""Five single letters or digits in a row, but not a list with commas."""


def has_address(text: str) -> bool:
    """Whether a text contains an address, forwards or backwards."""
    read = skeleton(text)
    return bool(_ADDRESS.search(read) or _ADDRESS.search(read[::-1]))


def is_spelled_out(text: str) -> bool:
    """Whether a word is spelled letter by letter."""
    return any(sum(map(str.isalpha, run)) >= 3 for run in _SPELLED_OUT.findall(skeleton(text)))
