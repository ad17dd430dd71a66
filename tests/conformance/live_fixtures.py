"""Sessions of GPT-Live for aimock, written for exactly what a test will send."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

Side = Literal["client", "server"]

SESSION: dict[str, Any] = {
    "model": "gpt-live-1",
    "instructions": "Count the reps.",
    "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
    "delegation": {"type": "client"},
}
EXPIRES_AT = 2_000_000_000


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class Tape:
    """What both sides say, in order. Identifiers are free: the tape only says which are the same.

    A server's event is sent once everything that the client says before it on the tape has come.
    """

    def __init__(self, session: Mapping[str, Any] = SESSION) -> None:
        self.session = dict(session)
        self.entries: list[dict[str, Any]] = []
        self.bindings: list[dict[str, Any]] = []
        self._owners: dict[str, Side] = {}
        self._commands = self._bytes = 0

    def put(self, side: Side, event: dict[str, Any], **ids: str) -> None:
        """Add an event; `ids` are its identifiers by their pointers, `/` written as `__`: `session__id="sess"`."""
        entry: dict[str, Any] = {"direction": side, "atMs": 10 * len(self.entries), "event": event}
        if side == "server":
            entry["barrier"] = {"command": self._commands, "audioBytes": self._bytes}
        elif event["type"] == "session.input_audio.append":
            self._bytes += len(base64.b64decode(event["audio"]))
        else:
            self._commands, self._bytes = self._commands + 1, 0
        for pointer, name in ids.items():
            action = "reference" if name in self._owners else "define"
            owner = self._owners.setdefault(name, side)
            place = "/" + pointer.replace("__", "/")
            entry_id = len(self.entries)
            self.bindings.append({"entry": entry_id, "pointer": place, "name": name, "action": action, "owner": owner})
            _set(event, place, name)
        self.entries.append(entry)

    def start(self) -> None:
        """The set-up and its acknowledgement."""
        self.put("client", {"type": "session.start", "session": self.session}, event_id="start")
        self.put(
            "server",
            {"type": "session.started", "session": self._resource()},
            event_id="started",
            client_event_id="start",
            session__id="session",
        )

    def hear(self, pcm16: bytes) -> None:
        """Sound from the client, in chunks of any size."""
        self.put("client", {"type": "session.input_audio.append", "audio": b64(pcm16)})

    def say(self, pcm16: bytes) -> None:
        """Sound from the model."""
        self.put("server", {"type": "session.output_audio.delta", "delta": b64(pcm16)})

    def tell(self, kind: str, name: str, **members: Any) -> None:
        """Another event of the service without further identifiers."""
        self.put("server", {"type": kind, **members}, event_id=name)

    def close(self, reason: str = "close_requested", *, asked: bool = True, seconds: float = 1.0) -> None:
        """The end: `asked` for by the client, or of the service's own."""
        closed = {"type": "session.closed", "reason": reason, "usage": {"seconds": seconds}}
        closed["session"] = self._resource()
        if asked:
            self.put("client", {"type": "session.close"}, event_id="close")
            self.put("server", closed, event_id="closed", client_event_id="close", session__id="session")
        else:
            self.put("server", closed, event_id="closed", session__id="session")

    def write(self, path: Path) -> Path:
        """The fixture, for aimock to load."""
        managed = self.session["delegation"]["type"] == "responses"
        live = {
            "version": 1,
            "model": "gpt-live-1",
            "mode": "managed" if managed else "client",
            "audio": {"encoding": "pcm16le", "sampleRateHz": 24000, "channels": 1},
            "configuration": self.session,
            "entries": self.entries,
            "bindings": self.bindings,
            "capture": {"source": "authored", "complete": True, "terminalEntry": len(self.entries) - 1},
        }
        match = {"endpoint": "openai-live", "model": "gpt-live-1"}
        response = {"live": live, "liveTiming": "immediate"}
        path.write_text(json.dumps({"fixtures": [{"match": match, "response": response}]}), encoding="utf-8")
        return path

    def _resource(self) -> dict[str, Any]:
        return {"expires_at": EXPIRES_AT, "status": "active", "input": [], **self.session}


def with_sound(fixture: Mapping[str, Any], sound: Sequence[bytes]) -> dict[str, Any]:
    """A fixture of aimock's own with our sound: `sound[k]` comes from the client before its k-th command but the first.

    Its own fixtures have one short append, right after the set-up; a client that streams always has one before each.
    """
    whole: dict[str, Any] = json.loads(json.dumps(fixture))
    whole["fixtures"][0]["response"]["liveTiming"] = "immediate"
    live = whole["fixtures"][0]["response"]["live"]
    entries: list[dict[str, Any]] = []
    places: dict[int, int] = {}
    chunks = list(sound)
    commands = streamed = 0
    for old, entry in enumerate(live["entries"]):
        if entry["event"]["type"] == "session.input_audio.append":
            continue
        if entry["direction"] == "client":
            if commands and chunks and (chunk := chunks.pop(0)):
                entries.append(_append(chunk, entry["atMs"]))
            commands, streamed = commands + 1, 0
        elif commands == 1 and entry["barrier"]["audioBytes"]:
            # What waits for sound waits for the first of ours.
            if not streamed:
                entries.append(_append(chunks.pop(0), entry["atMs"]))
                streamed = len(base64.b64decode(entries[-1]["event"]["audio"]))
            entry["barrier"] = {"command": 1, "audioBytes": streamed}
        places[old] = len(entries)
        entries.append(entry)
    for binding in live["bindings"]:
        binding["entry"] = places[binding["entry"]]
    live["entries"] = entries
    live["capture"]["terminalEntry"] = len(entries) - 1
    return whole


def _append(pcm16: bytes, at_ms: int) -> dict[str, Any]:
    event = {"type": "session.input_audio.append", "audio": b64(pcm16)}
    return {"direction": "client", "atMs": at_ms, "event": event}


def _set(event: dict[str, Any], pointer: str, value: str) -> None:
    *path, last = pointer[1:].split("/")
    holder = event
    for name in path:
        holder = holder[name]
    holder[last] = value
