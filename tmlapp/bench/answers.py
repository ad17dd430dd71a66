"""From a recording to the answer that graders look at, on the item's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from tmlapp.bench.answer import UTTERANCE_GAP_S, Answer, ToolUse, Utterance, Word, utterances_of
from tmlapp.bench.transcripts.base import Transcriber, Transcript, VoiceActivity
from tmlapp.bench.transcripts.placement import (
    ModelSound,
    Placing,
    cut,
    model_sound,
    placed_sound,
    read_wav,
    write_wav,
)
from tmlapp.bench.transcripts.stream import Stream, Timing, shifted, stream_of, utterances_sent
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    BackgroundCalled,
    Delegation,
    DelegationReturned,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolReturned,
)
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, TURN_NS, samples_to_ns
from tmlapp.live.tools import OURS
from tmlapp.recording.reader import Recording

__all__ = ["AnswerParams", "answer_of", "model_sound", "read_wav", "user_sound", "write_wav"]

USER_TRANSCRIPT = "user_transcript"
"""Member of `Answer.extra`: somebody has listened to the user, even if there was nothing to hear."""

_MARGIN = SAMPLE_RATE_HZ // 5
"""Silence that an aligner gets on either side of a text's own sound."""


class Detector(Protocol):
    """Finds voice; `tmlapp.bench.transcripts.silero.VoiceActivityDetector`."""

    def __call__(self, pcm: Pcm) -> VoiceActivity: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerParams:
    """How an answer is read from a recording.

    Attributes:
        placing: where the model's sound lies: as received (default) or as the loudspeaker played it.
        timing: of the endpoint's own text: by its sound where it has one (default), or always as it was sent.
        gap_s: silence after which a new utterance begins.
        listen: what a transcriber hears: all of the model's sound (default), or only as much as the input is long, as
            official scripts that read output.wav.
        user: also find the user's voice, and write down the user's words if the transcriber hears any sound.
        user_text: what the user is known to say, for a forced alignment.
        delegates: tools that hand work to a background agent; calls of them are no tool use of the benchmark.
    """

    placing: Placing = "received"
    timing: Timing = "auto"
    gap_s: float = UTTERANCE_GAP_S
    listen: Literal["all", "input"] = "all"
    user: bool = False
    user_text: str = ""
    delegates: tuple[str, ...] = ("delegate",)


def answer_of(
    recording: Recording,
    *,
    media_t0_ns: int,
    duration_s: float | None = None,
    transcriber: Transcriber | None = None,
    user_transcriber: Transcriber | None = None,
    vad: Detector | None = None,
    params: AnswerParams | None = None,
    audio: str = "",
) -> Answer:
    """What the model did in `recording`.

    Args:
        recording: a finished session.
        media_t0_ns: session time of the first input sample or video frame: 0 on the item's clock. What came before
            has negative times.
        duration_s: length of the input; None: until the session ended.
        transcriber: None: the endpoint's own text with its times. One that aligns (`aligns` is true) gives word times
            to that text; any other hears the sound, and its words are the text that is graded.
        user_transcriber: for the user's sound; None: `transcriber`, unless its transcripts are recorded ones.
        vad: finds `speech_s` in the model's sound as long as the input, and `user_speech_s` in the user's.
        params: see `AnswerParams`.
        audio: path of the written sound inside the run.

    Raises:
        AppError: the recording is damaged, or the transcriber fails.
    """
    use = params or AnswerParams()
    if duration_s is None:
        duration_s = max(0, recording.duration_ns - media_t0_ns) / NS_PER_S
    _check(media_t0_ns, duration_s)
    samples = round(duration_s * SAMPLE_RATE_HZ)
    sound = placed_sound(recording, use.placing)
    pcm, tail = cut(sound, media_t0_ns, samples)
    stream = stream_of(recording.events((TextOut, TextOutDone)), sound, use.timing)
    said = _said(stream, sound, media_t0_ns, (pcm, tail), transcriber, use)
    tools, delegated = _tools(recording, media_t0_ns, use.delegates)
    answer = Answer(
        text=said.text,
        utterances=said.utterances,
        words=said.words,
        speech_s=None if vad is None else vad(pcm).segments_s,
        tools=tools,
        duration_s=duration_s,
        samples=samples,
        delegated=delegated,
        text_source=said.text_source,
        timing_source=said.timing_source,
        audio=audio,
        extra=_extra(said, stream, sound, transcriber, vad),
    )
    if not use.user:
        return answer
    ears = user_transcriber or (None if getattr(transcriber, "recorded", False) else transcriber)
    return _with_user(answer, user_sound(recording, media_t0_ns, samples), ears, vad, use)


