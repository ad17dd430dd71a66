"""What the endpoint screens add to the window's style sheet."""

from __future__ import annotations

from tmlapp.ui.theme import Theme, rgba

_SHEET = """
QTableView#wire {{ background: {surface}; border: none; outline: none; color: {text};
  selection-background-color: {accent_soft}; selection-color: {text}; }}
QTableView#wire QHeaderView {{ background: {surface}; border: none; }}
QTableView#wire QHeaderView::section {{ background: {surface}; color: {muted}; border: none;
  border-bottom: 1px solid {line}; padding: 0 6px; height: {head_px}px; font-size: {small_px}px; font-weight: 600; }}
QTableView#wire:focus {{ border: 1px solid {accent}; }}
QTreeWidget#frame {{ background: {surface}; border: none; outline: none; color: {text};
  selection-background-color: {accent_soft}; selection-color: {text}; }}
QTreeWidget#frame:focus {{ border: 1px solid {accent}; }}
QTreeWidget#frame QHeaderView::section {{ background: {surface}; color: {muted}; border: none;
  border-bottom: 1px solid {line}; padding: 0 6px; height: {head_px}px; font-size: {small_px}px; font-weight: 600; }}
QSplitter::handle {{ background: {line}; }}
QLabel#section {{ color: {muted}; font-size: {small_px}px; font-weight: 600; }}
QLabel#notice {{ color: {notice}; }}
QLabel#good {{ color: {good}; }}
#toast {{ background: {raised}; border: 1px solid {line}; border-radius: {radius}px; }}
QListWidget#profiles {{ background: {page}; border: 1px solid {line}; border-radius: {radius}px; outline: none; }}
QListWidget#profiles::item {{ padding: {item_px}px 10px; border-radius: 6px; color: {text}; }}
QListWidget#profiles::item:selected {{ background: {accent_soft}; color: {text}; }}
QListWidget#profiles:focus {{ border-color: {accent}; }}
QPlainTextEdit {{ background: {raised}; border: 1px solid {line}; border-radius: {radius}px; padding: 4px 6px;
  color: {text}; selection-background-color: {accent}; selection-color: {on_accent}; }}
QPlainTextEdit:focus {{ border-color: {accent}; }}
QCheckBox#option {{ font-weight: 400; }}
QPushButton:disabled {{ background: {raised}; border-color: {line}; color: {faint}; font-weight: 400; }}
#trial {{ background: {page}; border: 1px solid {line}; border-radius: {radius}px; }}
"""


def endpoint_sheet(theme: Theme) -> str:
    """The rules in `theme`."""
    names = (
        "surface", "text", "muted", "line", "accent", "accent_soft", "on_accent", "notice", "good", "raised", "page",
        "faint",
    )  # fmt: skip
    colors = {name: rgba(getattr(theme, name)) for name in names}
    return _SHEET.format(
        **colors,
        small_px=theme.font_small_px,
        head_px=theme.px(24),
        radius=theme.radius_control,
        item_px=theme.px(6),
    )
