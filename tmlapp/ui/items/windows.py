"""What a person does with expectations and windows; every change is one command of the editor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from tmlapp.bench.authoring.aligning import align_command
from tmlapp.bench.authoring.commands_expectations import AddExpectation, RemoveExpectation, SetCue, SetExpectation
from tmlapp.bench.authoring.commands_items import SetItemField
from tmlapp.bench.authoring.commands_takes import SetInstructionSpan, SetStop
from tmlapp.bench.authoring.expecting import dropped
from tmlapp.bench.authoring.model import SPARE_SAMPLES, Expectation, Span, Take
from tmlapp.ui.items.model import EDGES, Edge, clamped_edge
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.authoring.aligning import Aligned
    from tmlapp.ui.items.workspace import ItemsWorkspace

_CATCH_PX = 8.0


class Windows:
    """Acts on what is chosen in the model."""

    def __init__(self, page: ItemsWorkspace) -> None:
        self._page = page

    # ------------------------------------------------------------------ edges

    def edge_here(self, edge: Edge) -> None:
        """`[` and `]`: the edge goes to what is heard now, to the sample; never snapped."""
        page = self._page
        at = page.playing.position()
        if page.model.set_edge(edge, at):
            name = tr("starts") if edge == "t0" else tr("ends")
            page.show_note(tr("The window {what} at {at:.3f} s.").format(what=name, at=at / 16_000))

    def nudge(self, by: int) -> None:
        """Move the chosen edge or window; without one, the playhead."""
        page = self._page
        if page.model.expectation is None:
            page.playing.seek(page.model.playhead + by)
        else:
            page.model.nudge(by)

    def jump(self, by: int) -> None:
        """Put the chosen edge, or the window with its start, on the next onset or word."""
        model = self._page.model
        expectation = model.expectation
        if expectation is None:
            return
        from tmlapp.bench.authoring.snapping import following

        edge: Edge = "t1" if model.edge == "t1" else "t0"
        here = expectation.window.t1 if edge == "t1" else expectation.window.t0
        points = self._page.checking.points()
        found = following(points, here, back=by < 0) if points is not None else None
        at = found.sample if found is not None else None
        if at is None:
            self._page.show_note(tr("There is no onset or word there."))
        elif model.edge == "window":
            model.nudge(at - here)
        else:
            model.set_edge(edge, at)

    def next_edge(self) -> None:
        """W: the whole window, its start, its end."""
        model = self._page.model
        model.choose_edge(EDGES[(EDGES.index(model.edge) + 1) % len(EDGES)])
        names = {"window": tr("the whole window"), "t0": tr("its start"), "t1": tr("its end")}
        self._page.show_note(tr("Arrow keys move {what}.").format(what=names[model.edge]))

    def toggle_snapping(self) -> None:
        page = self._page
        page.model.snapping = page.host.actions_["items.snap"].isChecked()
        page.memory = replace(page.memory, snapping=page.model.snapping)
        page.sets.remember()
        page.model.changed.emit()

    def chosen_by_mouse(self, name: str, edge: str) -> None:
        self._page.model.choose_expectation(name, cast(Edge, edge))

    def dragged(self, name: str, edge: str, sample: int, free: bool, final: bool) -> None:
        """An edge is in a hand; one command when it is let go of."""
        page, model = self._page, self._page.model
        take = model.take
        expectation = next((e for e in take.expectations if e.id == name), None) if take is not None else None
        if take is None or expectation is None:
            return
        if model.snapping and not free:
            axis, width = page.take_card.axis, page.take_card.view.plot_rect().width()
            reach = round(_CATCH_PX / max(1.0, width) * axis.span_ns / 62_500)
            sample = self._snapped(sample, reach)
        side = cast(Edge, edge)
        window = clamped_edge(expectation.window, side, sample, take.samples + SPARE_SAMPLES)
        if final:
            model.choose_expectation(name, side)
            model.set_edge(side, window.t0 if side == "t0" else window.t1)
        else:
            page.take_card.wave.show_moved(window)

    def _snapped(self, sample: int, reach: int) -> int:
        from tmlapp.bench.authoring.snapping import nearest

        points = self._page.checking.points()
        found = nearest(points, sample, reach) if points is not None else None
        return found.sample if found is not None else sample

    # ------------------------------------------------------------------ expectations

    def step(self, by: int) -> None:
        """Tab: the next window, its start in sight."""
        page = self._page
        if page.model.step_expectation(by):
            page.playing.stop()
            page.take_card.reveal(page.model.playhead)

    def drop(self) -> None:
        """E: an expectation at the playhead."""
        page, model = self._page, self._page.model
        item, take = model.item, model.take
        if item is None or take is None:
            return
        made = dropped(item.suite, page.playing.position(), take)
        if model.do(AddExpectation(item.id, take.id, made)):
            model.choose_expectation(made.id, "window")
            page.show_note(tr("{id} added; M writes what the reply must convey.").format(id=made.id))

    def remove(self) -> None:
        model = self._page.model
        if model.expectation is not None:
            name = model.expectation_id
            if model.do(RemoveExpectation(*model.where)):
                self._page.show_note(tr("{id} removed; Ctrl+Z brings it back.").format(id=name))

    def cue_here(self) -> None:
        """Shift+E: the cue reaches from the window's start to the playhead."""
        page, model = self._page, self._page.model
        expectation, take = model.expectation, model.take
        if expectation is None or take is None:
            return
        end = min(take.samples, page.playing.position())
        if expectation.kind == "time":
            model.do(SetCue(*model.where, Span(end, end), end))
        elif end > expectation.window.t0:
            model.do(SetCue(*model.where, Span(expectation.window.t0, end), end))
        else:
            page.show_note(tr("The playhead stands before the window: the cue would have no length."))

    def edit_expectation(self, value: Expectation, what: str) -> None:
        """A field of a card was written in."""
        model = self._page.model
        if model.do(SetExpectation(model.item_id, model.take_id, value.id, value)):
            self._page.show_note(tr("{id}: {what} changed.").format(id=value.id, what=what))

    def edit_item(self, name: str, text: str) -> None:
        """A field of the script card was written in."""
        self._page.model.do(SetItemField(self._page.model.item_id, name, text))  # type: ignore[arg-type]

    # ------------------------------------------------------------------ the take

    def instruction_ends(self) -> None:
        """I: the instruction is said from the first voice up to the playhead."""
        page, model = self._page, self._page.model
        take = model.take
        if take is None:
            return
        end = min(take.samples, page.playing.position())
        begin = take.instruction.t0 if take.instruction is not None else self._first_voice(take)
        if begin >= end:
            begin = 0
        if model.do(SetInstructionSpan(model.item_id, take.id, Span(begin, end))):
            page.show_note(tr("The instruction ends at {at:.3f} s.").format(at=end / 16_000))

    def instruction_begins(self) -> None:
        """Shift+I: the instruction is said from the playhead on; where no end lies behind that, to the take's end."""
        page, model = self._page, self._page.model
        take = model.take
        if take is None:
            return
        begin = min(take.samples, page.playing.position())
        known = take.instruction is not None and take.instruction.t1 > begin
        end = take.instruction.t1 if take.instruction is not None and known else take.samples
        if model.do(SetInstructionSpan(model.item_id, take.id, Span(begin, end))):
            said = tr("The instruction begins at {at:.3f} s.").format(at=begin / 16_000)
            page.show_note(said if known else f"{said} {tr('I marks where it ends.')}")

    def stop_here(self) -> None:
        """S: the user asks to stop at the playhead; once more takes it away."""
        page, model = self._page, self._page.model
        take = model.take
        if take is None:
            return
        at = min(take.samples, page.playing.position())
        again = take.stop is not None and abs(take.stop - at) < 160
        model.do(SetStop(model.item_id, take.id, None if again else at))

    def _first_voice(self, take: Take) -> int:
        figures = self._page.checking.figures(take)
        return figures.lead if figures is not None and figures.voice else 0

    def align(self) -> None:
        """Find the words of the typed script in the sound, on a worker."""
        page, model = self._page, self._page.model
        item, take, folder = model.item, model.take, model.folder
        if item is None or take is None or folder is None:
            return
        page.show_note(tr("Looking for the words…"))

        def job() -> Aligned:
            return page.services.align(item, page.services.read_take(folder, take))

        def done(aligned: Aligned) -> None:
            if model.do(align_command(item.id, take.id, aligned)):
                page.show_note(" ".join((tr("{n} words found.").format(n=len(aligned.words)), *aligned.notes)))
                if model.take is not None:
                    page.checking.find_points(model.take)

        page.host.work(job, done)

    def ask_template(self) -> None:
        from tmlapp.ui.items.template_dialog import TemplateDialog

        model = self._page.model
        if model.item is not None and model.take is not None:
            TemplateDialog(self._page, self._page.theme, model).open()
