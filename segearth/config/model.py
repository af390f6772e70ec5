"""The shape of a model: frozen dataclasses, a sentence a field.

Defaults are the paper's (SegEarth-R2, Table 8 and Sec. 5.1) or, where it is silent, what
its code family does; fields that small models need are off by default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from segearth.config.bounds import require, within
from segearth.config.combinations import refuse_impossible

Mechanism = Literal["seg_token", "instruction_as_query", "propose_then_select"]
"""How a language model asks for masks (paper, Sec. 4.2)."""


@dataclass(frozen=True, kw_only=True)
class TemplateRecipe:
    """The words around the image, the instruction and the answer.

    The image stands between `before` and `question`, so that everything up to the last
    image token is the same for every instruction and can be cached.
    """

    before: str = "This is an image\n"
    """Text before the image tokens."""
    question: str = (
        "\n, please doing Reasoning Segmentation according to the following instruction:\n"
        "{instruction}\n"
    )
    """Text between image and answer; `{instruction}` must occur, `{width_m}` may (ground
    width of the picture in metres, two digits, or `unknown`)."""
    end: str = "<|endoftext|>"
    """Token that closes an answer."""

    def __post_init__(self) -> None:
        """Refuse a template that would drop the instruction."""
        require(
            "{instruction}" in self.question,
            "model.template.question",
            "the template has no {instruction}",
            "write {instruction} where the request belongs",
        )


@dataclass(frozen=True, kw_only=True)
class LanguageRecipe:
    """The language model: any causal language model that transformers knows."""

    name: str = "microsoft/phi-2"
    """Folder or hub name with config, tokenizer and weights."""
    config: dict[str, object] = field(default_factory=dict)
    """Keys that override the model's own config; with `model_type` in it, no config file is
    read and the model starts from random weights, unless `weights` names others."""
    weights: str = ""
    """Starting weights, where they are not those of `name`: a safetensors file, a folder or
    a hub name, such as `zhumj34/Mipha-3B`."""
    head_bias: bool = True
    """Keep the bias of the word head, as Phi-2 has it; the authors' code drops it."""
    attention: Literal["causal", "prefix"] = "causal"
    """`prefix`: image and instruction see each other in both directions, the answer stays
    causal; for language models that were trained as bidirectional encoders."""
    lora_rank: int = 8
    """Rank of LoRA; 0 trains the language model in full, or not at all when frozen."""
    lora_alpha: int = 16
    lora_dropout: float = 0.05
    lora_targets: tuple[str, ...] = ("q_proj", "v_proj")
    """Linear layers of the language model that get LoRA; never those of the towers."""
    frozen: bool = True
    """Keep the language model's own weights; `[SEG]`'s output row and LoRA still learn."""
    tags_are_tokens: bool = False
    """Make `<p>` and `</p>` single tokens; the paper's family keeps them as plain text."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type in which the weights are kept."""

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        within(
            "model.language",
            self,
            lora_rank=(0, 4096),
            lora_alpha=(1, math.inf),
            lora_dropout=(0, 0.99),
        )


