"""The mask encoder in training: blocks drop out where asked, batch norm keeps its statistics."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from segearth.config.model import PyramidRecipe
from segearth.errors import RecipeError
from segearth.model.build import make_pyramid

IMAGE = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)


def lite(drop_path):
    torch.manual_seed(0)
    recipe = PyramidRecipe(
        name="tf_efficientnet_lite0", image_size=64, drop_path=drop_path, frozen=False
    )
    return make_pyramid(recipe)


def test_blocks_drop_out_in_training_only():
    pyramid = lite(0.5)

    trained = [pyramid.train()(IMAGE)[-1] for _ in range(6)]
    evaluated = [pyramid.eval()(IMAGE)[-1] for _ in range(2)]

    assert any(not torch.equal(trained[0], other) for other in trained[1:])
    assert torch.equal(*evaluated)
    assert torch.equal(evaluated[0], lite(0.0).train()(IMAGE)[-1])  # the same weights, whole


def test_the_same_seed_drops_the_same_blocks():
    pyramid = lite(0.5).train()
    maps = []
    for _ in range(2):
        torch.manual_seed(3)
        maps.append(pyramid(IMAGE)[-1])
    assert torch.equal(*maps)


@pytest.mark.parametrize("drop_path", [0.0, 0.3])
def test_batch_norm_keeps_its_statistics(drop_path):
    pyramid = lite(drop_path).train()
    norms = [module for module in pyramid.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]

    pyramid(IMAGE)

    assert norms
    assert not any(norm.training for norm in norms)
    assert all(torch.equal(a, norm.running_mean) for a, norm in zip(before, norms, strict=True))


@pytest.mark.parametrize("drop_path", [-0.1, 1.0])
def test_a_rate_that_is_no_chance_is_refused(drop_path):
    with pytest.raises(RecipeError, match="drop_path"):
        PyramidRecipe(drop_path=drop_path)


def test_an_encoder_without_blocks_to_drop_says_so():
    recipe = PyramidRecipe(name="hrnet_w18_small", image_size=64, drop_path=0.1, frozen=False)

    with pytest.raises(RecipeError, match="no blocks") as caught:
        make_pyramid(recipe)

    assert caught.value.where == "model.pyramid.drop_path"


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "swinv2_cr_tiny_ns_224"])
def test_maps_come_channels_first_from_every_swin(name):
    """timm has both orders."""
    pyramid = make_pyramid(PyramidRecipe(name=name, image_size=224)).eval()

    with torch.no_grad():
        maps = pyramid(torch.zeros(1, 3, 224, 224, dtype=torch.uint8))

    sides = [56, 28, 14, 7]
    expected = [(1, count, side, side) for count, side in zip(pyramid.channels, sides, strict=True)]
    assert [tuple(fmap.shape) for fmap in maps] == expected


def test_a_frozen_encoder_is_the_same_in_training():
    recipe = PyramidRecipe(name="convnext_atto", image_size=64, drop_path=0.5, frozen=True)
    frozen, learning = (make_pyramid(replace(recipe, frozen=value)) for value in (True, False))
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)

    with torch.no_grad():
        first, second = (frozen.train()(image)[-1] for _ in range(2))

    assert torch.equal(first, second)
    assert not any(module.training for module in frozen.modules())
    assert any(module.training for module in learning.train().modules())
