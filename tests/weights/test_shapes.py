from dataclasses import replace

import pytest

from rgtsr import variants
from rgtsr.network import RGT
from rgtsr.variants import Variant
from rgtsr.weights import parameter_shapes, shapes

SMALL = variants.find("small")
ODD = {
    "3conv": replace(SMALL, resi_connection="3conv"),
    "heads": replace(SMALL, heads=8),
    "c_ratio": replace(SMALL, c_ratio=0.25),
    "num_feat": replace(SMALL, num_feat=48, scale=4),
    "mlp_ratio": replace(SMALL, mlp_ratio=3.0),
    "one block": replace(SMALL, depths=(1,)),
    "uneven": replace(SMALL, depths=(1, 4, 2)),
}


@pytest.mark.parametrize("name", variants.BASES)
@pytest.mark.parametrize("scale", variants.SCALES)
def test_the_tensors_are_those_of_the_network(name: str, scale: int) -> None:
    variant = replace(variants.find(name, scale=scale), depths=(2, 1))
    network = {key: tuple(value.shape) for key, value in RGT(variant).state_dict().items()}
    assert parameter_shapes(variant) == network


@pytest.mark.parametrize(
    ("name", "scale", "millions"),
    [
        ("tiny", 2, 0.38), ("tiny", 3, 0.56), ("tiny", 4, 0.52),
        ("small", 2, 0.65), ("swift", 2, 0.49),
        ("light", 2, 1.22), ("light", 3, 1.40), ("light", 4, 1.37),
        ("medium", 2, 3.62), ("baseline", 2, 6.30), ("rgt-s", 2, 10.05), ("rgt", 4, 13.37),
    ],
)  # fmt: skip
def test_parameter_counts_are_those_of_the_design(name: str, scale: int, millions: float) -> None:
    total = 0
    for shape in parameter_shapes(variants.find(name, scale=scale)).values():
        count = 1
        for side in shape:
            count *= side
        total += count
    assert round(total / 1e6, 2) == pytest.approx(millions, abs=0.0051)


@pytest.mark.parametrize("name", variants.BASES)
@pytest.mark.parametrize("scale", variants.SCALES)
def test_every_named_variant_is_inferred_from_its_shapes(name: str, scale: int) -> None:
    variant = variants.find(name, scale=scale)
    assert shapes.infer(parameter_shapes(variant)) == variant


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_every_hyper_parameter_is_inferred(odd: Variant) -> None:
    found = shapes.infer(parameter_shapes(odd), split=(4, 8))
    assert found == replace(odd, name="custom", split=(4, 8)) or odd.depths == (1,)
    assert parameter_shapes(found) == parameter_shapes(odd)


def test_an_unknown_window_is_asked_for() -> None:
    with pytest.raises(ValueError, match="window size"):
        shapes.infer(parameter_shapes(ODD["heads"]))


@pytest.mark.parametrize(
    "missing", ["conv_first.weight", "upsample.0.weight", "conv_after_body.weight"]
)
def test_tensors_of_no_rgt_are_refused(missing: str) -> None:
    incomplete = parameter_shapes(SMALL)
    if missing == "upsample.0.weight":
        incomplete[missing] = (64 * 25, 64, 3, 3)
    else:
        del incomplete[missing]
    if missing == "conv_after_body.weight":
        assert shapes.infer(incomplete, split=(8, 16)).resi_connection == "3conv"
        return
    with pytest.raises(ValueError, match="not the tensors of an RGT"):
        shapes.infer(incomplete)


def test_groups_with_different_heads_are_refused() -> None:
    mixed = parameter_shapes(SMALL)
    mixed["layers.1.blocks.0.attn.attns.0.pos.pos3.2.weight"] = (4, 2)
    with pytest.raises(ValueError, match="different head counts"):
        shapes.infer(mixed)


@pytest.mark.parametrize(("channels", "reduced"), [(180, 126), (64, 45), (192, 77)])
def test_a_ratio_that_floats_cannot_hold_is_still_inferred(channels: int, reduced: int) -> None:
    ratio = shapes._ratio(reduced, channels)
    assert int(channels * ratio) == reduced
