"""One time axis and its lanes: waveforms, spectrogram, labelled spans, flags, bars; from hours to single samples."""

from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.lane import Lane, Ruler
from tmlapp.ui.timeline.marks import BarsLane, Flag, FlagsLane, GapsLane
from tmlapp.ui.timeline.signals import SignalsLane
from tmlapp.ui.timeline.span import Edge, Span
from tmlapp.ui.timeline.spans import SpansLane
from tmlapp.ui.timeline.spectrogram import SpectrogramLane
from tmlapp.ui.timeline.view import TimelineView
from tmlapp.ui.timeline.wave import WaveLane

__all__ = [
    "BarsLane",
    "Edge",
    "Flag",
    "FlagsLane",
    "GapsLane",
    "Lane",
    "Ruler",
    "SignalsLane",
    "Span",
    "SpansLane",
    "SpectrogramLane",
    "TimeAxis",
    "TimelineView",
    "WaveLane",
]
