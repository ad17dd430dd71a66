"""Names on the page: of files, models and formulas; or none of them, while somebody judges blind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tmlapp.bench.review.blind import Names, blind_lanes, blind_why
from tmlapp.bench.review.lanes import Lanes
from tmlapp.bench.review.why import Why
from tmlapp.core.errors import AppError
from tmlapp.ui.review.opening import Opened
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace


class Naming:
    """What may be read of the recordings that are open."""

    def __init__(self, page: ReviewWorkspace) -> None:
        self._page = page

    @property
    def blind(self) -> bool:
        return self._page.blind

    # ------------------------------------------------------------------ bars

    def show(self) -> None:
        """Title, chips and the bar below."""
        page, blind = self._page, self.blind
        review = page.opened.review if page.opened else None
        instruction = str(review.info.get("instruction", "")) if review else ""
        title = (tr("Recording") if blind else review.title) if review else tr("Review")
        page.header.set_title(f"{title} · {instruction}" if instruction else title)
        for letter, opened in (("A", page.opened), ("B", page.second.opened)):
            model = _model(opened) if opened is not None else tr("second…") if letter == "B" else tr("first")
            page.host.actions_[f"review.{letter.lower()}"].setText(tr("model") if blind and opened else model)
        self.show_file()
        self.show_formula()

    def show_file(self) -> None:
        """The recording, and whether it was checked."""
        page, checked = self._page, self._page.reading.checked
        name = tr("hidden") if self.blind else page.path.name if page.path else ""
        if page.reading.verifying:
            page.status.say("file", tr("recording"), name, tr("verifying…"))
        elif checked is None:
            page.status.say("file", tr("recording") if page.path else "", name)
        elif checked.ok:
            hint = "" if self.blind else f"sha256 {checked.sha256}"
            page.status.say("file", tr("recording"), name, tr("verified"), hint=hint)
        else:
            why = self.masked(checked.problems[0])
            page.status.say("file", tr("recording"), name, tr("✕ damaged: {why}").format(why=why))

    def show_formula(self) -> None:
        """Which formula the newest grade comes from; it tells that, and how, somebody has judged already."""
        found = self._page.found
        newest = found.grades[-1] if found and found.grades and not self.blind else None
        self._page.status.say(
            "formula",
            tr("formula") if newest else "",
            newest.suite if newest else "",
            f"· {newest.profile}" if newest and newest.profile else "",
        )

    # ------------------------------------------------------------------ what was read

    def lanes(self, found: Lanes) -> Lanes:
        """As the timeline may show it."""
        return blind_lanes(found, self._page.marking.mine) if self.blind else found

    def why(self, found: Why) -> Why:
        """As it may be shown and copied."""
        return blind_why(found) if self.blind else found

    # ------------------------------------------------------------------ words

    def name_of(self, path: Path) -> str:
        return tr("the recording") if self.blind else path.name

    def masked(self, text: str) -> str:
        """`text`; while somebody judges blind, without names of models and files."""
        return self._names().masked(text) if self.blind and text else text

    def masked_error(self, error: AppError) -> AppError:
        return AppError(*map(self.masked, (error.what, error.why, error.fix))) if self.blind else error

    def refuses(self) -> bool:
        """Whether what was asked for would show names; says so, and how to go on."""
        if self.blind:
            self._page.show_note(tr("You judge blind: that would show names. Shift+B ends it."))
        return self.blind

    def _names(self) -> Names:
        page = self._page
        reviews = [o.review for o in (page.opened, page.second.opened) if o is not None]
        asked = [p for p in (page.reading.asked, page.reading.unreadable) if p is not None]
        return Names.of(reviews, asked)


def _model(opened: Opened) -> str:
    granted = opened.review.granted
    address = str(opened.review.info.get("endpoint", ""))
    kind, _, rest = address.partition(":")
    # Of a file only its name: the whole path would fill the bar.
    short = " · ".join(part for part in (kind, Path(rest).name) if part)
    return short or (granted.name if granted else tr("model"))
