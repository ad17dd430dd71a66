"""Plays a recording's tracks; its position is what is heard at this moment, and everything else follows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Notice
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.live.player_run import Run, Stretch
from tmlapp.live.player_sound import OUT_RATE_HZ, Floats, Sound, render
from tmlapp.live.playout import Loudspeaker

SPEEDS = (1.0, 2.0, 4.0, 8.0)
NO_LOUDSPEAKER = "No loudspeaker is chosen."

_PUMP_NS = 10 * NS_PER_MS
_BLOCK = OUT_RATE_HZ // 50
_AHEAD = OUT_RATE_HZ * 8 // 100
_MOST_AHEAD = 4 * _AHEAD
_FADE = OUT_RATE_HZ // 200


class Player:
    """One engine clock for sound, picture and cursor. Any thread may call it; nothing here blocks its caller.

    With a loudspeaker the position comes from the times at which its converter sends each sample; without one
    (`silent` says why) it comes from `clock` alone, and nobody is told that there was sound.

    Args:
        duration_ns: length of what is played.
        choices: what can be heard, by name: each a mix of tracks. `choose` switches between them without a seam.
        loudspeaker: makes it; opened on the player's own thread when first needed. None: none is wanted.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        duration_ns: int,
        choices: Mapping[str, Sequence[Sound]],
        loudspeaker: Callable[[], Loudspeaker] | None = None,
    ) -> None:
        self.duration_ns = duration_ns
        self._clock = clock
        self._choices = {name: list(sounds) for name, sounds in choices.items()}
        self._choice = next(iter(self._choices), "")
        self._make = loudspeaker
        self._speaker: Loudspeaker | None = None
        self._silent = "" if loudspeaker is not None else NO_LOUDSPEAKER
        self._lost = False
        self._error: AppError | None = None
        self._run: Run | None = None
        self._at_ns = 0.0
        self._runs = 0
        self._lock = threading.RLock()
        self._pumping = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._flush = self._let_go = False
        self._ahead = _AHEAD
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------------ state

    @property
    def position_ns(self) -> int:
        """Session time of what is heard now."""
        with self._lock:
            self._settle()
            return round(self._at_ns)

    @property
    def playing(self) -> bool:
        with self._lock:
            self._settle()
            return self._run is not None

    @property
    def speed(self) -> float:
        """1 for the usual one, negative for backwards, 0 while nothing plays."""
        with self._lock:
            return self._run.speed if self._run is not None else 0.0

    @property
    def silent(self) -> str:
        """Why nothing is heard, in a sentence; empty while a loudspeaker is there (or was not needed yet)."""
        with self._lock:
            return self._silent

    @property
    def choice(self) -> str:
        """Name of the mix that is heard."""
        return self._choice

    def take_error(self) -> AppError | None:
        """What stopped it (a damaged recording), once."""
        with self._lock:
            error, self._error = self._error, None
            return error

    # ------------------------------------------------------------------ what a person does

    def play(self, start_ns: int | None = None, end_ns: int | None = None, *, loop: bool = False) -> None:
        """Play from `start_ns` (here, if None) to `end_ns` (the end), again and again if `loop`."""
        with self._lock:
            self._settle()
            if start_ns is None:
                start_ns = round(self._at_ns)
                # At the end there is nothing left to hear.
                start_ns = 0 if start_ns >= (end_ns or self.duration_ns) else start_ns
            end_ns = self.duration_ns if end_ns is None else min(end_ns, self.duration_ns)
            start_ns = min(max(0, start_ns), end_ns)
            self._begin(start_ns, (start_ns if loop else 0, end_ns), loop=loop, speed=1.0)

    def pause(self) -> None:
        """Stop where what was just heard is."""
        with self._lock:
            self._settle()
            if self._run is not None:
                self._run = None
                self._flush = True
                self._wake.set()

    def toggle(self) -> None:
        """Play or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def seek(self, t_ns: int) -> None:
        """Go on at `t_ns`: playing if it plays, standing if it stands. A loop that this leaves ends."""
        with self._lock:
            self._settle()
            t_ns = min(max(0, t_ns), self.duration_ns)
            run = self._run
            self._at_ns = float(t_ns)
            if run is not None:
                inside = run.start_ns <= t_ns <= run.end_ns
                limits = (run.start_ns, run.end_ns) if inside else (0, self.duration_ns)
                self._begin(t_ns, limits, loop=run.loop and inside, speed=run.speed)

    def shuttle(self, direction: int) -> None:
        """Forwards (1) or backwards (-1), each further call twice as fast, up to eight times."""
        with self._lock:
            self._settle()
            speed = self._run.speed if self._run is not None else 0.0
            if speed * direction > 0:
                faster = [s for s in SPEEDS if s > abs(speed)]
                speed = direction * (faster[0] if faster else SPEEDS[-1])
            else:
                speed = float(direction)
            self._begin(round(self._at_ns), (0, self.duration_ns), loop=False, speed=speed)

    def choose(self, name: str) -> None:
        """Hear another mix from the same position on; what plays goes on without a gap or a jump.

        Raises:
            KeyError: there is none of this name.
        """
        with self._lock:
            if name not in self._choices:
                raise KeyError(name)
            self._choice = name

    def set_choices(self, choices: Mapping[str, Sequence[Sound]]) -> None:
        """Other mixes; the current name stays if it is among them."""
        with self._lock:
            self._choices = {name: list(sounds) for name, sounds in choices.items()}
            if self._choice not in self._choices:
                self._choice = next(iter(self._choices), "")

    def release(self) -> None:
        """Pause, and give the loudspeaker back to the system until something plays again."""
        with self._lock:
            self.pause()
            self._let_go = True
            self._wake.set()

    # ------------------------------------------------------------------ engine

    def start(self) -> None:
        """Begin to serve the loudspeaker, on a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="tmlapp-player", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop, and close the loudspeaker."""
        with self._lock:
            self._run, self._closing = None, True
            self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._close_speaker()

    def pump(self) -> None:
        """One round of the engine: open, feed and ask the loudspeaker. The thread's work; tests call it themselves."""
        with self._pumping:
            self._release_if_asked()
            with self._lock:
                wanted = self._run is not None and self._make is not None and self._speaker is None
            if wanted and not self._silent:
                self._open()
            with self._lock:
                self._settle()
                self._take_notices()
                flush, self._flush = self._flush, False
                speaker, run = self._speaker, self._run
            if speaker is None:
                return
            if flush:
                speaker.flush()
            if run is not None and 0 < run.rendered <= run.sent and not run.last:
                # It ran dry on a busy machine: a switch is heard later from now on, but nothing is torn.
                self._ahead = min(2 * self._ahead, _MOST_AHEAD)
            while run is not None and not self._lost and not run.last and run.rendered - run.sent < self._ahead:
                if not self._feed(speaker, run):
                    return

    def _serve(self) -> None:
        while not self._closing:
            self._wake.clear()
            try:
                self.pump()
            except AppError as error:
                with self._lock:
                    self._error, self._run = error, None
            busy = self._run is not None or self._lost
            self._clock.wait(self._wake, self._clock.now_ns() + _PUMP_NS if busy else None)

    def _begin(self, from_ns: int, limits: tuple[int, int], *, loop: bool, speed: float) -> None:
        self._runs += 1
        self._flush = self._flush or self._run is not None
        self._at_ns = float(from_ns)
        now_ns = self._clock.now_ns()
        self._run = Run(f"player-{self._runs}", *limits, loop, speed, now_ns, float(from_ns), choice=self._choice)
        self._wake.set()

    def _settle(self) -> None:
        """Bring the position up to now, and end what has come to its end."""
        run = self._run
        if run is None:
            return
        now_ns = self._clock.now_ns()
        if self._speaker is None or self._lost:
            if self._silent:
                self._at_ns, ended = run.by_clock(now_ns)
                self._run = None if ended else run
            return
        for part in self._speaker.poll():
            if part.item_id == run.name and len(part.pcm):
                run.anchor = run.sent, part.start_mono_ns
                run.sent += len(part.pcm)
        if run.last and not run.rendered:
            self._run = None
        if run.anchor is None:
            return
        frame, mono_ns = run.anchor
        # What was not sent cannot be heard, however late it is.
        now_at = max(0.0, min(frame + (now_ns - mono_ns) * OUT_RATE_HZ / NS_PER_S, float(run.sent)))
        self._at_ns = min(max(0.0, run.heard_at(now_at)), float(self.duration_ns))
        if run.last and now_at >= run.rendered:
            self._at_ns = float(run.end_ns if run.speed > 0 else run.start_ns)
            self._run = None

    def _feed(self, speaker: Loudspeaker, run: Run) -> bool:
        """Render one block and queue it; False if it was not wanted any more."""
        pcm, stretches, head_ns, last = self._rendered(run)
        with self._lock:
            if self._run is not run:
                return False
            run.stretches += stretches
            run.rendered += len(pcm)
            run.head_ns, run.last = head_ns, last
            if len(pcm):
                speaker.play(run.name, pcm, OUT_RATE_HZ)
        return True

    def _rendered(self, run: Run) -> tuple[Pcm, list[Stretch], float, bool]:
        choice, before = self._choice, run.choice
        run.choice = choice
        blocks: list[Floats] = []
        stretches: list[Stretch] = []
        head, made = run.head_ns, 0
        while made < _BLOCK:
            limit = run.end_ns if run.speed > 0 else run.start_ns
            left = int(np.ceil((limit - head) / run.speed * OUT_RATE_HZ / NS_PER_S - 1e-6))
            if left <= 0:
                if not run.loop or run.end_ns - run.start_ns < NS_PER_MS:
                    return self._block(blocks), stretches, head, True
                head = float(run.start_ns)
                continue
            frames = min(left, _BLOCK - made)
            stretches.append(Stretch(run.rendered + made, head))
            blocks.append(self._mixed(choice, before if not made else choice, head, run.speed, frames))
            head += frames * run.speed * NS_PER_S / OUT_RATE_HZ
            made += frames
        return self._block(blocks), stretches, head, False

    def _mixed(self, choice: str, before: str, head_ns: float, speed: float, frames: int) -> Floats:
        mixed = self._mix(choice, head_ns, speed, frames)
        if before != choice:
            fade = min(_FADE, frames)
            ramp = np.linspace(0, 1, fade, dtype=np.float32)
            mixed[:fade] = mixed[:fade] * ramp + self._mix(before, head_ns, speed, fade) * (1 - ramp)
        return mixed

    def _mix(self, choice: str, head_ns: float, speed: float, frames: int) -> Floats:
        mixed: Floats = np.zeros(frames, np.float32)
        for sound in self._choices.get(choice, ()):
            mixed += render(sound, head_ns, speed, frames)
        return mixed

    @staticmethod
    def _block(blocks: list[Floats]) -> Pcm:
        whole = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        return np.clip(np.rint(whole), -32768, 32767).astype(np.int16)

    # ------------------------------------------------------------------ the loudspeaker

    def _open(self) -> None:
        assert self._make is not None
        try:
            speaker = self._make()
            speaker.open()
        except AppError as error:
            with self._lock:
                self._silence(f"{error.what} {error.why}")
            return
        with self._lock:
            self._speaker = speaker

    def _silence(self, why: str) -> None:
        self._settle()
        self._silent = why
        self._again()

    def _again(self) -> None:
        run = self._run
        if run is not None:
            self._begin(round(self._at_ns), (run.start_ns, run.end_ns), loop=run.loop, speed=run.speed)

    def _take_notices(self) -> None:
        if self._speaker is None:
            return
        for event in self._speaker.pop_events(lambda t_ns: t_ns):
            if isinstance(event, Notice) and event.level == "error":
                self._silence(f"{event.what} {event.why}")
                self._lost = True
            elif isinstance(event, Notice) and self._lost:
                self._settle()
                self._lost, self._silent = False, ""
                self._again()

    def _release_if_asked(self) -> None:
        with self._lock:
            asked, self._let_go = self._let_go, False
        if asked and self._run is None:
            self._close_speaker()

    def _close_speaker(self) -> None:
        with self._lock:
            speaker, self._speaker = self._speaker, None
            self._lost = False
            # The next time it is tried anew.
            self._silent = "" if self._make is not None else NO_LOUDSPEAKER
        if speaker is not None:
            speaker.close()
