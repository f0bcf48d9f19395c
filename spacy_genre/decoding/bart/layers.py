"""Linear layers for inference: packed weights; activation and residual fused with the product."""

from typing import Callable, List, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


class Linear:
    """`x W^T + b` of one linear layer, or of several layers with the same input, concatenated.

    On a CPU the weights are packed once into oneDNN's layout, as torch's compiler does;
    products of a few rows are then two to five times faster than with the plain layout.

    layers (List[nn.Linear]): The layers.
    dtype (torch.dtype): The dtype of the computation.
    scale (float): Multiplies the output of the first layer.
    """

    def __init__(self, layers: List[nn.Linear], dtype: torch.dtype, scale: float = 1.0) -> None:
        weights = [layer.weight.detach() for layer in layers]
        biases = [
            layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias.detach()
            for layer in layers
        ]
        if scale != 1.0:
            weights[0], biases[0] = weights[0] * scale, biases[0] * scale
        # One by one, so that there is no second float32 copy.
        self.weight = torch.cat([weight.to(dtype) for weight in weights]).contiguous()
        self.bias = torch.cat(biases).to(dtype)
        self.packed = can_pack(self.weight.device, dtype)
        if self.packed:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, None)

    def __call__(
        self,
        x: Tensor,
        *,
        activation: Optional[Activation] = None,
        residual: Optional[Tensor] = None,
    ) -> Tensor:
        """x ([N, in]) to [N, out]; then either `activation` is applied or `residual` ([N, out]) is
        added."""
        if not self.packed:
            y = F.linear(x, self.weight, self.bias)
            y = y if activation is None else activation(y)
            return y if residual is None else y + residual
        # The overloads are faster to call than the operator.
        pointwise = torch.ops.mkldnn._linear_pointwise
        if residual is not None:
            return pointwise.binary(x, residual, self.weight, self.bias, "add")
        if activation is F.gelu:
            return pointwise.default(x, self.weight, self.bias, "gelu", [], "none")
        y = pointwise.default(x, self.weight, self.bias, "none", [], "")
        return y if activation is None else activation(y)


def can_pack(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether weights can be packed: on a CPU, if torch has oneDNN and it supports the dtype."""
    if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return False
    if not torch.backends.mkldnn.is_available():
        return False
    try:  # not public functions of torch: a later version may lack them
        ops = torch.ops.mkldnn
        needed = ops._linear_pointwise.binary, ops._reorder_linear_weight
        return all(needed) and (dtype == torch.float32 or ops._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False
