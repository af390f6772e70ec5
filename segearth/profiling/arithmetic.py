"""Multiply-adds of every part in closed form, for checking counters with pencil and paper.

Everything is in multiply-adds (MACs) of one picture; FLOPs are twice that. What is linear in
the number of values (norms, activations, sums, softmax) is left out, as the counters do. The
formulas follow from the modules' shapes; the papers that define the modules are named.

Axes
    P  image tokens    T  tokens    D  width of the language model    S  side of the picture
    C  width of the mask head    V  cells of the three coarse maps    k  queries of a target
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def linear(tokens: int, inputs: int, outputs: int) -> int:
    """A linear layer: ``tokens x inputs x outputs``; its bias is a sum and not counted.

    The definition of a matrix product: each output is `inputs` multiply-adds.
    """
    return tokens * inputs * outputs


def convolution(cells: int, kernel: int, inputs: int, outputs: int) -> int:
    """A convolution with a square kernel: ``cells x kernel^2 x inputs x outputs``.

    A linear layer on every unfolded patch. `cells` are those written, `inputs` and `outputs`
    channels.
    """
    return cells * kernel**2 * inputs * outputs


def attention(queries: int, keys: int, width: int) -> int:
    """Scores and weighted values, ``2 x queries x keys x width``; projections are apart.

    Scaled dot-product attention (Vaswani et al., NeurIPS 2017, Eq. 1), all heads together:
    `width` is their sum, so the number of heads does not matter. The full rectangle is
    counted although a causal mask hides half of it: the kernels that matter here compute all
    of it, and so does the usual count.
    """
    return 2 * queries * keys * width


def bilinear(values: int) -> int:
    """Bilinear reading of `values` numbers, each a weighted sum of four neighbours.

    For resizing, `grid_sample` and the sampling of deformable attention (Zhu et al., ICLR
    2021, Appendix A.1). Computing the four weights is not counted: they are shared by channels.
    """
    return 4 * values


def vision_transformer(side: int, patch: int, width: int, ffn: int, layers: int) -> int:
    """SigLIP's tower (Zhai et al., ICCV 2023; the block is that of Dosovitskiy et al., ICLR 2021).

    ``t p^2 3 w + layers (t (4 w^2 + 2 w f) + 2 t^2 w)`` with t = (side // patch)^2 tokens.

    Args:
        side: Of the picture, pixels; patches that do not fit are cut.
        patch: Side of a patch, pixels.
        width: Of the tokens.
        ffn: Hidden width of the feed-forward steps.
        layers: Blocks that run. With `layer: -2` of 27 these are 26, without the pooling
            head: what lies behind the layer that is read is not computed.
    """
    tokens = (side // patch) ** 2
    block = linear(tokens, width, 4 * width + 2 * ffn) + attention(tokens, tokens, width)
    return convolution(tokens, patch, 3, width) + layers * block


def connector(tokens: int, channels: int, width: int) -> int:
    """Mipha's two linear layers (Zhu et al., AAAI 2025): ``P (channels D + D^2)``.

    Args:
        tokens: P.
        channels: Of the image tower.
        width: D.
    """
    return linear(tokens, channels, width) + linear(tokens, width, width)


def language_blocks(
    tokens: int, seen: int, width: int, ffn: int, layers: int, *, lora_rank: int = 0
) -> int:
    """Phi's blocks: four square projections, two feed-forward layers (Li et al., 2023, Phi-1.5).

    ``layers (T (4 D^2 + 2 D f) + 4 T D r + 2 T seen D)``; the LoRA term is that of Hu et al.,
    ICLR 2022: down to rank r and up again, on two of the projections.

    Args:
        tokens: That run.
        seen: That each of them may attend to: itself, its fellows and those in the cache.
        width: D.
        ffn: Hidden width.
        layers: Number of blocks.
        lora_rank: r of unmerged LoRA on the query and value projections.
    """
    adapters = 2 * linear(tokens, 2 * width, lora_rank)
    dense = linear(tokens, width, 4 * width + 2 * ffn)
    return layers * (dense + adapters + attention(tokens, seen, width))


def word_head(tokens: int, width: int, vocabulary: int) -> int:
    """Score the vocabulary at `tokens` places: ``tokens x D x vocabulary``.

    One linear layer (Radford et al., 2018, Eq. 2: ``softmax(h W_e)``, softmax left out), whether
    or not its weights are those of the word embeddings.
    """
    return linear(tokens, width, vocabulary)


def swin(side: int, patch: int, width: int, depths: Sequence[int], window: int) -> int:
    """Swin (Liu et al., ICCV 2021) with feed-forward ratio 4, at any picture size.

    Maps are padded to whole windows for attention and its projections; the feed-forward
    steps run on the real cells.

    Args:
        side: S.
        patch: Side of a patch.
        width: Channels of the first stage; each further one has twice as many.
        depths: Blocks of each stage.
        window: Side of a window, cells.
    """
    total = convolution((side // patch) ** 2, patch, 3, width)
    for stage, depth in enumerate(depths):
        grid, channels = side // patch // 2**stage, width * 2**stage
        if stage:
            total += linear(grid**2, 2 * channels, channels)  # four cells of C/2 become one of C
        windows = math.ceil(grid / window) ** 2
        area = window**2
        block = linear(windows * area, channels, 4 * channels)
        block += windows * attention(area, area, channels)
        block += linear(grid**2, channels, 8 * channels)
        total += depth * block
    return total


def pixel_decoder(
    side: int,
    channels: Sequence[int],
    width: int,
    *,
    layers: int,
    ffn: int,
    heads: int,
    points: int,
) -> int:
    """Mask2Former's pixel decoder (Cheng et al., CVPR 2022).

    Args:
        side: S.
        channels: Of the four maps at S/4, S/8, S/16 and S/32.
        width: C.
        layers: Of deformable attention (Zhu et al., ICLR 2021).
        ffn: Hidden width.
        heads: Attention heads.
        points: Sampled points a head and map.
    """
    fine, coarse = (side // 4) ** 2, [(side // stride) ** 2 for stride in (8, 16, 32)]
    cells = sum(coarse)
    samples = heads * len(coarse) * points
    layer = linear(cells, width, 2 * width + 2 * ffn)  # value, output, feed-forward
    layer += linear(cells, width, 3 * samples)  # two offsets and a weight a sample
    layer += bilinear(cells * samples * (width // heads))
    lateral = linear(fine, channels[0], width) + bilinear(fine * width)
    smooth = convolution(fine, 3, width, width) + linear(fine, width, width)
    entry = sum(linear(n, c, width) for n, c in zip(coarse, channels[1:], strict=True))
    return entry + layers * layer + lateral + smooth


def query_decoder(
    k: int, side: int, width: int, *, layers: int, ffn: int, language_width: int, joint: bool
) -> int:
    """Mask2Former's query decoder (Cheng et al., CVPR 2022, Sec. 3.2), fed with `[SEG]` queries.

    The image's share is ``V_i 2 C^2`` for the keys and values of layer i and ``4 C V`` for the
    shrunk features; a query's is, in every layer, a mask on the layer's map (``3 C^2 + C V_i``),
    cross-attention (``2 C^2 + 2 V_i C``), self-attention (``4 C^2 + 2 q C``) and feed-forward
    (``2 C f``), and one mask at S/4 in the end. Decoded jointly, the queries share the image's
    part, which dominates at k = 1; decoded each by itself, everything is repeated k times.

    Args:
        k: Queries.
        side: S.
        width: C.
        layers: Layer i looks at the map of side S/32, S/16 or S/8 in turn.
        ffn: Hidden width.
        language_width: D, width of the `[SEG]` states that are projected first.
        joint: Decode the queries together.
    """
    queries, items = (k, 1) if joint else (1, k)
    maps = [(side // stride) ** 2 for stride in (32, 16, 8)]
    total = bilinear(width * sum(maps))
    for index in range(layers):
        cells = maps[index % 3]
        total += linear(cells, width, 2 * width)
        total += linear(queries, width, 3 * width) + linear(queries, width, cells)
        total += linear(queries, width, 2 * width) + attention(queries, cells, width)
        total += linear(queries, width, 4 * width) + attention(queries, queries, width)
        total += linear(queries, width, 2 * ffn)
    total += linear(queries, width, 3 * width) + linear(queries, width, (side // 4) ** 2)
    return linear(k, language_width, width) + items * total


def selection(k: int, width: int) -> int:
    """Score k candidates with one linear layer, ``k C``; nothing for k = 1 (Sec. 5.4)."""
    return 0 if k == 1 else linear(k, width, 1)


def upsampling(masks: int, side: int) -> int:
    """Bring `masks` masks from S/4 to S = `side` pixels a side: ``4 masks S^2``.

    Bilinear, as Mask2Former brings its masks to the picture's size (Cheng et al., CVPR 2022;
    `sem_seg_postprocess` of its code). Only the selected mask of a target is enlarged.
    """
    return bilinear(masks * side**2)
