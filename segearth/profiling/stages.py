"""The steps of one answer, as calls whose cost can be counted one by one.

The calls are the model's own modules on tensors of the right shape; nothing needs weights,
so a model on the meta device does.

Axes
    P  image tokens, d * d    T  tokens    D  width of the language model
    C  width of the mask head    S  side of the picture    k  queries of the target
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import Cache

from segearth.data.letterbox import letterbox
from segearth.data.samples import Geometry
from segearth.model.image_tokens import tokens_of_maps
from segearth.model.mechanisms.propose_then_select import ProposeThenSelect
from segearth.model.segearth import SegEarth
from segearth.profiling.workload import Decode, Workload

PARTS = (
    "image_tower",
    "connector",
    "language_prefill",
    "answer_decoding",
    "word_head",
    "mask_encoder",
    "pixel_decoder",
    "query_decoder",
    "selection",
    "upsampling",
)
"""In the order of the data flow; a part that a model does not have costs 0."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One call.

    Attributes:
        part: Which of `PARTS` it belongs to.
        run: Takes `inputs`, returns everything it computes (a tracer drops the rest).
        inputs: Tensors on the model's device.
        weight: How often the call counts; see `_answer_steps` for how it can be negative.
    """

    part: str
    run: Callable[..., Any]
    inputs: tuple[Tensor, ...]
    weight: int = 1


def image_stages(model: SegEarth, shape: Geometry) -> list[Stage]:
    """List what an image costs before anything is asked of it."""
    pyramid, side = model.vision_tower_mask, shape.side
    image = _empty(model, 1, 3, side, side, dtype=torch.uint8)
    maps = _maps(model, side)
    stages = [
        Stage(part="mask_encoder", run=lambda image: tuple(pyramid(image)), inputs=(image,)),
        Stage(part="pixel_decoder", run=_pixel_decoder(model), inputs=maps),
    ]
    if model.image_tower is None:
        stages.append(Stage(part="connector", run=_map_connector(model), inputs=maps))
        return stages
    pixels = _empty(model, 1, 3, shape.tower_side, shape.tower_side, dtype=torch.uint8)
    channels = int(model.image_tower.config.hidden_size)
    seen = _empty(model, 1, shape.cells**2, channels)
    return [
        *stages,
        Stage(part="image_tower", run=model.image_tower, inputs=(pixels,)),
        Stage(part="connector", run=model.mm_projector, inputs=(seen,)),
    ]


def language_stages(
    model: SegEarth, shape: Geometry, workload: Workload, *, again: bool = False
) -> list[Stage]:
    """List what reading the prompt and saying the answer costs.

    With `again` the image has been read for an earlier question: its tokens are in the cache,
    and the text runs behind them. The few tokens before the image are counted as text there.

    `[SEG1]` to `[SEGk]` run in one pass and are counted as the answer's last tokens; words
    behind them would see k - 1 more: less than 0.01 % of the total at k = 100. The query tokens
    of `propose_then_select` run behind the answer, with the token that closes it.
    """
    k, image_tokens = model.queries_per_target, shape.cells**2
    if workload.protocol == "teacher-forced":
        words = _words(model, sequence_tokens(model, shape, workload) - again * image_tokens)
        read = _read(model, again * image_tokens)
        return [
            Stage(part="language_prefill", run=read, inputs=(words,)),
            Stage(part="word_head", run=model.language.word_logits, inputs=(words,)),
        ]
    prompt = image_tokens + workload.prompt_tokens
    singles = workload.answer_tokens - 2  # [SEG] is apart; the end token is chosen, but never run
    group = Stage(
        part="answer_decoding", run=_read(model, prompt + singles), inputs=(_words(model, k),)
    )
    chosen = _words(model, workload.answer_tokens)
    proposing = []
    if isinstance(model.mechanism, ProposeThenSelect):
        tokens = _words(model, 1 + len(model.mechanism.seg_query))
        run = _read(model, prompt + singles + k)
        proposing = [Stage(part="answer_decoding", run=run, inputs=(tokens,))]
    asked, read = _words(model, prompt - again * image_tokens), _read(model, again * image_tokens)
    return [
        Stage(part="language_prefill", run=read, inputs=(asked,)),
        *_answer_steps(model, prompt, singles),
        group,
        *proposing,
        Stage(part="word_head", run=model.language.word_logits, inputs=(chosen,)),
    ]


def sequence_tokens(model: SegEarth, shape: Geometry, workload: Workload) -> int:
    """Count all tokens of the sequence, those of the image and of the queries included."""
    tokens = workload.tokens_at(model.queries_per_target, shape.cells**2)
    if isinstance(model.mechanism, ProposeThenSelect):
        tokens += len(model.mechanism.seg_query)
    return tokens


def mask_stages(
    model: SegEarth, shape: Geometry, decode: Decode, *, again: bool = False
) -> list[Stage]:
    """List what turning the `[SEG]` states of one target into a mask costs.

    With `again` the memory maps are projected already, as joint decoding keeps them.
    """
    k, side = model.queries_per_target, shape.side
    proposing = isinstance(model.mechanism, ProposeThenSelect)
    if isinstance(model.mechanism, ProposeThenSelect):
        k = len(model.mechanism.seg_query)
    states = _empty(model, 1, k, model.language.width)
    decoder = _query_decoder(model, side, decode, again=again and decode == "joint")
    queries = Stage(part="query_decoder", run=decoder, inputs=(states,))
    box = letterbox(side, side, side)
    mask = _empty(model, 1, side // 4, side // 4)  # of k candidates, the chosen one alone
    upsampling = Stage(part="upsampling", run=box.undo, inputs=(mask,))
    if model.score is None and not proposing:
        return [queries, upsampling]
    refined = _empty(model, 1, k, model.SEG_token_projector.out_features)
    label = _empty(model, 1, model.language.width)
    selection = Stage(part="selection", run=model.quality, inputs=(refined, label))
    return [queries, selection, upsampling]


def _pixel_decoder(model: SegEarth) -> Callable[..., tuple[Tensor, ...]]:
    def run(*maps: Tensor) -> tuple[Tensor, ...]:
        mask_features, memory = model.pixel_decoder(maps)
        return (mask_features, *memory)

    return run


def _map_connector(model: SegEarth) -> Callable[..., Tensor]:
    def run(*maps: Tensor) -> Tensor:
        tokens: Tensor = model.mm_projector(
            tokens_of_maps(maps, model.token_level, model.token_pool)
        )
        return tokens

    return run


def _read(model: SegEarth, cached: int = 0) -> Callable[[Tensor], Tensor]:
    """Run tokens through the language model, after `cached` earlier ones."""

    def run(words: Tensor) -> Tensor:
        count, device = words.shape[1], words.device
        seen = torch.ones(1, 1, count, cached + count, dtype=torch.bool, device=device)
        return model.language.run(
            words,
            mask=seen.tril(cached),
            positions=cached + torch.arange(count, device=device)[None],
            cache=_filled_cache(model, cached) if cached else None,
        )

    return run


def _answer_steps(model: SegEarth, prompt: int, steps: int) -> list[Stage]:
    """List the steps of generation, two standing for all.

    A step's cost is a straight line in the number of cached tokens: step j costs
    ``a + j (b - a)``, with a and b the first two. Their sum over n steps is
    ``n a + n (n - 1) / 2 (b - a)``, so a counts ``n - n (n - 1) / 2`` times and b the rest.
    """
    slope = steps * (steps - 1) // 2
    token = (_words(model, 1),)
    first, second = _read(model, prompt), _read(model, prompt + 1)
    return [
        Stage(part="answer_decoding", run=first, inputs=token, weight=steps - slope),
        Stage(part="answer_decoding", run=second, inputs=token, weight=slope),
    ]


def _filled_cache(model: SegEarth, length: int) -> Cache:
    config = model.language.lm.config
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    past = _empty(model, 1, shared, length, width, dtype=model.language.lm.dtype)
    cache = model.language.new_cache()
    for layer in range(config.num_hidden_layers):
        cache.update(past, past, layer)
    return cache


def _query_decoder(
    model: SegEarth, side: int, decode: Decode, *, again: bool
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Decode the queries of one target, as `SegEarth.draw_last` does for those of an answer."""
    maps_in = _maps(model, side)
    with torch.no_grad():
        fine, memory = model.pixel_decoder(maps_in)  # for the shapes; counted elsewhere
        known = model.predictor.see(memory, fine) if again else None
    first = torch.zeros(1, dtype=torch.int64, device=fine.device)

    def run(states: Tensor) -> tuple[Tensor, ...]:
        asking = model.mechanism.ground(states, maps_in[-1], first)
        queries = model.SEG_token_projector(asking)  # (1, k, C)
        if decode == "per-query":
            queries = queries.transpose(0, 1)  # (k, 1, C): each a batch item
        items = queries.shape[0]
        groups = torch.zeros(queries.shape[:2], dtype=torch.int64, device=states.device)
        maps = [fmap.expand(items, -1, -1, -1) for fmap in memory]
        features = fine.expand(items, -1, -1, -1)
        seen = known or model.predictor.see(maps, features)
        result = model.predictor.last(queries, groups, seen, features)
        return (*result.logits, result.states)

    return run


def _maps(model: SegEarth, side: int) -> tuple[Tensor, ...]:
    """Stand in for the mask encoder's maps of one picture."""
    pyramid = model.vision_tower_mask
    return tuple(
        _empty(model, 1, channels, side // stride, side // stride)
        for channels, stride in zip(pyramid.channels, pyramid.strides, strict=True)
    )


def _words(model: SegEarth, count: int) -> Tensor:
    return _empty(model, 1, count, model.language.width, dtype=model.language.lm.dtype)


def _empty(model: SegEarth, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    # Zeros where there is memory: whatever lies in it could be NaN.
    return torch.zeros(shape, dtype=dtype, device=model.SEG_token_projector.weight.device)