def user_sound(recording: Recording, media_t0_ns: int, samples: int) -> Pcm:
    """The user's sound as the endpoint got it: int16 [samples] at 16 kHz from `media_t0_ns` on."""
    found, _ = recording.audio("/mic", media_t0_ns, media_t0_ns + samples_to_ns(samples) + TURN_NS)
    out: Pcm = np.zeros(samples, np.int16)
    out[: len(found)] = found[:samples]
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    text: str
    utterances: tuple[Utterance, ...]
    words: tuple[Word, ...]
    text_source: str
    timing_source: str
    notes: tuple[str, ...] = field(default=())


def _said(
    stream: Stream,
    sound: ModelSound,
    media_t0_ns: int,
    pcm: tuple[Pcm, Pcm],
    transcriber: Transcriber | None,
    use: AnswerParams,
) -> _Said:
    if transcriber is None:
        return _streamed(stream, media_t0_ns, use)
    if getattr(transcriber, "aligns", False):
        return _aligned(stream, sound, media_t0_ns, transcriber, use)
    return _transcribed(sound, media_t0_ns, pcm, transcriber, use)


def _streamed(stream: Stream, media_t0_ns: int, use: AnswerParams) -> _Said:
    utterances = utterances_sent(stream, media_t0_ns, use.gap_s)
    return _Said(
        text=_joined(stream),
        utterances=utterances,
        words=tuple(w for u in utterances for w in u.words),
        text_source="model_text",
        timing_source=_timing(stream),
    )


