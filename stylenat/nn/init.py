"""Initial values of transformer layers."""

from torch import nn

STD = 0.02
RGB_GAIN = 0.02


def init_transformer(module: nn.Module) -> None:
    """Linear weights from a normal of standard deviation 0.02, convolutions Xavier-normal of gain 0.02, biases 0.

    To be used with `Module.apply`; layers at an equalised rate are none of torch's and keep their own values.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=STD)
    elif isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight, gain=RGB_GAIN)
    if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
        nn.init.zeros_(module.bias)
