"""What an adapter made of a recorded session against what the recording says by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.traces.expected import Expected, Final, Said
from tests.traces.lines import Fault
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    EndpointEvent,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    Unrecognized,
    UserTranscript,
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event, with the line of the frame that it came from (0: of none)."""

    line: int
    event: EndpointEvent


def faults_of(told: Sequence[Told], expected: Expected, *, opened: bool) -> list[Fault]:
    """Everything in which the two differ."""
    found = [*expected.faults, *_order(told), *_errors(told, expected), *_dones(told), *_heard(told, expected)]
    words: dict[int, str] = defaultdict(str)
    sound: dict[int, bytes] = defaultdict(bytes)
    for one in told:
        if isinstance(one.event, TextOut) and one.event.channel != "thought":
            words[one.line] += one.event.delta
        elif isinstance(one.event, AudioOut):
            sound[one.line] += one.event.pcm16
    for said in expected.said:
        found += _words(words, said)
        found += _sound(sound, said)
    for final in expected.finals:
        found += _final(words, final)
    stray = set(sound) - {line for said in expected.said for line in said.sound}
    found += [Fault(line, "gives sound, and the frame has none") for line in sorted(stray)]
    found += _calls(told, expected)
    if expected.turns:
        found += [*_turns(told, expected), *_ends(told)]
    if expected.opens is not None and not opened:
        found.append(Fault(expected.opens, "acknowledges the set-up, and the adapter did not notice"))
    # Sound that is no base64 is told by the recording's reader and by the adapter alike.
    return sorted(set(found))


def unknown_in(told: Sequence[Told]) -> list[str]:
    """Kinds of frames that were logged as unknown."""
    return [one.event.name for one in told if isinstance(one.event, Unrecognized)]


def _order(told: Sequence[Told]) -> Iterator[Fault]:
    newest = 0
    for one in told:
        if one.line and one.line < newest:
            yield Fault(one.line, f"its {type(one.event).__name__} came after events of line {newest}")
        newest = max(newest, one.line)


def _errors(told: Sequence[Told], expected: Expected) -> Iterator[Fault]:
    for one in told:
        if not isinstance(one.event, EndpointError):
            continue
        # A service may complain of its recorded client: that is what the recording says.
        ours = one.event.kind == "invalid_input" and one.line not in expected.received
        if ours or one.event.kind in ("protocol", "internal"):
            yield Fault(one.line, f"was not understood: {one.event.message}")


def _ends(told: Sequence[Told]) -> Iterator[Fault]:
    done: dict[str, int] = {}
    for one in told:
        response = one.event.response_id
        if response is None:
            continue
        if isinstance(one.event, TurnDone):
            if response in done:
                yield Fault(one.line, f"ends {response} a second time (first at line {done[response]})")
            done.setdefault(response, one.line)
        elif response in done and isinstance(one.event, AudioOut | TextOut):
            yield Fault(
                one.line, f"gives {type(one.event).__name__} of {response}, which ended at line {done[response]}"
            )


def _dones(told: Sequence[Told]) -> Iterator[Fault]:
    said: dict[tuple[str | None, str], str] = defaultdict(str)
    for one in told:
        event = one.event
        if isinstance(event, TextOut):
            said[event.item_id or event.response_id, event.channel] += event.delta
        elif isinstance(event, TextOutDone):
            came = said.pop((event.item_id or event.response_id, event.channel), "")
            if came and came != event.text:
                yield Fault(one.line, f"TextOutDone says {_short(event.text)}, the pieces before it {_short(came)}")


def _heard(told: Sequence[Told], expected: Expected) -> Iterator[Fault]:
    came = "".join(o.event.text for o in told if isinstance(o.event, UserTranscript) and o.event.final)
    written = "".join(text for _, text in expected.heard)
    if not _bare(came).startswith(_bare(written)):
        line = expected.heard[0][0] if expected.heard else 0
        yield Fault(line, f"the person said {_short(written)}, the adapter heard {_short(came)}")


def _words(words: dict[int, str], said: Said) -> Iterator[Fault]:
    for line, text in said.words.items():
        if words.get(line, "") != text and not (said.open_to_doubt(line) and not words.get(line)):
            yield Fault(line, f"says {_short(text)}, the adapter {_short(words.get(line, ''))}")


def _sound(sound: dict[int, bytes], said: Said) -> Iterator[Fault]:
    came = recorded = b""
    for line, pcm16 in said.sound.items():
        recorded += pcm16
        came += sound.get(line, b"")
        # A sample that is cut in two comes with its second half.
        if came != recorded[: len(recorded) // 2 * 2] and not (said.open_to_doubt(line) and not sound.get(line)):
            yield Fault(line, f"has {len(recorded)} bytes of sound so far, the adapter gave {len(came)} or other ones")
            return


def _final(words: dict[int, str], final: Final) -> Iterator[Fault]:
    if final.said.cut is not None:
        return
    came = "".join(words.get(line, "") for line in sorted(set(final.lines)))
    if came != final.text:
        yield Fault(final.line, f"the whole text is {_short(final.text)}, the adapter's pieces make {_short(came)}")


def _calls(told: Sequence[Told], expected: Expected) -> Iterator[Fault]:
    came = [(one.line, one.event) for one in told if isinstance(one.event, ToolCall)]
    for call, (line, event) in zip(expected.calls, came, strict=False):
        if event.name != call.name or event.arguments != call.arguments:
            wanted, got = _short(f"{call.name}({call.arguments})"), _short(f"{event.name}({event.arguments})")
            yield Fault(call.line, f"calls {wanted}, the adapter {got}")
        if call.call_id and event.call_id != call.call_id:
            yield Fault(call.line, f"calls with the id {call.call_id}, the adapter with {event.call_id}")
        if line < call.line and call.call_id == event.call_id:
            yield Fault(call.line, f"calls {call.name}, the adapter did so at line {line} already")
    for call in expected.calls[len(came) :]:
        yield Fault(call.line, f"calls {call.name}, the adapter calls nothing")
    for line, event in came[len(expected.calls) :]:
        yield Fault(line, f"the adapter calls {event.name}, which the recording does not")


def _turns(told: Sequence[Told], expected: Expected) -> Iterator[Fault]:
    came = [(one.line, one.event.status) for one in told if isinstance(one.event, TurnDone)]
    recorded = {said.done: said for said in expected.said if said.done is not None}
    for line, said in recorded.items():
        statuses = [status for at, status in came if at == line]
        if len(statuses) != 1:
            yield Fault(line, f"ends one response, the adapter {len(statuses)}")
        elif said.status in ("completed", "cancelled", "incomplete", "failed") and statuses[0] != said.status:
            yield Fault(line, f"ends a response as {said.status}, the adapter as {statuses[0]}")
    for line, _ in came:
        # Without a line: what a recording leaves open ends with its session.
        if line and line not in recorded:
            yield Fault(line, "ends no response, the adapter does")


def _bare(text: str) -> str:
    return "".join(text.split())


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
