"""What the Items workspace adds to the window's style sheet."""

from __future__ import annotations

from tmlapp.ui.theme import Theme, rgba

_SHEET = """
#items-list {{ background: {surface}; border-right: 1px solid {line}; }}
#badge {{ background: {raised}; border: 1px solid {line}; border-radius: {radius}px; padding: 0 12px;
  color: {muted}; }}
QToolButton#set {{ background: transparent; border: 1px solid transparent; border-radius: {radius}px; padding: 3px 4px;
  color: {text}; font-size: {title}px; font-weight: 700; }}
QToolButton#set:hover {{ background: {raised}; }}
QToolButton#set:focus {{ border-color: {accent}; }}
QCheckBox#small {{ font-weight: 400; color: {muted}; font-size: {small}px; spacing: 7px; }}
QCheckBox#small::indicator {{ width: 12px; height: 12px; border-radius: 4px; }}
QLabel#section {{ color: {muted}; font-size: {small}px; font-weight: 600; }}
QLabel#instruction {{ font-size: {title}px; color: {text}; }}
QLabel#strong {{ font-weight: 600; }}
QLabel#failure {{ color: {act}; font-size: {title}px; font-weight: 700; }}
QLabel#good {{ color: {good}; }}
QLabel#notice {{ color: {notice}; }}
QLabel#link {{ color: {accent}; }}
QPlainTextEdit {{ background: {raised}; border: 1px solid {line}; border-radius: {radius}px; padding: 4px 6px;
  color: {text}; selection-background-color: {accent}; selection-color: {on_accent}; }}
QPlainTextEdit:focus {{ border-color: {accent}; }}
QLineEdit#plain {{ background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 0 4px;
  margin-left: -5px; min-height: {row}px; color: {text}; }}
QLineEdit#plain:hover:!read-only {{ border-color: {line}; }}
QLineEdit#plain:focus:!read-only {{ border-color: {accent}; background: {surface}; }}
QLineEdit#chip {{ background: transparent; border: 1px dashed {line}; border-radius: {pill}px; padding: 0 8px;
  min-height: {chip}px; max-height: {chip}px; color: {text}; font-size: {font}px; }}
QLineEdit#chip:focus {{ border: 1px solid {accent}; background: {surface}; }}
#expectation, #try {{ background: {raised}; border: 1px solid {line}; border-radius: {card}px; }}
#expectation[chosen="true"] {{ border: 1px solid {remind}; }}
QToolButton#flat {{ background: transparent; border: 1px solid transparent; border-radius: 5px; padding: 1px 5px;
  color: {accent}; }}
QToolButton#flat:hover {{ background: {pressed}; }}
QToolButton#flat:focus {{ border-color: {accent}; }}
QToolButton#quiet {{ background: transparent; border: 1px solid transparent; border-radius: 5px; padding: 1px 4px;
  color: {muted}; font-size: {small}px; font-weight: 600; }}
QToolButton#quiet:hover, QToolButton#quiet:checked {{ background: {pressed}; color: {text}; }}
QToolButton#quiet:focus {{ border-color: {accent}; }}
QToolButton#take {{ background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 2px 8px;
  color: {muted}; font-size: {small}px; font-weight: 600; }}
QToolButton#take:hover {{ background: {raised}; }}
QToolButton#take:checked {{ background: {accent_soft}; color: {text}; }}
QToolButton#take:focus {{ border-color: {accent}; }}
QTableWidget, QTreeWidget, QListWidget {{ background: {raised}; border: 1px solid {line}; border-radius: {radius}px;
  color: {text}; gridline-color: {line}; selection-background-color: {accent_soft}; selection-color: {text}; }}
QTableWidget::item {{ padding: 4px 8px; }}
QDialog QListWidget {{ padding: 4px; }}
QDialog QListWidget::item {{ padding: 4px 6px; border-radius: 6px; }}
QDialog QListWidget::item:selected {{ background: {accent_soft}; color: {text}; }}
QHeaderView::section {{ background: {surface}; color: {muted}; border: none; border-bottom: 1px solid {line};
  padding: 4px 8px; }}
QSpinBox, QDoubleSpinBox, QDateEdit {{ background: {raised}; border: 1px solid {line}; border-radius: {radius}px;
  padding: 0 8px; min-height: {control}px; color: {text}; }}
QSpinBox:focus, QDoubleSpinBox:focus, QDateEdit:focus {{ border-color: {accent}; }}
QProgressBar {{ background: {raised}; border: 1px solid {line}; border-radius: 4px; max-height: 8px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
QRadioButton {{ color: {text}; spacing: 8px; }}
QSplitter::handle {{ background: {line}; }}
"""


def items_sheet(theme: Theme) -> str:
    """The additional rules in the colours of `theme`."""
    names = ("surface", "raised", "pressed", "line", "text", "muted", "good", "notice", "accent", "accent_soft")
    colors = {n: rgba(getattr(theme, n)) for n in (*names, "on_accent", "remind", "act")}
    return _SHEET.format(
        **colors,
        radius=theme.radius_control,
        card=theme.radius_control,
        font=theme.font_px,
        small=theme.font_small_px,
        title=theme.font_title_px,
        control=theme.px(30) - 2,
        row=theme.px(24),
        chip=theme.px(22) - 2,
        pill=theme.px(11) - 1,
    )
