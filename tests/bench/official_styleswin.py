"""StyleSwin's generator in the order of operations of the official implementation.

Same weights, same numbers: the map is rolled, cut into windows, logits get the bias and the mask of every window, and
all is put together again. What the project's generator is compared with. Shape suffixes as in
`baselines.styleswin.attention`.
"""

import torch
from official_order import forward as skeleton_forward

from baselines.styleswin.checkpoint import region_mask

MASKS = {}  # by side and window; the official network keeps them as buffers


def forward(generator, z_BZ):
    """Latents (B, Z) to images (B, 3, H, W)."""
    return skeleton_forward(generator, z_BZ, attention_forward)


def windows(x_BHWC, side):
    """(B, H, W, C) to (windows of all images, side * side, C)."""
    batch, height, width, channels = x_BHWC.shape
    x = x_BHWC.view(batch, height // side, side, width // side, side, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, side * side, channels)


def together(x_NTC, side, height):
    """The reverse of `windows`."""
    count = height // side
    x = x_NTC.view(-1, count, count, side, side, x_NTC.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, height, x_NTC.shape[-1])


def attention_forward(attn, x_BTC, side):
    """Both groups of heads, one after the other; outputs put together on the channels."""
    batch, tokens, channels = x_BTC.shape
    qkv = attn.qkv(x_BTC).reshape(batch, -1, 3, channels).permute(2, 0, 1, 3).reshape(3 * batch, side, side, channels)
    plain, shifted = qkv.split(channels // 2, dim=3)
    if attn.shift:
        shifted = torch.roll(shifted, (-attn.shift, -attn.shift), dims=(1, 2))
    groups = []
    for group, x in enumerate((plain, shifted)):
        q, k, v = windows(x, attn.window).view(3, -1, attn.window**2, channels // 2)
        mask = mask_of(side, attn.window) if group and attn.shift else None
        groups.append(together(window_attention(attn, group, q, k, v, mask), attn.window, side))
    if attn.shift:
        groups[1] = torch.roll(groups[1], (attn.shift, attn.shift), dims=(1, 2))
    return attn.proj(torch.cat([x.reshape(batch, tokens, -1) for x in groups], dim=2))


def window_attention(attn, group, q_NTC, k_NTC, v_NTC, mask_WTT):
    """Softmax attention with the bias looked up, and the mask added for every window."""
    heads = attn.num_heads // 2
    q, k, v = (x.reshape(*x.shape[:2], heads, -1).permute(0, 2, 1, 3) for x in (q_NTC, k_NTC, v_NTC))
    logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    table = attn.relative_position_bias_table[group]
    tokens = q.shape[2]
    bias = table[attn.index_TT.view(-1)].view(tokens, tokens, -1).permute(2, 0, 1).contiguous()
    logits = logits + bias[None]
    if mask_WTT is not None:
        count = len(mask_WTT)
        logits = logits.view(-1, count, heads, tokens, tokens) + mask_WTT[None, :, None]
        logits = logits.view(-1, heads, tokens, tokens)
    out = logits.softmax(dim=-1) @ v
    return out.transpose(1, 2).reshape(q_NTC.shape)


def mask_of(side, window):
    """The mask of a map, made once."""
    if (side, window) not in MASKS:
        MASKS[side, window] = region_mask(side, window)
    return MASKS[side, window]
