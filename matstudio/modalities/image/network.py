"""A small U-Net on a canonical image, and the one that finds columns. Imports torch; load it where it is used."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from matstudio.modalities.image.canonical import CHANNELS

ARCHITECTURE = "columns-unet-1"
"""Name and version of what the weights fit; changes with every change of shape or meaning."""
STRIDE = 16
"""Height and width of what goes in must be multiples of this."""
Net = TypeVar("Net", bound="PixelNet")
CELL = 2
"""Canonical pixels to one cell of what comes out."""
_STEM = 4
_WIDTHS = (48, 64, 80)


class _Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first: nn.Module = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.first_norm: nn.Module = nn.BatchNorm2d(width, momentum=0.03)
        self.second: nn.Module = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.second_norm: nn.Module = nn.BatchNorm2d(width, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same."""
        inner = nn.functional.silu(self.first_norm(self.first(x)))
        return nn.functional.silu(x + self.second_norm(self.second(inner)))


class PixelNet(nn.Module):
    """Maps at `cell` canonical pixels from an image at one, 0.5 M parameters, receptive field 30 Å.

    A pixel-unshuffle stem brings the image to cells of 0.4 Å (Shi et al., CVPR 2016, the other way round); three levels
    of a U-Net (Ronneberger et al., MICCAI 2015) look at 0.4, 0.8 and 1.6 Å; a pixel shuffle gives the cells.

    Args:
        inputs: channels of the image.
        outputs: maps.
        cell: 1, 2 or 4.
    """

    def __init__(self, inputs: int, outputs: int, cell: int) -> None:
        super().__init__()
        fine, middle, coarse = _WIDTHS
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(_STEM),
            nn.Conv2d(inputs * _STEM**2, fine, 3, padding=1, bias=False),
            nn.BatchNorm2d(fine, momentum=0.03),
            nn.SiLU(),
        )
        self.fine_in, self.fine_out = _Block(fine), _Block(fine)
        self.down_middle = nn.Conv2d(fine, middle, 2, stride=2)
        self.middle_in, self.middle_out = _Block(middle), _Block(middle)
        self.down_coarse = nn.Conv2d(middle, coarse, 2, stride=2)
        self.coarse = nn.Sequential(_Block(coarse), _Block(coarse, dilation=2))
        self.up_middle = nn.Conv2d(coarse, middle, 1)
        self.up_fine = nn.Conv2d(middle, fine, 1)
        shuffle = _STEM // cell
        self.head = nn.Sequential(nn.Conv2d(fine, outputs * shuffle**2, 1), nn.PixelShuffle(shuffle))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/cell, W/cell)."""
        fine = self.fine_in(self.stem(x))
        middle = self.middle_in(self.down_middle(fine))
        coarse = self.coarse(self.down_coarse(middle))
        middle = self.middle_out(middle + _double(self.up_middle(coarse)))
        fine = self.fine_out(fine + _double(self.up_fine(middle)))
        out: Tensor = self.head(fine)
        return out


class ColumnNet(PixelNet):
    """(B, 5, H, W) to (B, 3, H/2, W/2): logit of the heat map, and x, y from the cell's middle in cells."""

    def __init__(self) -> None:
        super().__init__(CHANNELS, 3, CELL)
        nn.init.constant_(self.head[0].bias[: (_STEM // CELL) ** 2], -2.5)  # most cells hold no column


def fused(net: Net) -> Net:
    """The network in evaluation mode with its norms inside the convolutions before them: the same answer to rounding,
    in two thirds of the time. It is `net` itself, changed: it can no longer be trained."""
    net.eval()
    for block in (m for m in net.modules() if isinstance(m, _Block)):
        block.first, block.first_norm = _with_norm(block.first, block.first_norm)
        block.second, block.second_norm = _with_norm(block.second, block.second_norm)
    net.stem[1], net.stem[2] = _with_norm(net.stem[1], net.stem[2])
    return net.to(memory_format=torch.channels_last)


def _with_norm(conv: nn.Module, norm: nn.Module) -> tuple[nn.Module, nn.Module]:
    return fuse_conv_bn_eval(conv, norm), nn.Identity()  # type: ignore[arg-type, type-var]


def _double(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def maps(net: nn.Module, channels: Tensor, cell: int) -> Tensor:
    """The network over one image of any size: (C, H, W) to its maps, (outputs, H/cell, W/cell) rounded up."""
    height, width = channels.shape[1:]
    pad = (0, -width % STRIDE, 0, -height % STRIDE)
    x = nn.functional.pad(channels[None], pad, mode="reflect").contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        out: Tensor = net(x)[0, :, : -(-height // cell), : -(-width // cell)]
    return out


def run(net: nn.Module, channels: Tensor) -> Tensor:
    """Columns in one image of any size: (5, H, W) to (3, H/2, W/2) rounded up, heat map as probability."""
    out = maps(net, channels, CELL)
    return torch.cat([out[:1].sigmoid(), out[1:]])
