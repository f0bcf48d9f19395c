"""Linear layers for inference: weights laid out for the processor, neighbouring steps fused."""

from typing import Callable, List, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


class Linear:
    """`x W^T + b` of one linear layer, or of several that read the same input, side by side.

    On a CPU the weights are packed once in oneDNN's own layout, which torch's compiler uses too;
    multiplying a few rows is then two to five times faster than with the plain layout.

    layers (List[nn.Linear]): The layers.
    dtype (torch.dtype): What to compute in.
    scale (float): Multiplies the result of the first layer.
    """

    def __init__(self, layers: List[nn.Linear], dtype: torch.dtype, scale: float = 1.0) -> None:
        weights = [layer.weight.detach() for layer in layers]
        biases = [
            layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias.detach()
            for layer in layers
        ]
        weights[0], biases[0] = weights[0] * scale, biases[0] * scale
        self.weight = torch.cat(weights).to(dtype).contiguous()
        self.bias = torch.cat(biases).to(dtype)
        self.packed = can_pack(self.weight.device, dtype)
        if self.packed:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, None)

    def __call__(
        self,
        x: Tensor,
        *,
        activation: Optional[Activation] = None,
        add: Optional[Tensor] = None,
    ) -> Tensor:
        """x ([N, in]), through the layer; then either `activation`, or plus `add` ([N, out])."""
        if not self.packed:
            y = F.linear(x, self.weight, self.bias)
            y = y if activation is None else activation(y)
            return y if add is None else y + add
        # The overloads themselves, which take less time to call than the operator.
        pointwise = torch.ops.mkldnn._linear_pointwise
        if add is not None:
            return pointwise.binary(x, add, self.weight, self.bias, "add")
        if activation is F.gelu:
            return pointwise.default(x, self.weight, self.bias, "gelu", [], "none")
        y = pointwise.default(x, self.weight, self.bias, "none", [], "")
        return y if activation is None else activation(y)


def can_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether weights can be packed: on a CPU, in a torch built with oneDNN for such CPUs."""
    if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return False
    if not torch.backends.mkldnn.is_available():
        return False
    try:  # these are not torch's public functions, so they may go
        ops = torch.ops.mkldnn
        found = ops._linear_pointwise.binary, ops._reorder_linear_weight
        return all(found) and (dtype == torch.float32 or ops._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False
