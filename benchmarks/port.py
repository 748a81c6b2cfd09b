"""The independent implementation that ours is held against: spandrel's port of RGT, in torch.

spandrel imports torchvision, which has no build for a CPU-only torch. RGT needs nothing of it, so
an empty package stands in its place.
"""

import importlib.abc
import importlib.machinery
import sys
import types
import warnings
from collections.abc import Sequence
from unittest import mock

import torch
from torch import nn

from rgtsr.weights import Weights


class _EmptyModule(types.ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _EmptyTorchvision(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.split(".", maxsplit=1)[0] != "torchvision":
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _EmptyModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def stand_in_for_torchvision() -> None:
    """Put an empty torchvision where spandrel looks for one."""
    if not any(isinstance(finder, _EmptyTorchvision) for finder in sys.meta_path):
        sys.meta_path.insert(0, _EmptyTorchvision())


def spandrel_rgt(weights: Weights) -> nn.Module:
    """spandrel's network with these weights, in evaluation mode."""
    stand_in_for_torchvision()
    from spandrel.architectures.RGT.__arch.rgt import L_SA, RGT, Upsample

    make_masks = L_SA.calculate_mask

    def masks(self: nn.Module, height: int, width: int) -> object:
        """Masks for 64 x 64 are made on construction, for windows too that do not divide 64."""
        divides = height % max(self.split_size) == 0 == width % max(self.split_size)
        return make_masks(self, height, width) if divides else (None, None)

    variant = weights.variant
    with warnings.catch_warnings(), mock.patch.object(L_SA, "calculate_mask", masks):
        warnings.filterwarnings("ignore", message="torch.meshgrid")
        network = RGT(
            embed_dim=variant.channels,
            depth=list(variant.depths),
            num_heads=[variant.heads] * len(variant.depths),
            mlp_ratio=variant.mlp_ratio,
            upscale=variant.scale,
            resi_connection=variant.resi_connection,
            split_size=list(variant.split),
            c_ratio=variant.c_ratio,
            drop_path_rate=0.0,
        )
    if variant.num_feat != 64:  # which RGT's code cannot vary
        first = nn.Conv2d(variant.channels, variant.num_feat, 3, padding=1)
        network.conv_before_upsample[0] = first
        network.upsample = Upsample(variant.scale, variant.num_feat)
        network.conv_last = nn.Conv2d(variant.num_feat, 3, 3, padding=1)
    state = {name: torch.tensor(tensor) for name, tensor in weights.tensors.items()}
    outcome = network.load_state_dict(state, strict=False)
    assert not outcome.unexpected_keys
    buffers = ("attn_mask_", "rpe_biases", "relative_position_index")
    assert all(any(b in name for b in buffers) for name in outcome.missing_keys)
    network.mean = torch.tensor(variant.mean_rgb).view(1, 3, 1, 1)
    return network.eval()
