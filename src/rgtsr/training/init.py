"""How a network's weights begin. Knows no data and no optimizer."""

import math

import torch
from torch import Tensor, nn

from rgtsr.errors import TrainingError
from rgtsr.network import RGT
from rgtsr.training.recipe import Recipe, Upsampler
from rgtsr.weights import Weights

LEAK = 0.01  # slope of the LeakyReLU between body and upsampler
QUIET = 0.1  # how loud the untrained body and features are in an interpolating network


def init(network: RGT, recipe: Recipe) -> None:
    """Fill ``network`` as the recipe's ``init`` says; torch's generator must be seeded before."""
    for module in network.layers.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)  # RGT's code
            nn.init.zeros_(module.bias)
    if recipe.init == "interpolating":
        interpolate(network)


@torch.no_grad()
def interpolate(network: RGT) -> None:
    """Make the untrained network a three-tap interpolation: it then learns only what that lacks.

    RGB runs in the first three channels, through the LeakyReLU as a pair of opposite signs, and
    the upsampler's first maps are polyphase kernels.
    """
    first, last = network.conv_first, network.conv_last
    before = network.conv_before_upsample[0]
    assert isinstance(before, nn.Conv2d)
    quieten(network.conv_after_body)
    for rgb in range(3):
        _delta(first, rgb, {rgb: 1.0})
        _delta(before, 2 * rgb, {rgb: 1.0})
        _delta(before, 2 * rgb + 1, {rgb: -1.0})
    # leaky(x) - leaky(-x) = (1 + LEAK) x for either sign
    pair = {0: 1 / (1 + LEAK), 1: -1 / (1 + LEAK)}
    sources = [{2 * rgb + sign: gain for sign, gain in pair.items()} for rgb in range(3)]
    for module in network.upsample:
        if isinstance(module, nn.Conv2d):
            _polyphase(module, sources)
            sources = [{rgb: 1.0} for rgb in range(3)]
    last.weight.mul_(QUIET)
    for rgb in range(3):
        last.weight[:, list(sources[rgb])] = 0
    for rgb in range(3):
        _delta_added(last, rgb, sources[rgb])


@torch.no_grad()
def from_pretrained(network: RGT, weights: Weights, *, upsampler: Upsampler = "rephased") -> None:
    """Begin where ``weights`` of any scale ended: the body as it is, the upsampler made to fit.

    ``rephased``: an upsampler of another step reads the learnt one between its sub-pixels; a second
    stage interpolates all features. ``random``: what does not fit stays as it is, as in the
    authors' code (``strict_load_g: false``).

    Raises:
        TrainingError: when the bodies differ: nothing but the scale may.
    """
    state, num_feat = network.state_dict(), network.variant.num_feat
    learnt = {name: torch.tensor(tensor) for name, tensor in weights.tensors.items()}
    for name in state.keys() & learnt.keys():
        if name.startswith("upsample.") and upsampler == "rephased":
            steps = [math.isqrt(len(tensors[name]) // num_feat) for tensors in (learnt, state)]
            learnt[name] = rephased(learnt[name], *steps)
        elif name.startswith("upsample.") and learnt[name].shape != state[name].shape:
            del learnt[name]
    missing = [name for name in state if name not in learnt and not name.startswith("upsample.")]
    other = [name for name in state if name in learnt and learnt[name].shape != state[name].shape]
    if missing or other:
        raise TrainingError(f"pretrained has another body: {(missing + other)[0]} does not fit.")
    network.load_state_dict(state | {name: learnt[name] for name in state if name in learnt})
    if upsampler == "random":
        return
    for index, module in enumerate(network.upsample):
        if isinstance(module, nn.Conv2d) and f"upsample.{index}.weight" not in learnt:
            _polyphase(module, [{feature: 1.0} for feature in range(num_feat)])


def rephased(tensor: Tensor, step: int, other: int) -> Tensor:
    """Sub-pixel maps, (num_feat * step * step, ...), read at the places of another step's.

    Between the places of the learnt ones by Lagrange's polynomials.
    """
    known, asked = (((torch.arange(n) + 0.5) / n - 0.5).double() for n in (step, other))
    basis = torch.ones(other, step, dtype=torch.float64)
    for one in range(step):
        for two in set(range(step)) - {one}:
            basis[:, one] *= (asked - known[two]) / (known[one] - known[two])
    num_feat = len(tensor) // step**2
    phases = tensor.double().reshape(num_feat, step, step, -1)
    read = torch.einsum("yp,xq,fpqn->fyxn", basis, basis, phases)
    return read.reshape(num_feat * other**2, *tensor.shape[1:]).to(tensor.dtype)


def quieten(module: nn.Module) -> None:
    """Scale a residual convolution down, so that the body begins near zero."""
    for parameter in module.parameters():
        parameter.mul_(QUIET)


def _delta(conv: nn.Conv2d, row: int, gains: dict[int, float]) -> None:
    conv.weight[row] = 0
    _delta_added(conv, row, gains)


def _delta_added(conv: nn.Conv2d, row: int, gains: dict[int, float]) -> None:
    for column, gain in gains.items():
        conv.weight[row, column, 1, 1] += gain
    if conv.bias is not None:
        conv.bias[row] = 0


def _polyphase(conv: nn.Conv2d, sources: list[dict[int, float]]) -> None:
    step = round((conv.out_channels / conv.in_channels) ** 0.5)
    assert conv.bias is not None
    for rgb, gains in enumerate(sources):
        for phase in range(step**2):
            row = rgb * step**2 + phase
            kernel = torch.outer(_taps(phase // step, step), _taps(phase % step, step))
            conv.weight[row], conv.bias[row] = 0, 0
            for column, gain in gains.items():
                conv.weight[row, column] = gain * kernel


def _taps(phase: int, step: int) -> Tensor:
    """The parabola through three samples, read at this phase's offset from the middle one."""
    x = (phase + 0.5) / step - 0.5
    return torch.tensor([x * (x - 1) / 2, 1 - x * x, x * (x + 1) / 2])
