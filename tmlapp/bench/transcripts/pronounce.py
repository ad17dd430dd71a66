"""How English words sound that no dictionary lists: good enough to place them in time, not to recognise them."""

from __future__ import annotations

import re
import unicodedata

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SIGNS = {
    "%": "percent",
    "&": "and",
    "+": "plus",
    "=": "equals",
    "@": "at",
    "$": "dollars",
    "€": "euros",
    "°": "degrees",
}
_LARGEST = 1_000_000_000

_PHONES = {
    "tch": "CH", "igh": "AY", "eau": "OW", "sch": "S K", "dge": "JH",
    "th": "TH", "sh": "SH", "ch": "CH", "ph": "F", "ck": "K", "qu": "K W", "ng": "NG", "wh": "W", "gh": "G", "kn": "N",
    "wr": "R", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "ai": "EY", "ay": "EY", "oa": "OW",
    "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ie": "IY", "ei": "EY", "ew": "UW", "ue": "UW", "er": "ER",
    "ir": "ER", "ur": "ER", "ar": "AA R", "or": "AO R", "zz": "Z", "ss": "S", "ll": "L", "tt": "T", "pp": "P",
    "bb": "B", "dd": "D", "ff": "F", "gg": "G", "mm": "M", "nn": "N", "rr": "R", "cc": "K",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K",
    "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V",
    "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_PIECE = re.compile("|".join(sorted(_PHONES, key=len, reverse=True)))
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+(?:,\d{3})*(?:\.\d+)?|[%&+=@$€°]")


def spoken_forms(written: str) -> tuple[str, ...]:
    """A written word as lower-case words of letters: "U.S.-based" → u s based, "21" → twenty one, "5%" → five percent.

    Empty where nothing of it can be said in English: punctuation, or another script.
    """
    plain = unicodedata.normalize("NFKD", written.replace("’", "'").replace("‘", "'")).lower()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    forms: list[str] = []
    for token in _TOKEN.findall(plain):
        if token[0].isdigit():
            forms += _number(token.replace(",", ""))
        else:
            forms.append(_SIGNS.get(token, token))
    return tuple(forms)


def guessed_phones(word: str) -> str:
    """Phones of the CMU set for a word of the letters a to z, from its spelling."""
    phones = [_PHONES[piece] for piece in _PIECE.findall(word)]
    # A silent e at the end of a longer word.
    if len(phones) > 2 and word.endswith("e") and not word.endswith(("ee", "ie", "ue")):
        phones.pop()
    return " ".join(phones)


def _number(digits: str) -> list[str]:
    whole, _, fraction = digits.partition(".")
    one_by_one = len(whole) > 1 and whole.startswith("0")
    words = [_ONES[int(d)] for d in whole] if one_by_one or int(whole) >= _LARGEST else _cardinal(int(whole))
    return words + (["point", *(_ONES[int(d)] for d in fraction)] if fraction else [])


def _cardinal(n: int) -> list[str]:
    if n < 20:
        return [_ONES[n]]
    if n < 100:
        return [_TENS[n // 10], *([_ONES[n % 10]] if n % 10 else [])]
    for size, name in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if n >= size:
            return [*_cardinal(n // size), name, *(_cardinal(n % size) if n % size else [])]
    raise AssertionError("every number from a hundred on has one of the sizes")
