"""Pictures with two things on grass, and tiny SAM folders with random weights."""

from __future__ import annotations

import cv2
import numpy as np
import pytest


def draw(height=96, width=128, seed=0):
    """A pale disc of radius 16 at (40, 48) and a dark red box 80..110 x 30..60, with grain."""
    pixels = np.full((height, width, 3), (90, 120, 80), np.uint8)
    cv2.circle(pixels, (40, 48), 16, (200, 200, 210), cv2.FILLED)
    pixels[30:60, 80:110] = (160, 60, 60)
    grain = np.random.default_rng(seed).normal(0, 3, pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def write_picture(path, **size):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(draw(**size), cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture(scope="session")
def picture():
    """The drawing as a function of its size."""
    return draw


@pytest.fixture
def pictures(tmp_path):
    """Three pictures, one with a name that is not ASCII."""
    folder = tmp_path / "in"
    for seed, name in enumerate(["a.png", "b.png", "ä b.png"]):
        write_picture(folder / name, seed=seed)
    return folder


@pytest.fixture(scope="session")
def sam_folder(tmp_path_factory):
    from transformers import (
        SamConfig,
        SamImageProcessor,
        SamMaskDecoderConfig,
        SamModel,
        SamProcessor,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    config = SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=16,
            output_channels=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=64,
            patch_size=16,
            mlp_dim=16,
            window_size=2,
            global_attn_indexes=[0],
            num_pos_feats=8,
        ),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=16, image_size=64, patch_size=16, image_embedding_size=4
        ),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=16,
            mlp_dim=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            iou_head_hidden_dim=16,
        ),
    )
    size = {"longest_edge": 64}
    processor = SamImageProcessor(
        size=size,
        mask_size={"longest_edge": 16},
        pad_size={"height": 64, "width": 64},
        mask_pad_size={"height": 16, "width": 16},
    )
    return _save(SamModel, config, SamProcessor(processor), tmp_path_factory.mktemp("sam"))


@pytest.fixture(scope="session")
def sam2_folder(tmp_path_factory):
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2ImageProcessor,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2Processor,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    config = Sam2Config(
        vision_config=Sam2VisionConfig(
            backbone_config=Sam2HieraDetConfig(
                hidden_size=8,
                num_attention_heads=1,
                image_size=[64, 64],
                blocks_per_stage=[1, 1, 2, 1],
                embed_dim_per_stage=[8, 16, 32, 64],
                num_attention_heads_per_stage=[1, 1, 2, 2],
                window_size_per_stage=[4, 4, 4, 4],
                global_attention_blocks=[3],
                window_positional_embedding_background_size=[2, 2],
            ),
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
            fpn_hidden_size=16,
        ),
        prompt_encoder_config=Sam2PromptEncoderConfig(hidden_size=16, image_size=64, patch_size=16),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=16,
            mlp_dim=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            iou_head_hidden_dim=16,
        ),
    )
    processor = Sam2Processor(
        Sam2ImageProcessor(size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16})
    )
    return _save(Sam2Model, config, processor, tmp_path_factory.mktemp("sam2"))


def _save(model, config, processor, folder):
    import torch

    torch.manual_seed(0)
    model(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
