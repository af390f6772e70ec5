"""From a recipe to modules: sizes, freezing, LoRA, starting weights.

The only file that knows both recipes and modules; `inputs` knows what goes into them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    SiglipVisionModel,
)

from segearth.config.model import (
    ImageTokensRecipe,
    LanguageRecipe,
    MaskHeadRecipe,
    ModelRecipe,
    PyramidRecipe,
)
from segearth.data.prompting import Prompter
from segearth.errors import CheckpointError, RecipeError
from segearth.model.fetched_kernels import no_fetched_kernels
from segearth.model.image_tokens import ImageTower, StridedConnector, projector
from segearth.model.inputs import STRIDES
from segearth.model.language import LanguageModel
from segearth.model.mask_heads.sam import SamEncoder
from segearth.model.mask_heads.starting import make_sam
from segearth.model.mechanisms.instruction_as_query import InstructionAsQuery
from segearth.model.mechanisms.propose_then_select import ProposeThenSelect
from segearth.model.mechanisms.seg_token import SegToken
from segearth.model.pixel_decoder import PixelDecoder
from segearth.model.pretrained.fitting import Coverage, Part
from segearth.model.pretrained.loading import (
    language_config,
    load_language,
    load_part,
    load_tower,
    load_whole,
    sources,
    tower_config,
)
from segearth.model.pyramid import Pyramid
from segearth.model.query_decoder import QueryDecoder
from segearth.model.segearth import SegEarth
from segearth.model.sizes import sensible_sizes


def build_model(
    recipe: ModelRecipe,
    prompter: Prompter,
    *,
    pretrained: bool,
    tell: Callable[[Coverage], None] | None = None,
) -> SegEarth:
    """Make the model.

    Args:
        recipe: Its sizes.
        prompter: Gives vocabulary size and the image's place.
        pretrained: Read the parts' starting weights; False leaves random weights, to be
            overwritten by a checkpoint. Works under ``torch.device("meta")``.
        tell: Called with what each part took from its source.

    Raises:
        CheckpointError: Starting weights are missing or do not fit.
    """
    taken: list[Coverage] = []
    with sensible_sizes("model.language.config"):
        lm = _language(recipe.language, len(prompter.tokenizer), taken if pretrained else None)
    language = LanguageModel(lm)
    if recipe.mask_head.kind == "mask2former":
        pyramid: Any = make_pyramid(recipe.pyramid)
    tower = None
    if recipe.image_tokens.source == "tower":
        with sensible_sizes("model.image_tokens.config"):
            vision = _tower(recipe.image_tokens, taken if pretrained else None)
        tower = ImageTower(vision, recipe.image_tokens.layer)
        channels = int(tower.tower.config.hidden_size)
    else:
        channels = sum(pyramid.channels[recipe.image_tokens.level :])
    connector = make_connector(recipe, channels, language.width)
    pixel_decoder: Any
    predictor: Any
    if recipe.mask_head.kind == "mask2former":
        pixel_decoder, predictor = make_decoders(recipe.mask_head, pyramid.channels)
    else:
        side = recipe.pyramid.image_size
        with sensible_sizes("model.mask_head.config"):
            pyramid, pixel_decoder, predictor = make_sam(
                recipe.mask_head, side, taken if pretrained else None
            )
    model = SegEarth(
        language=language,
        image_tower=tower,
        mm_projector=connector,
        pyramid=pyramid,
        pixel_decoder=pixel_decoder,
        predictor=predictor,
        mechanism=make_mechanism(recipe, language.width, pyramid.channels[-1], predictor.width),
        queries_per_target=recipe.queries_per_target,
        token_level=recipe.image_tokens.level,
        token_pool=recipe.image_tokens.pool,
        grid_position=recipe.image_tokens.grid_position,
        bidirectional_prompt=recipe.language.attention == "prefix",
        image_span=prompter.image_span,
        decode=recipe.mask_head.decode,
    )
    if pretrained:
        whole = recipe.mask_head.kind != "mask2former"  # SAM was loaded as one
        for part, module in parts_of(model).items():
            if whole and part == "mask_head":
                continue
            named = sources(recipe).get(part)
            if named is not None:
                taken.append(load_part(module, part, named))
    _freeze(model, recipe)
    if tell is not None:
        for coverage in taken:
            tell(coverage)
    return model


def parts_of(model: SegEarth) -> dict[Part, nn.Module]:
    """Give the parts that take starting weights once the model stands."""
    decoders = {"pixel_decoder": model.pixel_decoder, "predictor": model.predictor}
    return {
        "connector": model.mm_projector,
        "pyramid": model.vision_tower_mask,
        "mask_head": nn.ModuleDict(decoders),
    }


def self_contained(recipe: ModelRecipe, model: SegEarth) -> ModelRecipe:
    """Write the configs of language model and image tower into the recipe.

    What is saved beside weights must rebuild the model without the folders or the hub that
    its parts once came from.
    """
    language = replace(recipe.language, config=_plain_config(model.language.lm.config))
    tokens = recipe.image_tokens
    if model.image_tower is not None:
        tokens = replace(tokens, config=_plain_config(model.image_tower.config))
    head = recipe.mask_head
    if isinstance(model.vision_tower_mask, SamEncoder):
        head = replace(head, config=_plain_config(model.vision_tower_mask.config))
    return replace(recipe, language=language, image_tokens=tokens, mask_head=head)


def _plain_config(config: PretrainedConfig) -> dict[str, object]:
    """Keep what differs from the defaults of the config's class, and the model's type."""
    left_out = ("architectures", "transformers_version", "dtype", "_name_or_path")
    kept = {k: v for k, v in config.to_diff_dict().items() if k not in left_out}
    return {"model_type": config.model_type, **kept}


def make_pyramid(recipe: PyramidRecipe) -> Pyramid:
    """Make the mask encoder, at random weights.

    Raises:
        CheckpointError: timm has no such encoder.
        RecipeError: It has no blocks to drop.
    """
    try:
        return Pyramid(
            recipe.name,
            recipe.image_size,
            output_norms=recipe.output_norms,
            # A frozen encoder computes the same in training as ever.
            drop_path=0.0 if recipe.frozen else recipe.drop_path,
        )
    except TypeError as error:
        if not recipe.drop_path:
            raise
        raise RecipeError(
            f"{recipe.name} has no blocks that could be left out",
            where="model.pyramid.drop_path",
            hint="leave it out, or take another encoder, such as convnext_tiny",
        ) from error
    except (RuntimeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"timm has no encoder {recipe.name} with maps at strides 4, 8, 16 and 32: {error}",
            where="model.pyramid.name",
            hint="swin_base_patch4_window12_384, convnext_tiny, tf_efficientnet_lite0 …",
        ) from error


def make_connector(
    recipe: ModelRecipe, channels: int, width: int
) -> nn.Sequential | StridedConnector:
    """Make what turns image features into tokens of the language model, at random weights."""
    tokens = recipe.image_tokens
    if tokens.connection == "mlp":
        return projector(channels, width)
    cell = STRIDES[tokens.level] * tokens.pool
    return StridedConnector(channels, width, recipe.pyramid.image_size // cell)


def make_decoders(
    recipe: MaskHeadRecipe, channels: Sequence[int]
) -> tuple[PixelDecoder, QueryDecoder]:
    """Make both decoders of the mask head, at random weights.

    Args:
        recipe: Their sizes.
        channels: Of the pyramid's maps, finest first.
    """
    pixel_decoder = PixelDecoder(
        channels,
        width=recipe.width,
        heads=recipe.heads,
        points=recipe.points,
        layers=recipe.encoder_layers,
        ffn=recipe.encoder_ffn,
        extra_lateral_relu=recipe.extra_lateral_relu,
    )
    predictor = QueryDecoder(
        width=recipe.width,
        heads=recipe.heads,
        layers=recipe.decoder_layers,
        ffn=recipe.decoder_ffn,
    )
    return pixel_decoder, predictor


def make_mechanism(
    recipe: ModelRecipe, language_width: int, image_channels: int, width: int
) -> SegToken | InstructionAsQuery | ProposeThenSelect:
    """Make what turns hidden states into queries, at random weights.

    Args:
        recipe: Names the mechanism.
        language_width: D.
        image_channels: Of the mask encoder's coarsest map.
        width: Of the mask decoder.
    """
    if recipe.mechanism == "instruction_as_query":
        return InstructionAsQuery(language_width, image_channels, 2 * width)
    if recipe.mechanism == "propose_then_select":
        return ProposeThenSelect(recipe.proposals, language_width, width)
    return SegToken(language_width)


def _require_whole_heads(config: PretrainedConfig) -> None:
    """Refuse a width that heads do not divide; Phi would find out in its first pass.

    Raises:
        CheckpointError: It does not divide, and no width of a head is given.
    """
    width, heads = (getattr(config, name, None) for name in ("hidden_size", "num_attention_heads"))
    if getattr(config, "head_dim", None) is None and width and heads and width % heads:
        raise CheckpointError(
            f"hidden_size {width} does not divide into {heads} heads",
            where="model.language.config",
        )


def _language(
    recipe: LanguageRecipe, vocabulary: int, taken: list[Coverage] | None
) -> PreTrainedModel:
    """Make the language model; with `taken`, from its starting weights, and say so there."""
    dtype = getattr(torch, recipe.dtype)
    try:
        config = language_config(recipe)
        _require_whole_heads(config)
        if taken is not None and recipe.weights:
            lm, coverage = load_language(recipe, config)
            taken.append(coverage)
        elif taken is not None and "model_type" not in recipe.config:
            lm, coverage = load_whole(recipe.name, config, dtype)
            taken.append(coverage)
        else:
            lm = AutoModelForCausalLM.from_config(config, dtype=dtype)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the language model cannot be loaded: {str(error).splitlines()[0]}",
            where=f"model.language.name {recipe.name}",
            hint="name a folder with config.json and safetensors, or a hub model",
        ) from error
    head = lm.get_output_embeddings()
    if not recipe.head_bias and getattr(head, "bias", None) is not None:
        head.register_parameter("bias", None)
    if vocabulary > cast(nn.Embedding, lm.get_input_embeddings()).num_embeddings:
        lm.resize_token_embeddings(vocabulary, mean_resizing=False)
    if recipe.lora_rank:
        _add_lora(lm, recipe)
    return lm


def _add_lora(lm: PreTrainedModel, recipe: LanguageRecipe) -> None:
    with no_fetched_kernels():
        from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.lora_targets),
    )
    try:
        inject_adapter_in_model(config, lm)
    except ValueError as error:
        raise CheckpointError(
            f"no layer of the language model is called {' or '.join(recipe.lora_targets)}",
            where="model.language.lora_targets",
            hint="q_proj and v_proj suit Phi and Llama; query and value suit Bert",
        ) from error


def _tower(recipe: ImageTokensRecipe, taken: list[Coverage] | None) -> SiglipVisionModel:
    """Make the image tower; with `taken`, from its starting weights, and say so there."""
    config = tower_config(recipe)
    if taken is None or (recipe.config and not recipe.weights):
        return SiglipVisionModel(config)
    tower, coverage = load_tower(recipe, config)
    taken.append(coverage)
    return tower


def _freeze(model: SegEarth, recipe: ModelRecipe) -> None:
    """Freeze what the recipe says; the vocabulary's output layer always learns `[SEG]`."""
    if recipe.pyramid.frozen:
        model.vision_tower_mask.requires_grad_(False)
    if model.image_tower is not None:
        model.image_tower.requires_grad_(False)
        model.mm_projector.requires_grad_(False)
    lm = model.language.lm
    for name, parameter in lm.named_parameters():
        parameter.requires_grad_("lora_" in name or not recipe.language.frozen)
    if recipe.language.frozen:
        lm.get_output_embeddings().requires_grad_(True)
