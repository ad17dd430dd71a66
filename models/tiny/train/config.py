"""Constants shared by training, export and evaluation (all sizes are fixed in the graph)."""

from __future__ import annotations

CHUNK_MS = 200
FRAMES = 2
"""Camera frames per micro-turn."""
FPS = FRAMES * 1000 // CHUNK_MS
HEIGHT, WIDTH = 96, 128
CELL = 8
"""Side of one motion cell in model pixels."""
ROWS, COLS = HEIGHT // CELL, WIDTH // CELL
MOTION_DIM = ROWS * COLS * 2
LOOK_ROWS, LOOK_COLS = 12, 16
LOOK_DIM = LOOK_ROWS * LOOK_COLS

RING = 128
"""Past frames that a new frame is compared with (12.8 s)."""
LAGS = (*range(1, 25), *range(26, 49, 2), *range(52, 129, 4))
LEAK = 0.985
"""Per-frame leak of the integrated motion (time constant 6.7 s)."""
RANGE_DECAY = 0.997
"""Per-frame decay of the running largest distance (time constant 33 s)."""

HIDDEN = 96
"""Units of the recurrent layer of one head."""
HEADS = 2
"""Heads whose logits are averaged."""
MAX_COUNT = 199
