"""RGT in torch, for training and for GPUs. Knows no pictures and no files.

Attribute names are the authors', so that a state dict is a state dict of the field.
"""

from rgtsr.network.rgt import RGT, from_weights

__all__ = ["RGT", "from_weights"]
