"""Rules of the Library beyond the window's style sheet."""

from __future__ import annotations

from tmlapp.ui.theme import Theme, rgba


def library_sheet(theme: Theme) -> str:
    """The table and its headings in `theme`."""
    line, muted, page, surface = (rgba(c) for c in (theme.line, theme.muted, theme.page, theme.surface))
    soft, ink = rgba(theme.accent_soft), rgba(theme.text)
    return f"""
QTableView#library {{ background: {page}; border: none; border-top: 1px solid {line}; outline: none;
  selection-background-color: {soft}; selection-color: {ink}; }}
QTableView#library QHeaderView {{ background: {page}; border: none; }}
QTableView#library QHeaderView::section {{ background: {page}; color: {muted}; border: none;
  border-bottom: 1px solid {line}; padding: 0 6px; height: {theme.px(28)}px; font-size: {theme.font_small_px}px;
  font-weight: 600; }}
QTableView#library QHeaderView::section:first {{ padding-left: 14px; }}
QLineEdit#name:read-only {{ border: none; padding: 0; }}
QAbstractItemView {{ background: {surface}; border: 1px solid {line}; }}
"""
