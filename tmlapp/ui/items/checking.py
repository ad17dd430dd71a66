"""Validation as one goes: on a worker after each change, one round at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Take
from tmlapp.core.errors import AppError
from tmlapp.ui.items.findings import FindingRow
from tmlapp.ui.items.voice_dialog import ask_voice_of_take
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.authoring.command import Command
    from tmlapp.bench.authoring.measure import SoundFigures
    from tmlapp.bench.authoring.snapping import SnapPoints
    from tmlapp.bench.authoring.validate import Context
    from tmlapp.bench.authoring.validate_finding import Finding, Fix
    from tmlapp.ui.items.workspace import ItemsWorkspace


@dataclass(frozen=True, slots=True)
class ItemState:
    """What the list says about an item: the worst error, or how many things deserve a look."""

    valid: bool = False
    worst: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """What one round found; `of_item` is about `take`, the states about the best takes."""

    states: dict[str, ItemState]
    of_item: tuple[Finding, ...]
    of_set: tuple[Finding, ...]
    figures: dict[str, SoundFigures]
    take: str = ""


class Checking:
    """Keeps the findings of the item that is looked at, and the state of all."""

    def __init__(self, page: ItemsWorkspace) -> None:
        self._page = page
        self._context: Context | None = None
        self._found = _Found({}, (), (), {})
        self._of = ""
        self._busy = self._again = False
        self._shown = -1
        self._points: tuple[tuple[object, ...], SnapPoints] | None = None
        self._shut = False
        page.model.changed.connect(self.check)

    # ------------------------------------------------------------------ what is known

    def state_of(self, item: ItemDraft) -> ItemState:
        return self._found.states.get(item.id, ItemState())

    def figures(self, take: Take | None) -> SoundFigures | None:
        """What was measured in the sound of `take`, once it was."""
        return self._found.figures.get(take.sha256) if take is not None else None

    def points(self) -> SnapPoints | None:
        """Where edges of the chosen take may snap to; None until they are found."""
        take = self._page.model.take
        return self._points[1] if self._points is not None and take and self._points[0] == _key(take) else None

    def rows(self) -> tuple[FindingRow, ...]:
        """The findings of the chosen item as lines."""
        item = self._page.model.item
        if item is None or self._of != item.id:
            return ()
        return tuple(self._row(f) for f in self._found.of_item)

    @property
    def title(self) -> str:
        """The heading of the findings: of which take they are, where the item has several."""
        item = self._page.model.item
        ids = [t.id for t in item.takes] if item is not None and item.id == self._of else []
        if item is None or len(ids) < 2 or self._found.take not in ids or self._found.take == item.best:
            return tr("Findings")
        take = item.take(self._found.take)
        kind = tr("discarded") if take.discarded else tr("not the best")
        return tr("Findings · take {n} ({kind})").format(n=ids.index(take.id) + 1, kind=kind)

    # ------------------------------------------------------------------ rounds

    def forget(self) -> None:
        """Another set is open."""
        self._context = None
        self._found = _Found({}, (), (), {})
        self._of = ""

    def check_all(self) -> None:
        """Look at everything."""
        self.check()

    def check(self) -> None:
        """Look again at what has changed; on a worker, never two rounds at once."""
        page = self._page
        state, folder, item = page.model.state, page.model.folder, page.model.item_id
        if folder is None or self._shut:
            return
        if self._busy:
            self._again = True
            return
        take = page.model.take
        if self._context is None:
            self._context = page.services.context(folder)
        context = self._context
        self._busy = True
        page.host.work(lambda: _looked(context, state, item, take), lambda found: self._have(item, found), self._failed)

    def measured(self, take: Take) -> None:
        """Its sound was read: the places where edges snap can be found."""
        self.find_points(take)

    def find_points(self, take: Take) -> None:
        """Find onsets and words of `take` aside."""
        page, folder = self._page, self._page.model.folder
        if folder is None or (self._points is not None and self._points[0] == _key(take)):
            return

        def job() -> SnapPoints:
            return page.services.snap_points(page.services.read_take(folder, take), take)

        def done(points: SnapPoints) -> None:
            self._points = (_key(take), points)

        page.host.work(job, done)

    def shut(self) -> None:
        self._shut = True

    def _have(self, item: str, found: _Found) -> None:
        page = self._page
        self._busy = False
        if page.model.folder is None:
            return
        changed = found.states != self._found.states or found.figures != self._found.figures
        self._of, self._found = item, found
        page.mirror.show_findings()
        if changed:
            page.mirror.show()
        else:
            page.mirror.update_actions()
        if self._again or item != page.model.item_id:
            self._again = False
            self.check()

    def _failed(self, error: AppError) -> None:
        self._busy = False
        self._page.show_error(error)

    # ------------------------------------------------------------------ show and fix

    def show_next(self) -> None:
        """F8: go to the next thing that is wrong."""
        todo = [i for i, f in enumerate(self._found.of_item) if f.severity != "good"]
        if not todo:
            self._page.show_note(tr("Nothing is wrong with this item."))
            return
        self._shown = next((i for i in todo if i > self._shown), todo[0])
        finding = self._found.of_item[self._shown]
        self.show(finding)
        self._page.show_note(str(finding))
        self._page.mirror.update_actions()

    def can_fix(self) -> bool:
        found = self._found.of_item
        return any(f.fix is not None for f in found)

    def fix(self) -> None:
        """Shift+F8: repair what F8 has shown, or the first thing that can be."""
        found = self._found.of_item
        chosen = [found[self._shown]] if 0 <= self._shown < len(found) else []
        finding = next((f for f in (*chosen, *found) if f.fix is not None), None)
        if finding is not None and finding.fix is not None:
            self._fix(finding.fix)

    def show(self, finding: Finding) -> None:
        """Go to what `finding` is about."""
        page, where = self._page, finding.where
        if where.take and where.take != page.model.take_id:
            page.model.choose_take(where.take)
        if where.expectation:
            page.model.choose_expectation(where.expectation)
        if where.span is not None:
            page.playing.seek(where.span.t0)
            page.take_card.look_at(where.span)
            page.take_card.setFocus()
        elif where.expectation and where.field in ("meaning", "accept", "reject"):
            page.write(where.field)
        elif where.field == "speaker" and where.take and not where.speaker and page.model.state.speakers:
            ask_voice_of_take(page)
        elif where.field in ("consent", "consent_date", "speaker", "language", "device", "room") or where.speaker:
            page.sets.ask_speakers()
        elif where.field in ("instruction", "script", "category", "lang"):
            page.edit_script()
        elif where.field in ("licence", "author", "notes", "id"):
            page.sets.ask_item_details()
        elif where.other:
            page.model.choose_item(where.other)

    def _fix(self, fix: Fix) -> None:
        page, folder = self._page, self._page.model.folder
        if folder is None:
            return

        def done(command: Command) -> None:
            if page.model.do(command):
                page.show_note(tr("{what}. Ctrl+Z takes it back.").format(what=fix.title))

        page.host.work(lambda: fix.command(folder), done)

    def _row(self, finding: Finding) -> FindingRow:
        fix = finding.fix
        where = finding.where
        can_show = bool(where.span or where.expectation or where.field or where.other or where.speaker)
        return FindingRow(
            finding.severity,
            finding.what,
            (lambda: self.show(finding)) if can_show and finding.severity != "good" else None,
            (lambda: self._fix(fix)) if fix is not None else None,
            fix.title if fix is not None else "",
            " ".join(p for p in (finding.why, finding.advice) if p),
        )


def _looked(context: Context, state: ItemSet, item: str, take: Take | None) -> _Found:
    """One round, on a worker."""
    from tmlapp.bench.authoring.validate import all_findings

    report = all_findings(state, context)
    states = {name: _state(found) for name, found in report.of_items.items()}
    of_item = _of_shown(context, state, state.item(item), take) if item in report.of_items else ()
    figures = {}
    takes = [t for i in state.items if (t := i.best_take) is not None]
    # All takes of the item that is looked at are compared (C), so all of them are measured; each file once.
    here = [t for i in state.items if i.id == item for t in i.takes] + ([take] if take is not None else [])
    for each in here:
        context.measure(each)
    for each in (*takes, *here):
        known = context.files.known(each.sha256)
        if known is not None and known.figures is not None:
            figures[each.sha256] = known.figures
    return _Found(states, of_item, report.of_set, figures, take.id if take is not None else "")


def _of_shown(context: Context, state: ItemSet, item: ItemDraft, take: Take | None) -> tuple[Finding, ...]:
    """What is to be said about `item` if the take that is looked at were the one to be exported."""
    from tmlapp.bench.authoring.validate import findings
    from tmlapp.bench.authoring.validate_finding import worst_first

    if take is None or take.id == item.best or take not in item.takes:
        return findings(state, item, context, good=True)
    shown = findings(state, replace(item, best=take.id), context, good=True)
    # Whoever looks at one take is still to choose the best.
    return worst_first([*(f for f in findings(state, item, context) if f.code == "no-best"), *shown])


def _state(found: tuple[Finding, ...]) -> ItemState:
    errors = [f for f in found if f.severity == "error"]
    if errors:
        what = errors[0].what
        return ItemState(worst=what[:1].lower() + what[1:])
    looks = sum(f.severity == "warning" for f in found)
    words = tr("valid") if not looks else tr("1 finding") if looks == 1 else tr("{n} findings").format(n=looks)
    return ItemState(valid=True, words=words)


def _key(take: Take) -> tuple[object, ...]:
    return take.sha256, take.user_words, take.instruction
