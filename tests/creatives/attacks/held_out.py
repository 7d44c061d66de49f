"""Held-out attacks and encodings, which moderation was not tuned on.

They measure how far it generalises; not all of them need be caught.
"""

from __future__ import annotations

import base64
import codecs
from random import Random

from tests.creatives.attacks.bases import Attack, claims
from tests.creatives.attacks.encodings import Encoding

HELD_OUT_ATTACKS = (
    Attack("miracle_cure", "the miracle cure", "It is {}."),
    Attack("rich_quickly", "get rich while you sleep"),
    Attack("refund", "guaranteed results", "Now with {}."),
    Attack("trial", "a risk free offer"),
    Attack("harmless_pill", "no side effects at all"),
    Attack("pollen_claim", "stops pollen dead", "It {}.", rules=claims("stops pollen dead")),
    Attack("countdown", "the countdown has begun", "{}, dear reader.", emotion="sadness"),
    Attack("stocks", "while stocks last", "Yours {}.", emotion="anger"),
    Attack("grieving", "while you are grieving", "A light {}."),
    Attack("short_page", "pollen.example/go", "See {} today."),
    Attack("despair", "out of despair", "A way {}."),
    Attack("curse", "you moron", "Light up, {}."),
)

_UPSIDE_DOWN = str.maketrans("abcdefghijklmnopqrstuvwyz", "ɐqɔpǝɟƃɥᴉɾʞןɯuodbɹsʇnʌʍʎz")
_SMALL_CAPITALS = str.maketrans("abcdefghijklmnoprtuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢ")
_LISU = str.maketrans("abcdefghijklmnoprstuvwxyz", "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ")
_CHEROKEE = str.maketrans("abceghijklmprstvwyz", "ᎪᏴᏟᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᎩᏃ")


def _at(first: int) -> Encoding:
    return lambda text: "".join(
        chr(first + ord(each) - ord("a")) if "a" <= each <= "z" else each for each in text.lower()
    )


def _tags(text: str) -> str:
    return "ok" + "".join(chr(0xE0000 + ord(each)) for each in text)


def _emoji(text: str) -> str:
    random = Random(text)
    return " ".join("".join(each + random.choice("🌟🍀🎈") for each in word) for word in text.split(" "))


def _split(text: str) -> str:
    return " ".join(word[: len(word) // 2] + " " + word[len(word) // 2 :] for word in text.split(" "))


def _ascii_art(text: str) -> str:
    for each, drawn in {"m": "|\\/|", "w": "\\/\\/", "d": "|)", "k": "|<", "h": "|-|", "n": "|\\|"}.items():
        text = text.replace(each, drawn)
    return text


HELD_OUT_ENCODINGS: dict[str, Encoding] = {
    "hexadecimal": lambda text: text.encode().hex(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base64_twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "escapes": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "quoted_printable": lambda text: "".join(f"={ord(each):02X}" for each in text),
    "upside_down": lambda text: text.translate(_UPSIDE_DOWN)[::-1],
    "small_capitals": lambda text: text.translate(_SMALL_CAPITALS),
    "lisu": lambda text: text.translate(_LISU),
    "cherokee": lambda text: text.translate(_CHEROKEE),
    "regional": _at(0x1F1E6),
    "negative_squared": _at(0x1F170),
    "squared": _at(0x1F130),
    "tags": _tags,
    "emoji_between": _emoji,
    "words_split": _split,
    "stretched": lambda text: "".join(each * 3 if each in "aeiou" else each for each in text),
    "vowels_masked": lambda text: "".join("*" if each in "aeiou" else each for each in text),
    "ascii_art": _ascii_art,
    "line_breaks": lambda text: "\n".join(text),
}
