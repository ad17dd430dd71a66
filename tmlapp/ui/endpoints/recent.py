"""Addresses of endpoints that were used lately, and how an address is written for a person."""

from __future__ import annotations

from tmlapp.config.profiles import load_profiles
from tmlapp.core.errors import AppError
from tmlapp.ui.memory import remember, remembered

_PAGE = "endpoints-recent"
MOST = 6
_LONGEST = 28


def recent_addresses() -> list[str]:
    """The last ones, newest first; a file that cannot be read holds none."""
    found = remembered(_PAGE).get("addresses", [])
    return [a for a in found if isinstance(a, str)][:MOST] if isinstance(found, list) else []


def use_address(address: str) -> None:
    """`address` was used now.

    Raises:
        AppError: the list cannot be written.
    """
    before = recent_addresses()
    if before[:1] != [address]:
        remember(_PAGE, {"addresses": [address, *(a for a in before if a != address)][:MOST]})


def known_addresses() -> list[str]:
    """Every profile, then what was used lately; where the profiles cannot be read, none of them.

    The dialog of profiles says what is wrong with them.
    """
    try:
        stored = [profile.address for profile in load_profiles()]
    except AppError:
        stored = []
    return list(dict.fromkeys([*stored, *recent_addresses()]))


def address_text(address: str) -> str:
    """`address` as the header names it: a profile by its name, `onnx:tiny` as “onnx · tiny”, long ones shortened."""
    text = address.removeprefix("profile:") if address.startswith("profile:") else address.replace(":", " · ", 1)
    return text if len(text) <= _LONGEST else f"{text[:12]}…{text[-14:]}"