def _aligned(stream: Stream, sound: ModelSound, media_t0_ns: int, transcriber: Transcriber, use: AnswerParams) -> _Said:
    """Each text against its own stretch of sound; one that cannot be aligned keeps its onset and is noted."""
    utterances: list[Utterance] = []
    notes: list[str] = []
    for spoken in stream.spoken:
        alone = Stream(spoken=(spoken,))
        words: tuple[Word, ...] = ()
        if spoken.timing == "audio" and spoken.t1_ns is not None:
            lead_ns = spoken.t0_ns - samples_to_ns(_MARGIN)
            length = -(-(spoken.t1_ns - spoken.t0_ns) * SAMPLE_RATE_HZ // NS_PER_S)
            # Its own sound alone: that of the texts before and after would draw words away.
            heard = np.zeros(length + 2 * _MARGIN, np.int16)
            heard[_MARGIN : _MARGIN + length] = sound.track(spoken.t0_ns, length)
            transcript = transcriber.transcribe(heard, text=spoken.text)
            notes += transcript.notes
            words = shifted(transcript.words, (lead_ns - media_t0_ns) / NS_PER_S)
        utterances += utterances_of(words, use.gap_s) if words else utterances_sent(alone, media_t0_ns, use.gap_s)
    utterances.sort(key=lambda u: u.t0_s)
    return _Said(
        text=_joined(stream),
        utterances=tuple(utterances),
        words=tuple(w for u in utterances for w in u.words),
        text_source="model_text",
        timing_source=_timing(stream),
        notes=tuple(notes),
    )


def _transcribed(
    sound: ModelSound, media_t0_ns: int, pcm: tuple[Pcm, Pcm], transcriber: Transcriber, use: AnswerParams
) -> _Said:
    whole = pcm[0] if use.listen == "input" else np.concatenate(pcm)
    transcript = transcriber.transcribe(whole)
    words, texts, notes = transcript.words, [transcript.text], transcript.notes
    recorded = bool(getattr(transcriber, "recorded", False))
    before = max(0, media_t0_ns * SAMPLE_RATE_HZ // NS_PER_S)
    if use.listen == "all" and not recorded and before:
        # What is said before the media begin (an acknowledgement of a spoken instruction) is heard on its own.
        lead = sound.track(media_t0_ns - samples_to_ns(before), before)
        if lead.any():
            early = transcriber.transcribe(lead)
            words = (*shifted(early.words, -before / SAMPLE_RATE_HZ), *words)
            texts, notes = [early.text, *texts], (*early.notes, *notes)
    return _Said(
        text=" ".join(t.strip() for t in texts if t.strip()),
        utterances=utterances_of(words, use.gap_s),
        words=words,
        text_source="recorded" if recorded else "asr",
        timing_source="recorded" if recorded else "audio",
        notes=notes,
    )


def _joined(stream: Stream) -> str:
    return " ".join(s.text.strip() for s in stream.spoken)


def _timing(stream: Stream) -> str:
    return "audio" if stream.spoken and all(s.timing == "audio" for s in stream.spoken) else "text"


def _tools(recording: Recording, media_t0_ns: int, delegates: Sequence[str]) -> tuple[tuple[ToolUse, ...], bool]:
    """Calls with their last result, in order of time, and whether a background agent took part.

    What a background agent called on its way counts as the model's; only the time of its result is known.
    """
    calls: list[ToolCall] = []
    results: dict[str, ToolReturned] = {}
    found: list[ToolUse] = []
    delegated = False
    for event in recording.events((ToolCall, ToolReturned, Delegation, DelegationReturned, BackgroundCalled)):
        if isinstance(event, ToolCall):
            calls.append(event)
        elif isinstance(event, BackgroundCalled):
            delegated = True
            t_s = (event.t_ns - media_t0_ns) / NS_PER_S
            found.append(
                ToolUse(
                    name=event.name, arguments=event.arguments, t0_s=t_s, t1_s=t_s, output=event.output,
                    is_error=event.is_error,
                )
            )  # fmt: skip
        elif isinstance(event, ToolReturned):
            results[event.call_id] = event
            # An agent that could not be asked took no part.
            delegated = delegated or (event.name in delegates and not event.is_error)
        elif isinstance(event, Delegation):
            # Handed to the session, it counts once somebody has answered; a backend of the service has its own.
            delegated = delegated or event.target not in OURS or event.state == "done"
        else:
            delegated = True
    for call in calls:
        if call.name in delegates:
            continue
        tool = ToolUse(name=call.name, arguments=call.arguments, t0_s=(call.t_rx_ns - media_t0_ns) / NS_PER_S)
        if result := results.get(call.call_id):
            end_s = (result.t_ns - media_t0_ns) / NS_PER_S
            tool = replace(tool, t1_s=end_s, output=result.output, is_error=result.is_error)
        found.append(tool)
    return tuple(sorted(found, key=lambda tool: tool.t0_s)), delegated


def _with_user(
    answer: Answer, pcm: Pcm, transcriber: Transcriber | None, vad: Detector | None, use: AnswerParams
) -> Answer:
    heard = Transcript(text=use.user_text, words=())
    extra = dict(answer.extra)
    if transcriber is not None and (use.user_text or not getattr(transcriber, "aligns", False)):
        heard = transcriber.transcribe(pcm, text=use.user_text)
        # Nothing heard is not the same as nobody listening.
        extra |= {USER_TRANSCRIPT: True, "user_transcriber": dict(transcriber.provenance())}
        if heard.notes:
            extra["user_notes"] = list(heard.notes)
    return replace(
        answer,
        user_text=heard.text,
        user_words=heard.words,
        user_speech_s=None if vad is None else vad(pcm).segments_s,
        extra=extra,
    )


def _extra(
    said: _Said, stream: Stream, sound: ModelSound, transcriber: Transcriber | None, vad: Detector | None
) -> dict[str, Any]:
    extra: dict[str, Any] = {"placing": sound.placing}
    unfinished = [s.text for s in stream.spoken if not s.finished]
    interrupted = [s.text for s in stream.spoken if s.interrupted]
    for name, value in (
        ("unheard", list(stream.unheard)),
        ("unfinished", unfinished),
        ("interrupted", interrupted),
        ("notes", list(said.notes)),
        ("transcriber", None if transcriber is None else dict(transcriber.provenance())),
        ("vad", None if vad is None else dict(getattr(vad, "provenance", dict)())),
    ):
        if value:
            extra[name] = value
    return extra


def _check(media_t0_ns: int, duration_s: float) -> None:
    if media_t0_ns < 0 or not 0 <= duration_s < 1e6:
        raise AppError(
            "The answer cannot be read from its recording.",
            f"The media begin at {media_t0_ns / NS_PER_S} s and last {duration_s} s.",
            "Run the item again.",
        )
