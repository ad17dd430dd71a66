"""The style sheet of the window; everything that palette and painters do not already say."""

from __future__ import annotations

from PySide6.QtGui import QColor

from tmlapp.config.paths import assets_dir
from tmlapp.ui.theme import Theme, rgba

_SHEET = """
QWidget {{ font-size: {font_px}px; }}
#rail, #header, #status, #side {{ background: {surface}; }}
#header {{ border-bottom: 1px solid {line}; }}
#status {{ border-top: 1px solid {line}; }}
#rail {{ border-right: 1px solid {line}; }}
#side {{ border-left: 1px solid {line}; }}
#card {{ background: {surface}; border: 1px solid {line}; border-radius: {radius_card}px; }}
#composer {{ border-top: 1px solid {line}; background: {surface}; }}
QLineEdit {{ background: {raised}; border: 1px solid {line}; border-radius: {radius_control}px; padding: 0 10px;
  min-height: {control_px}px; color: {text}; selection-background-color: {accent}; selection-color: {on_accent}; }}
QLineEdit:focus {{ border-color: {accent}; }}
QLineEdit:read-only {{ color: {muted}; }}
QLineEdit#name {{ background: transparent; border-color: transparent; font-weight: 600;
  padding: 0 4px; color: {text}; }}
QLineEdit#name:hover:!read-only {{ border-color: {line}; }}
QLineEdit#name:focus:!read-only {{ border-color: {accent}; background: {raised}; }}
QComboBox {{ background: {raised}; border: 1px solid {line}; border-radius: {radius_control}px; padding: 0 10px;
  min-height: {control_px}px; color: {text}; }}
QComboBox:focus {{ border-color: {accent}; }}
QComboBox::drop-down {{ border: none; width: 26px; }}
QComboBox::down-arrow {{ image: none; }}
QComboBox QAbstractItemView {{ background: {raised}; border: 1px solid {line}; selection-background-color: {accent}; }}
QPushButton {{ background: {raised}; border: 1px solid {line}; border-radius: {radius_control}px; padding: 0 14px;
  min-height: {control_px}px; min-width: 64px; color: {text}; }}
QPushButton:hover {{ background: {pressed}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:default {{ background: {accent}; border-color: {accent}; color: {on_accent}; font-weight: 600; }}
QCheckBox {{ spacing: 10px; color: {text}; font-weight: 600; }}
QCheckBox::indicator {{ width: 16px; height: 16px; border: 2px solid {muted}; border-radius: 5px;
  background: {raised}; }}
QCheckBox::indicator:checked {{ border-color: {accent}; background: {accent}; image: url("{tick}"); }}
QListView {{ background: transparent; border: none; outline: none; }}
QScrollArea, QScrollArea > QWidget > QWidget#scrolled {{ background: transparent; border: none; }}
QMenu {{ background: {raised}; border: 1px solid {line}; border-radius: {radius_control}px; padding: 4px; }}
QMenu::item {{ padding: {item_px}px 14px; border-radius: 5px; color: {text}; }}
QMenu::item:selected {{ background: {accent_soft}; }}
QMenu::item:disabled {{ color: {faint}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 8px; }}
QListWidget#commands::item {{ padding: {item_px}px 10px; border-radius: 6px; color: {text}; }}
QListWidget#commands::item:selected {{ background: {accent_soft}; color: {text}; }}
QToolTip {{ background: {pressed}; color: {text}; border: 1px solid {line}; padding: 4px 6px; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
QScrollBar::handle:vertical {{ background: {pressed}; border-radius: 3px; min-height: {control_px}px; }}
QScrollBar::handle:vertical:hover {{ background: {turn}; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
QScrollBar::handle:horizontal {{ background: {pressed}; border-radius: 3px; min-width: {control_px}px; }}
QScrollBar::handle:horizontal:hover {{ background: {turn}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ background: none; height: 0; width: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; height: 0; }}
QDialog {{ background: {surface}; }}
QDialogButtonBox {{ button-layout: 3; }}
QLabel#title {{ font-size: {font_title_px}px; font-weight: 700; }}
QLabel#heading {{ font-weight: 700; }}
QLabel#muted {{ color: {muted}; }}
QLabel#faint {{ color: {faint}; }}
QLabel#small {{ color: {muted}; font-size: {font_small_px}px; }}
QLabel#big {{ font-size: {big_px}px; font-weight: 700; }}
QLabel#bad {{ color: {act}; }}
#error {{ background: {act_soft}; border: 1px solid {act}; border-radius: {radius_control}px; }}
#row {{ background: {raised}; border-radius: {radius_control}px; }}
"""


def style_sheet(theme: Theme) -> str:
    """The style sheet of `theme`."""
    soft = QColor(theme.act)
    soft.setAlpha(36)
    names = [n for n in Theme.__dataclass_fields__ if isinstance(getattr(theme, n), QColor)]
    values = {n: rgba(getattr(theme, n)) for n in names}
    sizes = {
        n: getattr(theme, n) for n in ("radius_control", "radius_card", "font_px", "font_title_px", "font_small_px")
    }
    scaled = {"control_px": theme.px(30) - 2, "item_px": theme.px(6), "big_px": theme.px(20)}
    tick = (assets_dir() / "theme" / "tick.png").as_posix()
    return _SHEET.format(**values, **sizes, **scaled, act_soft=rgba(soft), tick=tick)
