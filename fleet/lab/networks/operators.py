"""Which operators an IMX500 is known to run.

Sony publishes no list for ONNX. What is known: the target description that Sony's compression
toolkit quantises for (edge-mdt-tpc 1.3.0, Apache-2.0, `edgemdt_tpc/data/imx500/tpc_v5_0.py`) names
sets of operators, here with their ONNX names; and some networks have been seen to run on the chip.
An operator that neither names may still work: only Sony's converter knows.
"""

from __future__ import annotations

from collections.abc import Iterable

NAMED = {
    "Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "Add", "Sub", "Mul", "Div",
    "Min", "Max", "Relu", "Clip", "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish",
    "Gelu", "Tanh", "Exp", "Sin", "Cos", "MaxPool", "Pad", "Reshape", "Flatten", "Squeeze",
    "Unsqueeze", "Transpose", "Concat", "Split", "Slice", "Gather", "Expand", "Cast", "Dropout",
    "Identity", "Size", "Equal", "ArgMax", "TopK", "QuantizeLinear", "DequantizeLinear",
}  # fmt: skip
"""Named by the target description; the last two are how ONNX writes its quantisation."""

SEEN = {
    "Resize": "PicoSAM2, arXiv 2506.18807",
    "GlobalAveragePool": "MobileNetV2, raspberrypi/imx500-models",
    "AveragePool": "MobileNetV2, raspberrypi/imx500-models",
    "ReduceMean": "MobileNetV2, raspberrypi/imx500-models (a mean over the picture)",
    "Softmax": "MobileNetV2, raspberrypi/imx500-models",
}
"""Parts of networks that run on the chip."""


def not_known(operators: Iterable[str]) -> list[str]:
    """Return the operators that are not known to be supported, in order of the alphabet."""
    return sorted(set(operators) - NAMED - set(SEEN))
