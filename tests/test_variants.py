"""What a variant is made of, as every room reads it."""

from dataclasses import replace
from typing import get_args

import pytest

from rgtsr import graph, network, variants, weights
from rgtsr.graph import rgt
from rgtsr.network import block
from rgtsr.variants import BlockPlan, Kind
from rgtsr.weights import converting, shapes

SMALL = replace(variants.find("small"), depths=(4, 3))


def test_blocks_alternate_and_every_other_window_is_shifted() -> None:
    assert variants.blocks(SMALL) == (
        BlockPlan(0, 0, "local"),
        BlockPlan(0, 1, "recursive"),
        BlockPlan(0, 2, "local", shifted=True),
        BlockPlan(0, 3, "recursive"),
        BlockPlan(1, 0, "local", shifted=True),
        BlockPlan(1, 1, "recursive"),
        BlockPlan(1, 2, "local"),
    )
    assert variants.groups(SMALL)[1][0].name == "layers.1.blocks.0"


@pytest.mark.parametrize(
    "table", [block.ATTENTIONS, rgt.ATTENTIONS, shapes.ATTENTIONS, converting.BUFFERS]
)
def test_every_kind_of_attention_is_known_wherever_one_is_chosen(table: dict[str, object]) -> None:
    assert set(table) == set(get_args(Kind))


def test_a_former_name_finds_the_variant_of_today() -> None:
    assert variants.find("seed", scale=3) == variants.find("baseline", scale=3)
    assert variants.find("seed").name == "baseline"


@pytest.mark.parametrize("num_feat", [32, 48])
def test_fewer_features_before_the_upsampler_make_a_smaller_network(num_feat: int) -> None:
    narrow = weights.random(replace(SMALL, num_feat=num_feat))
    assert network.from_weights(narrow).conv_last.weight.shape == (3, num_feat, 3, 3)
    sizes = [graph.build(each, height=16, width=16).ByteSize() for each in (narrow, full())]
    assert sizes[0] < sizes[1]


def full() -> weights.Weights:
    return weights.random(SMALL)


def test_too_few_features_for_rgb_are_refused() -> None:
    with pytest.raises(ValueError, match="num_feat=5"):
        replace(SMALL, num_feat=5)
