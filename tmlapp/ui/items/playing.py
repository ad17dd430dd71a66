"""Playing the chosen take: the window with a second around it, again and again, or on from the playhead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from tmlapp.bench.authoring.model import Take
from tmlapp.core.media import Pcm
from tmlapp.ui.items.take_lane import ns, sample_at
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.live.player import Player
    from tmlapp.ui.items.workspace import ItemsWorkspace

CONTEXT = 16_000
_FRAME_MS = 16


class Playing(QObject):
    """Follows the chosen take: its sound is read aside, drawn, and given to one player."""

    def __init__(self, page: ItemsWorkspace) -> None:
        super().__init__(page)
        self._page = page
        self._player: Player | None = None
        self._of: tuple[str, str] = ("", "")
        self._told = False
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._look)
        page.model.changed.connect(self.follow)

    @property
    def running(self) -> bool:
        return self._player is not None and self._player.playing

    def position(self) -> int:
        """The sample that is heard now; while nothing plays, the playhead."""
        if self._player is not None and self._player.playing:
            return sample_at(self._player.position_ns)
        return self._page.model.playhead

    # ------------------------------------------------------------------ what the person does

    def toggle_window(self) -> None:
        """Space: the chosen window with its context, or stop."""
        self._toggle(loop=False)

    def toggle_loop(self) -> None:
        """Shift+Space: the same, again and again."""
        self._toggle(loop=True)

    def toggle_here(self) -> None:
        """On from the playhead, or pause there."""
        player = self._player
        if player is None:
            return
        if player.playing:
            self.stop()
        else:
            self._play(ns(self._page.model.playhead), None, loop=False)

    def seek(self, sample: int) -> None:
        """Put the playhead there; what plays goes on there."""
        self._page.model.set_playhead(sample)
        if self._player is not None:
            self._player.seek(ns(self._page.model.playhead))

    def stop(self) -> None:
        """Stand where it was heard last."""
        self._timer.stop()
        player = self._player
        if player is not None and player.playing:
            at = sample_at(player.position_ns)
            player.pause()
            self._page.model.set_playhead(at)

    def release(self) -> None:
        """Give the loudspeaker back."""
        self.stop()
        if self._player is not None:
            self._player.release()

    def shut(self) -> None:
        self._timer.stop()
        player, self._player = self._player, None
        if player is not None:
            player.close()

    # ------------------------------------------------------------------ following

    def follow(self) -> None:
        """Another take was chosen: read its sound."""
        page = self._page
        take, audio, folder = page.model.take, page.model.audio, page.model.folder
        if take is None or audio is None or folder is None:
            self._of = ("", "")
            self.shut()
            return
        if not page.take_card.needs_sound(audio, take):
            return
        self.shut()
        wanted = self._of = (str(audio), take.sha256)

        def read(pcm: Pcm) -> None:
            if self._of == wanted:
                self._have(pcm, take)

        page.host.work(
            lambda: page.services.read_take(folder, take),
            read,
            lambda error: page.take_card.show_no_sound(f"{error.what} {error.why}"),
        )

    def _have(self, pcm: Pcm, take: Take) -> None:
        page = self._page
        page.take_card.show_sound(pcm, page.host.work)
        self._player = page.services.player(pcm, page.host.settings)
        self._player.start()
        self._player.seek(ns(page.model.playhead))
        page.checking.measured(take)

    # ------------------------------------------------------------------ helpers

    def _toggle(self, *, loop: bool) -> None:
        if self._player is None:
            return
        if self._player.playing:
            self.stop()
            return
        model = self._page.model
        if model.expectation is None:
            self._play(ns(model.playhead), None, loop=loop)
            return
        window = model.expectation.window
        self._play(ns(max(0, window.t0 - CONTEXT)), ns(window.t1 + CONTEXT), loop=loop)

    def _play(self, start_ns: int, end_ns: int | None, *, loop: bool) -> None:
        assert self._player is not None
        if self._page.host.session_running:
            self._page.show_note(tr("A live session holds the loudspeaker."))
            return
        self._told = False
        self._player.play(start_ns, end_ns, loop=loop)
        self._timer.start()

    def _look(self) -> None:
        player = self._player
        if player is None:
            self._timer.stop()
            return
        playing, at = player.playing, sample_at(player.position_ns)
        self._page.model.set_playhead(at)
        if player.silent and not self._told:
            self._told = True
            self._page.show_note(tr("No sound: {why}").format(why=player.silent))
        error = player.take_error()
        if error is not None:
            self._page.show_error(error)
        if not playing:
            self._timer.stop()
