"""Small recurrent heads that read distance rows and say where in a repetition the person is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.tiny.train.config import HIDDEN, LAGS
from models.tiny.train.rows import EXTRAS, ROW_KINDS

OUTPUTS = ("away", "repeating", "ended", "acting")
WIDTH = 24


class Head(nn.Module):
    """Rows [B,T,ROW_KINDS,LAGS] and extras [B,T,EXTRAS] -> logits [B,T,4] in the order of OUTPUTS."""

    def __init__(self, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.lag = nn.Sequential(nn.Conv1d(ROW_KINDS, 16, 5, 2, 2), nn.ReLU(), nn.Conv1d(16, WIDTH, 5, 2, 2), nn.ReLU())
        self.mix = nn.Sequential(nn.Linear(WIDTH * (len(LAGS) // 4) + EXTRAS, 96), nn.ReLU())
        self.memory = nn.GRU(96, hidden, batch_first=True)
        self.out = nn.Linear(hidden, len(OUTPUTS))

    def forward(self, rows: Tensor, extra: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        b, t = rows.shape[:2]
        z = self.lag(rows.reshape(b * t, ROW_KINDS, len(LAGS))).flatten(1)
        z = self.mix(torch.cat([z, extra.reshape(b * t, EXTRAS)], 1)).reshape(b, t, -1)
        z, state = self.memory(z, state)
        return self.out(z), state


class Heads(nn.Module):
    """Heads that answer together; each keeps its own hidden state.

    Whether something repeats and whether somebody acts is the mean of their logits. Where in a repetition the person is
    tells the last one alone: two opinions on which end of a movement is its reference would cancel each other out.
    """

    def __init__(self, members: Sequence[Head]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, rows: Tensor, extra: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """Like `Head`, with the states of all members [N,B,HIDDEN] in and out."""
        found = [head(rows, extra, states[i : i + 1]) for i, head in enumerate(self.members)]
        mean, last = torch.stack([logits for logits, _ in found]).mean(0), found[-1][0]
        away, _, ended, _ = last.split(1, -1)
        _, repeating, _, acting = mean.split(1, -1)
        return torch.cat([away, repeating, ended, acting], -1), torch.cat([state for _, state in found])
