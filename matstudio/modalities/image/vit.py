"""The network that sees lattices: a transformer over what the column finder sees. Imports torch."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from matstudio.modalities.image.network import CELL, ColumnNet

ARCHITECTURE = "lattice-vit-1"
"""Name and version of what the weights fit; changes with every change of shape or meaning."""
TOKEN = 16
"""Canonical pixels to a token along each axis."""
STEP_A, REACH_A = 0.4, 8.0
"""Of the map of translations: its cells, and how far it goes along y and to both sides along x."""
_CELL = 4  # canonical pixels to a cell of that map
_TOKEN_CELLS = TOKEN // _CELL
_WIDTH, _HEADS, _DEPTH = 128, 4, 4
_FREQUENCIES = _WIDTH // _HEADS // 4


def translations_A() -> np.ndarray:
    """(K, 2) x, y of the map's cells, Å: half a plane, y >= 0."""
    across = np.arange(-round(REACH_A / STEP_A), round(REACH_A / STEP_A) + 1) * STEP_A
    down = np.arange(0, round(REACH_A / STEP_A) + 1) * STEP_A
    return np.stack(np.meshgrid(across, down), -1).reshape(-1, 2)


class _Block(nn.Module):
    """Self-attention with rotary positions, and a perceptron; norms first (Xiong et al., ICML 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.norm_two = nn.LayerNorm(_WIDTH), nn.LayerNorm(_WIDTH)
        self.qkv = nn.Linear(_WIDTH, 3 * _WIDTH)
        self.out = nn.Linear(_WIDTH, _WIDTH)
        self.mlp = nn.Sequential(nn.Linear(_WIDTH, 2 * _WIDTH), nn.GELU(), nn.Linear(2 * _WIDTH, _WIDTH))

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """(B, N, width), and (N, channels/2) complex turns of the positions."""
        batch, count, _ = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, count, 3, _HEADS, -1).permute(2, 0, 3, 1, 4)
        q, k = (_turned(t, turn) for t in (q, k))
        seen = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, count, _WIDTH))
        return x + self.mlp(self.norm_two(x))


class LatticeNet(nn.Module):
    """What repeats where: tokens of 1.6 Å with what their surroundings look like when shifted, looked at together.

    A vision transformer (Dosovitskiy et al., ICLR 2021) with rotary positions (Su et al., Neurocomputing 568 (2024)
    127063) in two dimensions.
    """

    def __init__(self) -> None:
        super().__init__()
        count = len(translations_A())
        self.enter = nn.Linear(2 * count, _WIDTH)
        self.blocks = nn.ModuleList(_Block() for _ in range(_DEPTH))
        self.norm = nn.LayerNorm(_WIDTH)
        self.repeats = nn.Linear(_WIDTH, count)
        self.order = nn.Linear(_WIDTH, 1)
        self.trust = nn.Parameter(torch.tensor([1.0, 0.5]))  # in either likeness by itself
        nn.init.constant_(self.repeats.bias, -3.0)  # most translations are none of the lattice

    def forward(self, alike: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, W, 2 K) of `likeness` to logits: of every translation at every token (B, H, W, K), and of order
        (B, H, W)."""
        batch, height, width, _ = alike.shape
        x = self.enter(alike.flatten(1, 2))
        turn = _turns(height, width)
        for block in self.blocks:
            x = block(x, turn)
        x = self.norm(x)
        grid = x.reshape(batch, height, width, _WIDTH)
        seen = torch.einsum("bhwmk,m->bhwk", alike.unflatten(3, (2, -1)), self.trust)
        return self.repeats(grid) + seen, self.order(grid).squeeze(-1)


def likeness(net: ColumnNet, x: Tensor) -> Tensor:
    """How alike the image around each token and around each of its translations is: in what the column finder `net`
    sees, and in its response to a blob; (B, H/16, W/16, 2 K) of the finder's input (B, 5, H, W)."""
    heat = nn.functional.avg_pool2d(net(x)[:, :1].sigmoid(), _CELL // CELL)
    both = torch.cat([heat, nn.functional.avg_pool2d(x[:, 2:3], _CELL)], dim=1)
    both = both - both.mean((2, 3), keepdim=True)
    both = both / both.std((2, 3), keepdim=True).clamp(min=1e-6)
    reach, side = round(REACH_A / STEP_A), _TOKEN_CELLS
    padded = nn.functional.pad(both, (reach, reach, 0, reach))
    around = padded.unfold(2, side + reach, side).unfold(3, side + 2 * reach, side)
    batch, _, height, width = around.shape[:4]
    tokens = both.unfold(2, side, side).unfold(3, side, side).reshape(-1, 1, side, side)
    alike = nn.functional.conv2d(around.reshape(1, -1, *around.shape[4:]), tokens, groups=len(tokens)) / side**2
    maps = alike.reshape(batch, 2, height, width, -1).permute(0, 1, 4, 2, 3).flatten(1, 2)
    maps = nn.functional.avg_pool2d(maps, 3, 1, 1, count_include_pad=False)
    size = maps.unflatten(1, (2, -1)).square().mean((2, 3, 4)).sqrt().clamp(min=1e-3)
    maps = (maps.unflatten(1, (2, -1)) / size[:, :, None, None, None]).flatten(1, 2)
    return maps.permute(0, 2, 3, 1)


def _turns(height: int, width: int) -> Tensor:
    """(H W, channels/2) unit complex numbers: rows turn one half of the channels, columns the other."""
    rate = math.pi * torch.logspace(0, -1.5, _FREQUENCIES)
    down = torch.arange(height)[:, None] * rate
    across = torch.arange(width)[:, None] * rate
    angle = torch.cat(
        [down[:, None].expand(height, width, -1), across[None].expand(height, width, -1)], dim=-1
    ).flatten(0, 1)
    return torch.polar(torch.ones_like(angle), angle)


def _turned(x: Tensor, turn: Tensor) -> Tensor:
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(pairs * turn).flatten(-2)
