"""The shape of a run: model, loss, optimizer, data and bookkeeping.

Frozen dataclasses, a sentence a field; defaults as in `segearth.config.model`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from segearth.config.bounds import require, within
from segearth.config.model import ModelRecipe


@dataclass(frozen=True, kw_only=True)
class LossRecipe:
    """L = L_t + L_b + L_d + lambda_S L_S (paper, Sec. 5.1)."""

    text: float = 1.0
    """Weight of L_t, 1 in the paper. A small model whose language model must still learn to
    speak needs more: its words get a thirtieth of the gradient that the masks send."""
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
        weights = dict.fromkeys(("text", "bce", "dice", "spatial", "score"), (0.0, math.inf))
        within("loss", self, **weights, points=(1, math.inf), oversample=(1, 100))
        within("loss", self, important=(0, 1))


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
        within("optimizer", self, **dict.fromkeys(names, (0.0, math.inf)), final_ratio=(0, 1))
        require(
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
    rotate: float = 0.0
    """Share of square pictures turned by any angle, cut to the square that is left."""
    flip: bool = False
    """Mirror pictures, with the words of place in the text mirrored too."""
    questions: int = 1
    """Questions asked of one picture in a step; they share its encoding."""
    most_targets: int = 0
    """Questions with more targets are left out; 0 leaves none out. Each target takes k tokens of
    the answer, and some language models have a last position."""

    def __post_init__(self) -> None:
        """Refuse shares that do not add up."""
        shares = ("drawn", "mosaic", "paste", "scale", "rotate")
        within("data", self, **dict.fromkeys(shares, (0.0, 1.0)), questions=(1, 1000))
        within("data", self, most_targets=(0, math.inf))
        total = self.drawn + self.mosaic + self.paste
        require(
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
    """Model to start from: a shipped one by name, or a folder."""
    seg_tokens: Literal["kept", "new"] = "kept"
    """With `init_from`: `new` gives the `[SEG]` tokens new rows, which a model of another k needs
    and which makes runs of different k start alike; `kept` takes them as they are."""
    save_dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """Type of the weights in `best/`; `last/` keeps all digits, so that resuming is exact."""

    def __post_init__(self) -> None:
        """Refuse counts that would never begin or never end."""
        counts = ("steps", "batch_size", "accumulate", "log_every", "validate_every")
        within("train", self, **dict.fromkeys(counts, (1.0, math.inf)), ema=(0, 0.999999))
        within("train", self, workers=(0, 1024), validate_records=(0, math.inf))
        within("train", self, save_minutes=(0, math.inf))
        require(
            self.batch_size % self.accumulate == 0,
            "train.accumulate",
            f"{self.accumulate} passes do not divide a batch of {self.batch_size}",
            "take a divisor of train.batch_size",
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One run, complete."""

    seed: int = 0
    """Of all that is drawn by lot, 0 to 2,147,483,647."""
    model: ModelRecipe = field(default_factory=ModelRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)

    def __post_init__(self) -> None:
        """Refuse seeds that the random generators do."""
        require(
            0 <= self.seed < 2**31,
            "seed",
            f"seed is {self.seed}",
            f"give 0 to {2**31 - 1}",
        )
