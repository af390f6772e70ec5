"""The shape of a recipe: frozen dataclasses, a sentence a field.

Defaults are the paper's (SegEarth-R2, Table 8 and Sec. 5.1) or, where it is silent, what
its code family does; fields that small models need are off by default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from segearth.errors import RecipeError


def _require(condition: bool, key: str, problem: str, hint: str) -> None:
    if not condition:
        raise RecipeError(problem, where=key, hint=hint)


def _within(section: str, recipe: object, **bounds: tuple[float, float]) -> None:
    """Refuse values out of range, NaN included."""
    for key, (low, high) in bounds.items():
        value = getattr(recipe, key)
        span = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
        good = low <= value <= high and math.isfinite(value)
        _require(good, f"{section}.{key}", f"{key} is {value}", f"give {span}")


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
        _require(
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
    read and the model starts from random weights."""
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
        _within(
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
    """Overrides of the tower's config; with any, the tower starts from random weights."""
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

    def __post_init__(self) -> None:
        """Refuse maps that are not there."""
        _within("model.image_tokens", self, level=(-4, -1), pool=(1, 64))


@dataclass(frozen=True, kw_only=True)
class PyramidRecipe:
    """The hierarchical mask encoder: any timm backbone with `features_only`."""

    name: str = "swin_base_patch4_window12_384"
    weights: str = ""
    """Safetensors file in timm's key names; empty starts from random weights."""
    image_size: int = 1024
    """Side of the square that the encoder sees, pixels; a multiple of 32."""
    pad: Literal["right-bottom", "centre"] = "right-bottom"
    pad_value: int = 128
    """Grey of the padding, 0 to 255, before normalisation."""
    frozen: bool = True

    def __post_init__(self) -> None:
        """Refuse sides that the strides do not divide."""
        side = self.image_size
        _require(
            side > 0 and side % 32 == 0,
            "model.pyramid.image_size",
            f"image_size is {side}, which 32 does not divide",
            f"{max(32, round(side / 32) * 32)} is the nearest that works",
        )


@dataclass(frozen=True, kw_only=True)
class MaskHeadRecipe:
    """Mask2Former's pixel decoder and query decoder."""

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
    decode: Literal["joint", "per-query"] = "joint"
    """`joint`: the queries of one answer see each other and share the image's projections;
    `per-query`: every query is a batch item of its own, as the authors' code does."""

    def __post_init__(self) -> None:
        """Refuse sizes that GroupNorm and the level cycle cannot take."""
        _within(
            "model.mask_head",
            self,
            width=(32, 8192),
            heads=(1, 1024),
            encoder_layers=(1, 100),
            encoder_ffn=(1, math.inf),
            points=(1, 64),
            decoder_ffn=(1, math.inf),
        )
        _require(
            self.decoder_layers > 0 and self.decoder_layers % 3 == 0,
            "model.mask_head.decoder_layers",
            f"decoder_layers is {self.decoder_layers}, which 3 does not divide",
            "3, 6 or 9: the layers cycle through three map sizes",
        )
        _require(
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
    max_instruction_tokens: int = 256
    max_answer_tokens: int = 128

    def __post_init__(self) -> None:
        """Refuse k < 1."""
        _require(
            self.queries_per_target >= 1,
            "model.queries_per_target",
            f"queries_per_target is {self.queries_per_target}",
            "1 is the paper's choice; 3 to 100 repeat its Figure 5",
        )
        _within(
            "model", self, max_instruction_tokens=(1, math.inf), max_answer_tokens=(1, math.inf)
        )


@dataclass(frozen=True, kw_only=True)
class LossRecipe:
    """L = L_t + L_b + L_d + lambda_S L_S (paper, Sec. 5.1)."""

    bce: float = 5.0
    """Weight of L_b: 5 as inherited from Mask2Former, 1 as printed."""
    dice: float = 5.0
    """Weight of L_d: 5 as inherited, 1 as printed."""
    spatial: float = 0.01
    """lambda_S; 0 leaves the term out (paper, Table 5)."""
    spatial_form: Literal["printed", "per-layer"] = "printed"
    """`printed`: one logarithm of the mean over layers and heads (Sec. 4.1); `per-layer`:
    one logarithm a layer, heads summed, layers summed, as the authors' code does."""
    score: float = 1.0
    """Weight of the candidates' score loss; only with k > 1."""
    points: int = 12544
    oversample: float = 3.0
    important: float = 0.75
    """Share of the points taken where the mask is least certain."""

    def __post_init__(self) -> None:
        """Refuse weights and shares that make no sense."""
        weights = dict.fromkeys(("bce", "dice", "spatial", "score"), (0.0, math.inf))
        _within("loss", self, **weights, points=(1, math.inf), oversample=(1, 100))
        _within("loss", self, important=(0, 1))


@dataclass(frozen=True, kw_only=True)
class OptimizerRecipe:
    """How weights move (paper, Table 8)."""

    learning_rate: float = 1e-4
    """Peak of the cosine schedule."""
    language_rate: float = 1.0
    """Factor on the rate of the language model's own weights."""
    pyramid_rate: float = 1.0
    """Factor on the rate of the mask encoder, where it is not frozen."""
    warmup_ratio: float = 0.03
    """Share of all steps spent rising from zero, 0 to 1."""
    final_ratio: float = 0.0
    """Rate at the last step, as a share of the peak."""
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    """Bound on the gradient norm of each part of the model; 0 does not clip."""

    def __post_init__(self) -> None:
        """Refuse values that would only fail hours later."""
        names = ("learning_rate", "language_rate", "pyramid_rate", "weight_decay", "clip_norm")
        _within("optimizer", self, **dict.fromkeys(names, (0.0, math.inf)), final_ratio=(0, 1))
        _require(
            0 <= self.warmup_ratio < 1,
            "optimizer.warmup_ratio",
            f"warmup_ratio is {self.warmup_ratio}, but it is a share of all steps",
            "0.03 warms up for 3 % of the run",
        )


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """What is learnt from."""

    train: str = ""
    """Manifest (JSON Lines) of training records; empty trains on made-up pictures alone."""
    validation: str = ""
    """Manifest for the figures in the log; empty validates on drawn scenes."""
    targets: str = ""
    """`targets.jsonl` of `segearth data aerial`: named masks, from which questions are
    generated afresh at every step."""
    drawn: float = 0.0
    """Share of the pictures that are drawn scenes."""
    mosaic: float = 0.0
    """Share of mosaics of several tiles."""
    paste: float = 0.0
    """Share of real tiles with cut-out objects of other tiles pasted in."""
    scale: float = 0.0
    """Share of pictures shrunk or enlarged by a random factor."""
    flip: bool = False
    """Mirror pictures, with the words of place in the text mirrored too."""
    questions: int = 1
    """Questions asked of one picture in a step; they share its encoding."""

    def __post_init__(self) -> None:
        """Refuse shares that do not add up."""
        shares = ("drawn", "mosaic", "paste", "scale")
        _within("data", self, **dict.fromkeys(shares, (0.0, 1.0)), questions=(1, 1000))
        total = self.drawn + self.mosaic + self.paste
        _require(
            total <= 1.0000001,
            "data.drawn",
            f"drawn, mosaic and paste are {total:g} together",
            "they are shares of all pictures: 1 at most",
        )


@dataclass(frozen=True, kw_only=True)
class TrainRecipe:
    """The length and bookkeeping of a run (paper, Table 8)."""

    steps: int = 50_000
    batch_size: int = 4
    """Images an optimizer step, over all processes."""
    accumulate: int = 1
    """Split a step's images into so many passes."""
    precision: Literal["bf16", "fp32"] = "bf16"
    gradient_checkpointing: bool = False
    ema: float = 0.0
    """Decay of the moving average of the weights that is validated and saved; 0 is none."""
    log_every: int = 20
    validate_every: int = 1000
    validate_records: int = 200
    save_minutes: float = 10.0
    """Minutes between two checkpoints."""
    workers: int = 0
    """Processes that prepare pictures."""
    init_from: str = ""
    """Model folder to start from."""
    save_dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """Type of the weights in `last/` and `best/`; resuming is exact all the same."""

    def __post_init__(self) -> None:
        """Refuse counts that would never begin or never end."""
        counts = ("steps", "batch_size", "accumulate", "log_every", "validate_every")
        _within("train", self, **dict.fromkeys(counts, (1.0, math.inf)), ema=(0, 0.999999))
        _within("train", self, workers=(0, 1024), validate_records=(0, math.inf))
        _within("train", self, save_minutes=(0, math.inf))
        _require(
            self.batch_size % self.accumulate == 0,
            "train.accumulate",
            f"{self.accumulate} passes do not divide a batch of {self.batch_size}",
            "take a divisor of train.batch_size",
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One run, complete."""

    seed: int = 0
    model: ModelRecipe = field(default_factory=ModelRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
