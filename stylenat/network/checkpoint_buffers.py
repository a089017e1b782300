"""Buffers in official checkpoints that follow from the architecture: compared with ours, then dropped."""

import re

from stylenat.attention.hydra import relative_position_index
from stylenat.checkpoints import skeleton
from stylenat.checkpoints.accept import Rule
from stylenat.nn.skeleton.config import BASE_PX

INDEX = re.compile(r"layers\.0\.blocks\.[01]\.attn\.relative_position_index")
RULES = (
    Rule(INDEX, "layout of the position bias", lambda _: relative_position_index(BASE_PX)),
    *skeleton.RULES,
)
