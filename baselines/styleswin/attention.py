"""Double attention (arXiv 2112.10762, section 3.2): half of the heads in windows, half in shifted windows.

A shifted window that reaches over the border of the map holds up to four regions, which do not see one another
(arXiv 2103.14030). Shape suffixes: qkv_BHWO packed projections (O = 3C), x_BHW3ND (N heads of a group, D channels a
head), qkv_3BIJNTD windows (I x J of them, T = S * S tokens each), bias_NTT.
"""

import torch
import torch.nn.functional as F
from torch import nn

from stylenat.core.errors import InputError
from stylenat.nn.constants import register_constant
from stylenat.nn.linear import Linear

HIDDEN = -100.0  # added to the logits of another region's keys, as in Swin
BAND_BYTES = 4 << 20  # of windows that are attended at a time where no gradient is taken


class DoubleAttention(nn.Module):
    """Window attention with relative position bias, half of the heads shifted by half a window; (B, H, W, C)."""

    def __init__(self, dim: int, num_heads: int, side: int, window: int) -> None:
        super().__init__()
        if num_heads % 2 or dim % num_heads or side % window:
            raise InputError(f"{dim} channels, {num_heads} heads, windows of {window} px on {side} px do not fit")
        self.num_heads, self.window = num_heads, window
        self.shift = window // 2 if side > window else 0
        self.qkv = Linear(dim, 3 * dim)
        tables = (torch.zeros((2 * window - 1) ** 2, num_heads // 2) for _ in range(2))
        self.relative_position_bias_table = nn.ParameterList(nn.Parameter(table) for table in tables)
        self.proj = Linear(dim, dim)
        register_constant(self, "index_TT", lambda: relative_position_index(window))
        register_constant(self, "hidden_2TT", lambda: hidden_regions(window))

    def forward(self, x_BHWC: torch.Tensor) -> torch.Tensor:
        """The attended map, (B, H, W, C)."""
        return self.proj(self.attend(self.qkv(x_BHWC)))

    def attend(self, qkv_BHWO: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Packed projections (B, H, W, 3C) to attended values (B, H, W, C), put into `out` if it is given."""
        groups = qkv_BHWO.unflatten(-1, (3, self.num_heads, -1)).chunk(2, dim=4)
        shifts = 0, self.shift
        if torch.is_grad_enabled():
            maps = [self._whole(x, group, shift) for group, (x, shift) in enumerate(zip(groups, shifts, strict=True))]
            return torch.cat(maps, dim=3).flatten(3)
        out = qkv_BHWO.new_empty(*qkv_BHWO.shape[:3], qkv_BHWO.shape[3] // 3) if out is None else out
        outs = out.unflatten(-1, (self.num_heads, -1)).chunk(2, dim=3)
        for group, (x_BHW3ND, out_BHWND) in enumerate(zip(groups, outs, strict=True)):
            self._in_bands(x_BHW3ND, group, shifts[group], out_BHWND)
        return out

    def _whole(self, x_BHW3ND: torch.Tensor, group: int, shift: int) -> torch.Tensor:
        rolled = x_BHW3ND.roll((-shift, -shift), dims=(1, 2)) if shift else x_BHW3ND
        out_BHWND = self._windows(rolled, group, shift, at_border=True)
        return out_BHWND.roll((shift, shift), dims=(1, 2)) if shift else out_BHWND

    def _in_bands(self, x_BHW3ND: torch.Tensor, group: int, shift: int, out_BHWND: torch.Tensor) -> None:
        """Some rows of windows at a time: on a CPU they stay in the caches between the steps."""
        window, height = self.window, x_BHW3ND.shape[1]
        row_bytes = x_BHW3ND[:, :window].numel() * x_BHW3ND.element_size()
        step = window * max(BAND_BYTES // row_bytes, 1) if x_BHW3ND.device.type == "cpu" else height
        for first in range(0, height, step):
            begin, end = first + shift, min(first + step, height) + shift
            band, over = x_BHW3ND[:, begin:end], max(end - height, 0)
            if over:  # the last row of shifted windows reaches over the border
                band = torch.cat([band, x_BHW3ND[:, :over]], dim=1)
            found = self._windows(band.roll(-shift, dims=2) if shift else band, group, shift, at_border=over > 0)
            found = found.roll(shift, dims=2) if shift else found
            out_BHWND[:, begin : end - over] = found[:, : end - over - begin]
            out_BHWND[:, :over] = found[:, end - over - begin :]

    def _windows(self, x_BHW3ND: torch.Tensor, group: int, shift: int, at_border: bool) -> torch.Tensor:
        """Attention within the windows of a rolled map or a band of it, (B, H, W, N, D)."""
        batch, height, width, _, heads, dim = x_BHW3ND.shape
        side = self.window
        x = x_BHW3ND.unflatten(2, (-1, side)).unflatten(1, (-1, side))
        qkv_3BIJNTD = x.permute(5, 0, 1, 3, 6, 2, 4, 7).flatten(5, 6)
        bias_NTT = self.relative_position_bias_table[group][self.index_TT].permute(2, 0, 1)
        strips = []
        for rows, hidden_y in self._split(height // side, 0, shift > 0 and at_border):
            cells = []
            for columns, hidden_x in self._split(width // side, 1, shift > 0):
                hidden_TT = torch.maximum(hidden_y, hidden_x) * HIDDEN
                cells.append(_attend(qkv_3BIJNTD[:, :, rows, columns], bias_NTT + hidden_TT))
            strips.append(torch.cat(cells, dim=2))
        out_BIJNTD = torch.cat(strips, dim=1)
        out = out_BIJNTD.unflatten(4, (side, side)).permute(0, 1, 4, 2, 5, 3, 6)
        return out.reshape(batch, height, width, heads, dim)

    def _split(self, count: int, axis: int, last_is_divided: bool) -> list[tuple[slice, torch.Tensor]]:
        """Windows along an axis: those of one region, and the last one, in which a border divides two."""
        hidden_TT = self.hidden_2TT[axis].to(self.qkv.weight.dtype)
        if not last_is_divided:
            return [(slice(0, count), torch.zeros_like(hidden_TT))]
        parts = [(slice(0, count - 1), torch.zeros_like(hidden_TT)), (slice(count - 1, count), hidden_TT)]
        return parts if count > 1 else parts[1:]


def _attend(qkv_3BIJNTD: torch.Tensor, bias_NTT: torch.Tensor) -> torch.Tensor:
    q, k, v = qkv_3BIJNTD.flatten(1, 3)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias_NTT.to(q.dtype)[None])
    return out.unflatten(0, qkv_3BIJNTD.shape[1:4])


def relative_position_index(window: int) -> torch.Tensor:
    """Row of the bias table of each (query, key) pair of a window, query - key + window - 1 per axis: (T, T) int64."""
    place = torch.arange(window, device="cpu")
    offset = place[:, None] - place[None, :] + window - 1
    table = offset[:, None, :, None] * (2 * window - 1) + offset[None, :, None, :]
    return table.reshape(window * window, window * window)


def hidden_regions(window: int) -> torch.Tensor:
    """1 where a query and a key lie in different halves of a window, along y and along x: (2, T, T)."""
    half = torch.arange(window, device="cpu") >= window // 2
    halves = half[:, None].expand(window, window).flatten(), half[None, :].expand(window, window).flatten()
    return torch.stack([(h[:, None] != h[None, :]).float() for h in halves])
