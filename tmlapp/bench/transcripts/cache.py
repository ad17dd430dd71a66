"""Transcripts that were made once are kept: by the sound, the known text and who transcribes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.bench.answer import Word
from tmlapp.bench.transcripts.base import Transcriber, Transcript
from tmlapp.bench.transcripts.registry import bound
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm


class CachedTranscriber:
    """`transcriber` with a folder of JSON files, one per sound; may be shared by threads and processes.

    A file that is damaged is made again. Nothing of the sound is kept, only its digest.
    """

    def __init__(self, transcriber: Transcriber, folder: Path) -> None:
        self._inner = transcriber
        self._folder = folder
        self.aligns = bool(getattr(transcriber, "aligns", False))
        self.recorded = bool(getattr(transcriber, "recorded", False))

    @property
    def name(self) -> str:
        return self._inner.name

    def provenance(self) -> Mapping[str, Any]:
        """That of the transcriber itself."""
        return self._inner.provenance()

    def for_item(self, item: str, part: str = "main") -> CachedTranscriber:
        """The same for one item, where transcripts belong to items."""
        chosen = bound(self._inner, item, part)
        return self if chosen is None or chosen is self._inner else CachedTranscriber(chosen, self._folder)

    def for_user(self, item: str, part: str = "main") -> CachedTranscriber | None:
        """The same for the user's sound in a part; None where recorded transcripts do not hold it."""
        choose = getattr(self._inner, "for_user", None)
        if choose is None:
            return self
        chosen: Transcriber | None = choose(item, part)
        return None if chosen is None else CachedTranscriber(chosen, self._folder)

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:
        """From the cache, or made now and kept.

        Raises:
            AppError: it cannot be transcribed, or the folder cannot be written.
        """
        path = self._folder / f"{self._key(pcm, text)}.json"
        kept = _read(path)
        if kept is not None:
            return kept
        made = self._inner.transcribe(pcm, text=text)
        _write(path, made)
        return made

    def _key(self, pcm: Pcm, text: str) -> str:
        about = json.dumps(dict(self.provenance()), sort_keys=True, ensure_ascii=True, default=str)
        digest = hashlib.sha256(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
        # An ear that hears for itself hears the same whatever is known.
        known = text if self.aligns else ""
        digest.update(b"\0" + hashlib.sha256(f"{about}\0{known}".encode(errors="surrogatepass")).digest())
        return digest.hexdigest()


def _read(path: Path) -> Transcript | None:
    try:
        value = json.loads(path.read_bytes())
        words = tuple(Word(float(a), None if b is None else float(b), str(text)) for a, b, text in value["words"])
        return Transcript(text=str(value["text"]), words=words, notes=tuple(str(n) for n in value["notes"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AppError(f"The transcript {path} cannot be read.", f"{error.strerror}.", "Check its rights.") from error
    except (ValueError, KeyError, TypeError):
        # Half a file of a disk that was full; it is made again.
        return None


def _write(path: Path, made: Transcript) -> None:
    value = {"text": made.text, "words": [[w.t0_s, w.t1_s, w.text] for w in made.words], "notes": list(made.notes)}
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(json.dumps(value, ensure_ascii=True).encode())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise AppError(f"The transcript {path} cannot be kept.", f"{error.strerror}.", "Make room there.") from error