@dataclass(frozen=True, kw_only=True)
class ImageTokensRecipe:
    """Where the language model's image tokens come from."""

    source: Literal["tower", "pyramid"] = "tower"
    """`tower`: an image tower of its own (SigLIP, as in the paper); `pyramid`: the coarsest
    map of the mask encoder, as SegEarth-R1 does: cheaper, for small models."""
    tower: str = "google/siglip-so400m-patch14-384"
    config: dict[str, object] = field(default_factory=dict)
    """Overrides of the tower's config; with any, the tower starts from random weights, unless
    `weights` names others."""
    weights: str = ""
    """Starting weights of the tower, where they are not those of `tower`: a safetensors file,
    a folder or a hub name, such as `zhumj34/Mipha-3B`, which tuned SigLIP further."""
    connector: str = ""
    """Starting weights of the two layers between tower and language model, as for `weights`;
    empty starts from random ones."""
    layer: int = -2
    """Which of the tower's hidden states is used."""
    fit: Literal["squash", "letterbox"] = "squash"
    """How the picture is fitted into the tower's square."""
    level: int = -1
    """With `pyramid`: which map, -1 the coarsest (stride 32), -2 stride 16."""
    pool: int = 1
    """With `pyramid`: cells along a token; 2 makes a quarter of the tokens."""
    grid_position: bool = False
    """Add a two-dimensional sine position to the tokens; the tower has its own, maps do not."""
    connection: Literal["mlp", "strided"] = "mlp"
    """How cells become tokens. `mlp`: two layers, cell by cell, as in the paper; `strided`: two
    3 x 3 convolutions of stride 2, so that 4 x 4 cells make a token, as in SegEarth-R1."""

    def __post_init__(self) -> None:
        """Refuse maps that are not there, and convolutions over what is no map."""
        within("model.image_tokens", self, level=(-4, -1), pool=(1, 64))
        require(
            self.connection == "mlp" or self.source == "pyramid",
            "model.image_tokens.connection",
            "strided convolutions take the maps of the pyramid",
            "mlp, or model.image_tokens.source: pyramid",
        )


@dataclass(frozen=True, kw_only=True)
class PyramidRecipe:
    """The hierarchical mask encoder: any timm backbone with `features_only`.

    With a mask head of kind `sam` or `sam2` the encoder is that head's; `image_size`, padding
    and `frozen` hold for it, too.
    """

    name: str = "swin_base_patch4_window12_384"
    weights: str = ""
    """Starting weights: a safetensors file, a folder or a hub name; empty starts at random.
    timm's names, or Mask2Former's (transformers, or converted from detectron2)."""
    output_norms: bool = False
    """A LayerNorm after each of the four maps, as Mask2Former's Swin has them and timm's has
    not."""
    image_size: int = 1024
    """Side of the square that the encoder sees, pixels; a multiple of 32."""
    pad: Literal["right-bottom", "centre"] = "right-bottom"
    pad_value: int = 128
    """Grey of the padding, 0 to 255, before normalisation."""
    frozen: bool = True
    drop_path: float = 0.0
    """Chance that a residual block of the encoder is left out of a training step (Huang et al.,
    "Deep Networks with Stochastic Depth", ECCV 2016), rising from 0 at the first block to this
    at the last; 0 to below 1. A frozen encoder leaves none out."""

    def __post_init__(self) -> None:
        """Refuse sides that the strides do not divide, and rates that are no chance."""
        side = self.image_size
        require(
            0 <= self.drop_path < 1,
            "model.pyramid.drop_path",
            f"drop_path is {self.drop_path}, but it is a chance",
            "0.1 leaves out one block in ten at the far end; 0 none",
        )
        require(
            side > 0 and side % 32 == 0,
            "model.pyramid.image_size",
            f"image_size is {side}, which 32 does not divide",
            f"{max(32, round(side / 32) * 32)} is the nearest that works",
        )


