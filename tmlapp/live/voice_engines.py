"""The speech engines that this machine may have, and the one that the settings choose."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from tmlapp.live.voice import ESPEAK_FIX, EspeakVoice, FileVoice, MissingVoice, Voice

AUTO, NONE = "auto", "none"
NO_VOICE_FIX = "Install espeak-ng, or choose another voice in the settings."

_FLITE = ("-voice", "slt", "-f", "{text}", "-o", "{wav}")
_SAY = ("-f", "{text}", "-o", "{wav}", "--file-format=WAVE", "--data-format=LEI16@24000")
# The files' names come through the environment: nothing of a text or a path is ever read as a command.
_SAPI = (
    "-NoProfile", "-NonInteractive", "-Command",
    "$ErrorActionPreference = 'Stop'; Add-Type -AssemblyName System.Speech; "
    "$form = New-Object System.Speech.AudioFormat.SpeechAudioFormatInfo(24000, 'Sixteen', 'Mono'); "
    "$voice = New-Object System.Speech.Synthesis.SpeechSynthesizer; "
    "$voice.SetOutputToWaveFile($env:TMLAPP_WAV, $form); "
    "$voice.Speak([IO.File]::ReadAllText($env:TMLAPP_TEXT)); $voice.Dispose()",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceEngine:
    """One speech engine.

    Attributes:
        name: as in `Settings.voice`.
        title: for people.
        found: its program is installed.
        tried: this project has run it on such a machine; the others are written after their manuals only.
        fix: how to get it.
    """

    name: str
    title: str
    found: bool
    tried: bool
    fix: str


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    title: str
    make: Callable[[], Voice]
    platforms: tuple[str, ...]
    fix: str


def _flite() -> Voice:
    return FileVoice("flite", _FLITE, _FLITE_FIX)


def _say() -> Voice:
    return FileVoice("say", _SAY, _SAY_FIX)


def _sapi() -> Voice:
    return FileVoice("powershell", _SAPI, _SAPI_FIX)


_FLITE_FIX = "Install flite (Debian and Ubuntu: apt install flite), or choose another voice in the settings."
_SAY_FIX = "say belongs to macOS; choose another voice in the settings."
_SAPI_FIX = "Windows PowerShell and a voice of Windows are needed; choose another voice in the settings."
_TRIED_ON = "linux"
_ANYWHERE = ("linux", "darwin", "win32")
_KNOWN = (
    _Known("espeak-ng", "espeak-ng", EspeakVoice, _ANYWHERE, ESPEAK_FIX),
    _Known("flite", "flite", _flite, _ANYWHERE, _FLITE_FIX),
    _Known("say", "say (macOS)", _say, ("darwin",), _SAY_FIX),
    _Known("sapi", "Windows speech", _sapi, ("win32",), _SAPI_FIX),
)
"""In the order in which `auto` looks for them."""


def _here(platform: str) -> list[_Known]:
    return [known for known in _KNOWN if platform in known.platforms]


def voices(platform: str = sys.platform) -> list[VoiceEngine]:
    """Every engine that `platform` can have, in the order in which `auto` looks for them."""
    return [
        VoiceEngine(name=k.name, title=k.title, found=k.make().available(), tried=platform == _TRIED_ON, fix=k.fix)
        for k in _here(platform)
    ]


def voice_for(setting: str, platform: str = sys.platform) -> Voice | None:
    """The voice that `Settings.voice` asks for.

    None for `none`, and for `auto` where no engine is installed. An engine chosen by name is given even if it is not
    there: its first text then says so, and no other voice speaks in its place.
    """
    if setting == NONE:
        return None
    made = {k.name: k.make() for k in _here(platform)}
    if setting == AUTO:
        return next((voice for voice in made.values() if voice.available()), None)
    return made.get(setting) or MissingVoice(
        setting, f"Choose one of {', '.join([*made, AUTO, NONE])} in the settings."
    )
