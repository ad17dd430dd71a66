"""Texts that a voice speaks for a local model: on threads of their own, so that a slow one holds up no micro-turn."""

from __future__ import annotations

import threading

from tmlapp.core.endpoint import Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.media import AudioClip

PATIENCE_S = 0.6
"""In real time: how long an answer waits for its sound. After 1 s pictures are skipped, after 5 s it is given up."""

_NO_VOICE = "Install espeak-ng, or choose a voice in the settings."


class _Asked:
    """One text that is being spoken, or was; `late` once an answer has waited for it in vain."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.clip: AudioClip | None = None
        self.error: Exception | None = None
        self.late = False


class VoiceDesk:
    """What `synthesize` makes of texts; each is asked for once.

    Args:
        synthesize: None where there is no voice.
        patience_s: how long an answer waits for its sound; None for as long as it takes, then nothing is done aside.
    """

    def __init__(self, synthesize: Synthesizer | None, patience_s: float | None) -> None:
        self._synthesize = synthesize
        self._patience_s = patience_s
        self._asked: dict[str, _Asked] = {}

    def ask(self, text: str) -> None:
        """Have `text` spoken. That it cannot be is told by `spoken`."""
        if self._synthesize is None or text in self._asked:
            return
        asked = self._asked[text] = _Asked()
        if self._patience_s is None:
            _speak(text, asked, self._synthesize)
            _raise_bug(asked)
        else:
            work = threading.Thread(target=_speak, args=(text, asked, self._synthesize), name="voice", daemon=True)
            work.start()

    def spoken(self, text: str) -> tuple[AudioClip | None, str]:
        """The sound of `text`, or why there is none, for a person. Raises whatever else went wrong with the voice."""
        if self._synthesize is None:
            return None, f"There is no voice for “{text}”: it is shown only. {_NO_VOICE}"
        self.ask(text)
        asked = self._asked[text]
        # A voice that hangs holds up one answer, not each of them.
        if not asked.done.wait(0.0 if asked.late else self._patience_s):
            asked.late = True
            return None, f"“{text}” is shown only: the voice takes too long. Choose another one in the settings."
        _raise_bug(asked)
        return asked.clip, f"“{text}” is shown only. {asked.error}" if asked.error else ""


def _speak(text: str, asked: _Asked, synthesize: Synthesizer) -> None:
    try:
        asked.clip = synthesize(text)
    except Exception as error:  # noqa: BLE001 - it is told, or raised, where the text is needed
        asked.error = error
    finally:
        asked.done.set()


def _raise_bug(asked: _Asked) -> None:
    if asked.error is not None and not isinstance(asked.error, AppError):
        raise asked.error
