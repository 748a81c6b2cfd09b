"""The gated MLP as a graph: separate maps for the content and for the gate, so nothing is split.

Source: RGT's code (spatial gate).
"""

from rgtsr.graph.layers import Site, affine, depthwise, layer_norm, linear, normalized


def gated_mlp(site: Site, at: str, rows: str) -> str:
    """norm2 and the MLP of one block: (P, C) -> (P, C)."""
    b, hidden = site.builder, site.variant.hidden_channels
    x = normalized(site, f"{at}/norm2", rows, site.variant.channels)
    fc1 = affine(site, f"{at}.mlp.fc1").after_norm(site, f"{at}.norm2")
    content = linear(site, f"{at}/mlp/content", x, fc1.columns(0, hidden // 2))
    content = b.op("Gelu", f"{at}/mlp/content/gelu", content)
    gate = linear(site, f"{at}/mlp/gate", x, fc1.columns(hidden // 2, hidden))
    gate = layer_norm(site, f"{at}.mlp.sg.norm", b.op("Gelu", f"{at}/mlp/gate/gelu", gate))
    weight, bias = (site.tensors[f"{at}.mlp.sg.conv.{part}"] for part in ("weight", "bias"))
    gate = depthwise(site, f"{at}/mlp/gate/conv", gate, weight, bias)
    gated = b.op("Mul", f"{at}/mlp/gated", content, gate)
    return linear(site, f"{at}/mlp/fc2", gated, affine(site, f"{at}.mlp.fc2"))
