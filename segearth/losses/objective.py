"""The training objective ``L = L_t + L_b + L_d + lambda_S L_S`` (paper, Sec. 5.1).

The mask terms count once for every prediction of the query decoder, the one before its
first layer included (deep supervision; Mask2Former). With k > 1 each prediction is matched
anew, the matched candidate bears the mask terms, and a score learns to point at it; the
paper does not say how its selection is learnt. Where the targets of an answer share one pool
of candidates ("propose then select"), the matching is one to one within the pool.

Axes
    N  targets    k  candidates    P  image tokens    G  pools of candidates
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from segearth.config.recipe import LossRecipe
from segearth.losses.mask import mask_losses
from segearth.losses.spatial_attention import per_layer_form, printed_form
from segearth.matching import best_candidate, pooled_candidates


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The parts by name, unweighted, and their weighted sum; all scalars.

    `bce` and `dice` are those of the final prediction; the total holds all predictions.
    """

    total: Tensor
    text: Tensor
    bce: Tensor
    dice: Tensor
    spatial: Tensor
    score: Tensor


def objective(
    recipe: LossRecipe,
    *,
    word_logits: Tensor,
    next_ids: Tensor,
    mask_logits: list[Tensor],
    target_masks: Tensor,
    pool: Tensor | None = None,
    scores: Tensor | None = None,
    seg_attention: Tensor | None = None,
    target_tokens: Tensor | None = None,
    valid_tokens: Tensor | None = None,
) -> Losses:
    """Add up the terms.

    Args:
        recipe: The weights.
        word_logits: ``(answer tokens, V)``.
        next_ids: The tokens that should follow, int64 ``(answer tokens,)``.
        mask_logits: One ``(N, k, h, w)`` a prediction, of targets whose mask is known; with
            pools, one ``(G, k, h, w)``.
        target_masks: bool ``(N, H, W)``.
        pool: Which pool each target shares with others, int64 ``(N,)``; None where every
            target has candidates of its own.
        scores: ``(N, k)``, with k > 1.
        seg_attention: ``(N, M, A, P)``; None leaves L_S out.
        target_tokens: Any-overlap truth on the tokens, bool ``(N, P)``.
        valid_tokens: bool ``(N, P)``.
    """
    text = F.cross_entropy(word_logits.float(), next_ids)
    mask_total = text.new_zeros(())
    bce = dice = score = text.new_zeros(())
    for logits in mask_logits:
        if pool is None:
            chosen = best_candidate(logits, target_masks, recipe.points)
            candidate = logits[torch.arange(len(chosen)), chosen]
        else:
            chosen = pooled_candidates(logits, pool, target_masks, recipe.points)
            candidate = logits[pool, chosen]
        bce, dice = mask_losses(
            candidate,
            target_masks,
            points=recipe.points,
            oversample=recipe.oversample,
            important=recipe.important,
        )
        mask_total = mask_total + recipe.bce * bce + recipe.dice * dice
        if scores is not None and logits is mask_logits[-1]:
            score = scores.sum() * 0  # without a target, too, the score head is in the graph
            if len(chosen):
                score = F.cross_entropy(scores.float(), chosen)
    spatial = text.new_zeros(())
    if seg_attention is not None and target_tokens is not None and valid_tokens is not None:
        form = printed_form if recipe.spatial_form == "printed" else per_layer_form
        spatial = form(seg_attention, target_tokens, valid_tokens)
    total = recipe.text * text + mask_total
    total = total + recipe.spatial * spatial + recipe.score * score
    return Losses(total=total, text=text, bce=bce, dice=dice, spatial=spatial, score=score)