@dataclass(frozen=True, kw_only=True)
class MaskHeadRecipe:
    """Mask2Former's pixel decoder and query decoder, or SAM's mask decoder in their place."""

    kind: Literal["mask2former", "sam", "sam2"] = "mask2former"
    """`sam` and `sam2` bring their image encoder along, which replaces the pyramid, and take
    each query as a sparse prompt (paper, Table 6); of the keys here they have `config` and
    `weights` only."""
    config: dict[str, object] = field(default_factory=dict)
    """Of `sam` and `sam2`: transformers' config of the whole; empty reads config.json beside
    `weights`. With any and no `weights`, encoder and decoder start from random weights."""
    width: int = 256
    heads: int = 8
    encoder_layers: int = 6
    encoder_ffn: int = 1024
    points: int = 4
    """Sampling points a head and level in deformable attention."""
    decoder_layers: int = 9
    """A multiple of three: the layers cycle through three map sizes."""
    decoder_ffn: int = 2048
    extra_lateral_relu: bool = False
    """Convolution biases and a ReLU on the lateral connection, as the code family of the
    paper has them and official Mask2Former has not."""
    weights: str = ""
    """Starting weights of both decoders: a safetensors file, a folder or a hub name, such as
    `facebook/mask2former-swin-base-coco-panoptic`; empty starts at random. Of `sam` and `sam2`
    a folder or hub name with everything, such as `facebook/sam-vit-huge`."""
    decode: Literal["joint", "per-query"] = "joint"
    """`joint`: the queries of one answer see each other and share the image's projections;
    `per-query`: every query is a batch item of its own, as the authors' code does."""

    def __post_init__(self) -> None:
        """Refuse sizes that GroupNorm and the level cycle cannot take."""
        within(
            "model.mask_head",
            self,
            width=(32, 8192),
            heads=(1, 1024),
            encoder_layers=(1, 100),
            encoder_ffn=(1, math.inf),
            points=(1, 64),
            decoder_ffn=(1, math.inf),
        )
        require(
            self.decoder_layers > 0 and self.decoder_layers % 3 == 0,
            "model.mask_head.decoder_layers",
            f"decoder_layers is {self.decoder_layers}, which 3 does not divide",
            "3, 6 or 9: the layers cycle through three map sizes",
        )
        require(
            self.width % 32 == 0 and self.width % self.heads == 0,
            "model.mask_head.width",
            f"width is {self.width}",
            "take a multiple of 32 (GroupNorm) and of heads",
        )


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """Everything needed to rebuild the model; saved as config.json beside its weights."""

    language: LanguageRecipe = field(default_factory=LanguageRecipe)
    template: TemplateRecipe = field(default_factory=TemplateRecipe)
    image_tokens: ImageTokensRecipe = field(default_factory=ImageTokensRecipe)
    pyramid: PyramidRecipe = field(default_factory=PyramidRecipe)
    mask_head: MaskHeadRecipe = field(default_factory=MaskHeadRecipe)
    queries_per_target: int = 1
    """k of the paper, Sec. 5.4: `[SEG]`, or `[SEG1]` to `[SEGk]`."""
    mechanism: Mechanism = "seg_token"
    """How masks are asked for (paper, Sec. 4.2). `seg_token`: each `[SEG]` of the answer is a
    query, as in the paper; `instruction_as_query`: the words of the instruction are pooled to
    one query, as in SegEarth-R1, so that an answer has one mask at most, the union of what is
    asked for; `propose_then_select`: learnt query tokens propose masks, and each `[SEG]`
    selects among them, after InstructSeg."""
    always_draws: bool = False
    """With `instruction_as_query`: draw a mask whether the answer says that there is something
    or not, as SegEarth-R1, whose answers have no `[SEG]`."""
    proposals: int = 100
    """Query tokens with `propose_then_select`: the masks proposed for an answer."""
    max_instruction_tokens: int = 256
    max_answer_tokens: int = 128

    def __post_init__(self) -> None:
        """Refuse k < 1."""
        require(
            self.queries_per_target >= 1,
            "model.queries_per_target",
            f"queries_per_target is {self.queries_per_target}",
            "1 is the paper's choice; 3 to 100 repeat its Figure 5",
        )
        refuse_impossible(self)
        limits = ("max_instruction_tokens", "max_answer_tokens", "proposals")
        within("model", self, **dict.fromkeys(limits, (1, math.inf)))

    @property
    def queries(self) -> int:
        """Queries from which one mask is chosen: k, or the proposals."""
        return (
            self.proposals if self.mechanism == "propose_then_select" else self.queries_per_target
        )

    def with_queries(self, count: int) -> ModelRecipe:
        """Give the same model with another number of queries.

        Raises:
            RecipeError: Its mechanism or mask head has one query only.
        """
        if self.mechanism == "propose_then_select":
            return replace(self, proposals=count)
        return replace(self, queries_per_target=count)
