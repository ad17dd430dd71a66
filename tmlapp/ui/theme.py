"""Colours, sizes and fonts of the window, read from assets/theme/*.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from tmlapp.config.paths import assets_dir
from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError

ThemeChoice = Literal["system", "light", "dark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """One colour scheme.

    Surfaces from back to front are `page`, `surface`, `raised`, `pressed`; `good`, `notice`, `remind` and `act` say
    how things stand; `you` and `model` are the two voices, `signal_1` … the model's own numbers; `overlay` lies behind
    cues on the picture. Sizes in device-independent pixels; those of fonts are `scale` times the usual ones already.
    """

    name: str
    dark: bool
    page: QColor
    surface: QColor
    raised: QColor
    pressed: QColor
    line: QColor
    text: QColor
    muted: QColor
    faint: QColor
    accent: QColor
    accent_soft: QColor
    good: QColor
    notice: QColor
    remind: QColor
    act: QColor
    turn: QColor
    you: QColor
    model: QColor
    signal_1: QColor
    signal_2: QColor
    signal_3: QColor
    signal_4: QColor
    on_accent: QColor
    overlay: QColor
    on_overlay: QColor
    radius_control: int
    radius_card: int
    font_px: int
    font_small_px: int
    font_title_px: int
    scale: float = 1.0

    @property
    def signals(self) -> tuple[QColor, ...]:
        """Colours of the model's own numbers, in their order."""
        return self.signal_1, self.signal_2, self.signal_3, self.signal_4

    def px(self, usual: float) -> int:
        """A length that holds text, which is `usual` at a scale of 1."""
        return round(usual * self.scale)


def load_theme(name: Literal["light", "dark"], scale: float = 1.0) -> Theme:
    """The shipped scheme `name` with texts `scale` times the usual size.

    Raises:
        AppError: the file is missing or incomplete.
    """
    path = assets_dir() / "theme" / f"{name}.toml"
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
        sizes = {key: round(plain["type"]["scale"][key]["size"] * scale) for key in ("body", "caption", "title")}
        colors = {f.name: QColor(plain["colors"][f.name]) for f in fields(Theme) if f.type in (QColor, "QColor")}
        return Theme(
            name=plain["name"],
            dark=name == "dark",
            radius_control=plain["radii"]["control"],
            radius_card=plain["radii"]["card"],
            font_px=sizes["body"],
            font_small_px=sizes["caption"],
            font_title_px=sizes["title"],
            scale=scale,
            **colors,
        )
    except (OSError, KeyError, ValueError) as error:
        raise AppError(f"The colour scheme {path} cannot be used.", f"{error!r}.", "Install tmlapp again.") from error


def wanted_scheme(choice: ThemeChoice) -> Literal["light", "dark"]:
    """The scheme for `choice`; `system` follows the desktop, which may change at any time."""
    if choice != "system":
        return choice
    light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
    return "light" if light else "dark"


def theme_of(settings: Settings) -> Theme:
    """What the person has chosen.

    Raises:
        AppError: as `load_theme`.
    """
    return load_theme(wanted_scheme(settings.theme), settings.text_scale)


def load_fonts() -> str:
    """Register the bundled faces; the family to use, which is the system's where none is bundled."""
    folder = assets_dir() / "fonts"
    found = sorted(folder.glob("*.ttf")) + sorted(folder.glob("*.otf")) if folder.is_dir() else []
    for path in found:
        QFontDatabase.addApplicationFont(str(path))
    families = QFontDatabase.families()
    for family in ("Inter", "Inter Variable"):
        if family in families:
            return family
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()


def font(px: float, *, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The window's font at `px` device-independent pixels, with figures of equal width."""
    face = QFont(QApplication.font())
    face.setPixelSize(max(1, round(px)))
    face.setWeight(weight)
    return face


def app_font(family: str, px: int) -> QFont:
    """The base font: `family` at `px`, tabular figures, so that running numbers do not jitter."""
    face = QFont(family)
    face.setPixelSize(px)
    face.setFeature(QFont.Tag("tnum"), 1)
    face.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return face


def palette_of(theme: Theme) -> QPalette:
    """The Fusion palette of `theme`."""
    role = QPalette.ColorRole
    palette = QPalette()
    for key, color in {
        role.Window: theme.page,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.raised,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.act,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent,
        role.ToolTipBase: theme.pressed,
        role.ToolTipText: theme.text,
        role.PlaceholderText: theme.muted,
        role.Link: theme.accent,
        role.Mid: theme.line,
        role.Accent: theme.accent,
    }.items():
        palette.setColor(key, color)
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, theme.faint)
    return palette


def rgba(color: QColor) -> str:
    """`color` as a style sheet writes it."""
    return f"rgba({color.red()}, {color.green()}, {color.blue()}, {color.alphaF():.3f})"
