"""Which formulation of attention runs where. A meta tensor stands for one on a GPU."""

import pytest
import torch

from network.seen import calls
from rgtsr import variants
from rgtsr.network import attention
from rgtsr.network.recursive import RecursiveGeneralizationAttention

FUSED_ON_CPU = "_scaled_dot_product_flash_attention_for_cpu"


def heads(*widths: int, rows: int = 50, device: str = "cpu") -> list[torch.Tensor]:
    return [torch.rand(1, 2, rows, width, device=device) for width in widths]


def test_a_fused_kernel_takes_all_queries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "SCORES_LIMIT_BYTES", 1)
    with torch.no_grad(), calls() as seen:
        attention.attend_in_chunks(*heads(15, 15, 30), scale=0.3)
    assert [call.name for call in seen].count(FUSED_ON_CPU) == 1


def test_where_scores_are_held_queries_come_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = heads(15, 15, 30)
    whole = attention.attend_in_chunks(q, k, v, scale=0.3)
    monkeypatch.setattr(attention, "SCORES_LIMIT_BYTES", 10 * 2 * 50 * 4)
    with calls() as seen:
        chunked = attention.attend_in_chunks(q, k, v, scale=0.3)
    assert [call.name for call in seen].count("_softmax") == 5
    assert float((whole - chunked).abs().max()) <= 1e-6


@pytest.mark.parametrize(
    ("widths", "wide"), [((30, 30, 30), 32), ((15, 15, 30), 32), ((8, 8, 16), 16)]
)
def test_on_a_gpu_heads_are_as_wide_as_its_fused_kernels_want(
    widths: tuple[int, int, int], wide: int
) -> None:
    with torch.no_grad(), calls() as seen:
        attended = attention.attend(*heads(*widths, device="meta"))
    products = [call.shapes for call in seen if call.name == "bmm"]
    assert [first[-1] for first, _ in products][:1] == [wide]
    assert [second[-1] for _, second in products][1:] == [wide]
    assert attended.shape[-1] == widths[-1]


def test_heads_of_another_width_attend_the_same() -> None:
    q, k, v = heads(15, 15, 30)
    expected = (q @ k.transpose(-1, -2) * 15**-0.5).softmax(-1) @ v
    with torch.inference_mode():
        assert float((attention.attend(q, k, v) - expected).abs().max()) <= 1e-6


@pytest.mark.parametrize(
    ("device", "trains", "is_convolution"),
    [("cpu", True, False), ("cpu", False, True), ("meta", True, True), ("meta", False, True)],
)
def test_the_reduction_is_a_convolution_but_where_a_cpu_trains(
    device: str, trains: bool, is_convolution: bool
) -> None:
    variant = variants.find("tiny")
    attn = RecursiveGeneralizationAttention(variant, variants.blocks(variant)[1]).to(device)
    x = torch.zeros(1, 16, 16, variant.channels, device=device)
    with torch.set_grad_enabled(trains), calls() as seen:
        attn.reduced(x)
    assert ("convolution" in {call.name for call in seen}) is is_convolution
