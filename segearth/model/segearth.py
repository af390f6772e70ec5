"""SegEarth: image and instruction in, an answer and one mask per `[SEG]` out (paper, Fig. 4).

    picture ──Pyramid──▶ four maps ──PixelDecoder──▶ mask features, memory
       └──image tokens──▶ LanguageModel ──▶ answer, hidden state at [SEG]
                                    └──SEG_token_projector──▶ queries ──QueryDecoder──▶ masks

Which hidden states become queries is the mechanism's to say (`segearth.model.mechanisms`).
Module names follow the authors' code where it has the part, so that weights load by name.

Axes
    B  images    T  tokens    N  targets of the batch    k  queries per target
    D  width of the language model    C  width of the mask head    S  side of the picture
    M  blocks    A  heads    P  image tokens, d * d    G  pools of candidate masks
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from segearth.data.packing import visibility
from segearth.data.samples import Batch
from segearth.model.attention_rows import RowCapture
from segearth.model.image_tokens import ImageTower, add_grid_position, tokens_of_maps
from segearth.model.language import LanguageModel
from segearth.model.mask_heads.sam import SamDecoder, SamEncoder, SamPixels
from segearth.model.mask_heads.sam2 import Sam2Pixels
from segearth.model.mechanisms.instruction_as_query import InstructionAsQuery
from segearth.model.mechanisms.propose_then_select import ProposeThenSelect
from segearth.model.mechanisms.seg_token import SegToken
from segearth.model.pixel_decoder import PixelDecoder
from segearth.model.pyramid import Pyramid
from segearth.model.query_decoder import QueryDecoder, QueryMasks, SeenMemory


@dataclass(frozen=True, kw_only=True)
class ImageFeatures:
    """An image, encoded once for any number of instructions.

    Attributes:
        tokens: For the language model, ``(B, P, D)``.
        mask_features: ``(B, C, S/4, S/4)``.
        memory: Coarsest first, three maps ``(B, C, …)``; see `mask_heads` for SAM's.
        coarsest: The mask encoder's last map, ``(B, C_i, S/32, S/32)``, of SAM ``S/16``.
    """

    tokens: Tensor
    mask_features: Tensor
    memory: list[Tensor]
    coarsest: Tensor


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a training pass gives.

    Attributes:
        word_logits: At the places that predict answer tokens, ``(answer tokens, V)``.
        mask_logits: One ``(N, k, S/4, S/4)`` per prediction of the query decoder; with pools
            ``(G, K, S/4, S/4)``.
        pool: Pool of candidates that each target shares with others of its answer, int64
            ``(N,)``; None where every target has its own.
        scores: Logits of the candidates' quality, ``(N, k)``; None for k = 1.
        seg_attention: Rows of `[SEG]` over the image tokens, mean over the k tokens,
            ``(N, M, A, P)``; None where they were not asked for.
    """

    word_logits: Tensor
    mask_logits: list[Tensor]
    pool: Tensor | None
    scores: Tensor | None
    seg_attention: Tensor | None


class SegEarth(nn.Module):
    """The whole model."""

    def __init__(
        self,
        *,
        language: LanguageModel,
        image_tower: ImageTower | None,
        mm_projector: nn.Module,
        pyramid: Pyramid | SamEncoder,
        pixel_decoder: PixelDecoder | SamPixels | Sam2Pixels,
        predictor: QueryDecoder | SamDecoder,
        mechanism: SegToken | InstructionAsQuery | ProposeThenSelect,
        queries_per_target: int,
        token_level: int,
        token_pool: int,
        grid_position: bool,
        bidirectional_prompt: bool,
        image_span: tuple[int, int],
        decode: Literal["joint", "per-query"],
    ) -> None:
        """Join the parts.

        Args:
            language: The language model.
            image_tower: Its eye; None takes image tokens from `pyramid`.
            mm_projector: From image features to D.
            pyramid: The mask encoder.
            pixel_decoder: Fuses the maps.
            predictor: Turns queries into masks.
            mechanism: Says which hidden states become queries.
            queries_per_target: k.
            token_level: With no tower: the map whose cells become tokens.
            token_pool: With no tower: cells along a side of a token.
            grid_position: Add sine positions to the image tokens; they then share one
                position in the language model.
            bidirectional_prompt: See `visibility`.
            image_span: First and one-past-last image token of every sequence.
            decode: See `MaskHeadRecipe.decode`.
        """
        super().__init__()
        self.language = language
        self.image_tower = image_tower
        self.mm_projector = mm_projector
        self.vision_tower_mask = pyramid
        self.pixel_decoder = pixel_decoder
        self.predictor = predictor
        width = predictor.width
        self.mechanism = mechanism
        self.SEG_token_projector = nn.Linear(mechanism.query_width, width)
        self.score = nn.Linear(width, 1) if queries_per_target > 1 else None
        self.queries_per_target = queries_per_target
        self.token_level = token_level
        self.token_pool = token_pool
        self.grid_position = grid_position
        self.bidirectional_prompt = bidirectional_prompt
        self.image_span = image_span
        self.decode: Literal["joint", "per-query"] = decode

    def encode_image(self, image: Tensor, tower_image: Tensor) -> ImageFeatures:
        """Do everything that does not depend on the instruction.

        Args:
            image: RGB uint8 ``(B, 3, S, S)``.
            tower_image: RGB uint8 ``(B, 3, s, s)``; ignored without a tower.
        """
        maps = self.vision_tower_mask(image)
        if self.image_tower is None:
            seen = tokens_of_maps(maps, self.token_level, self.token_pool)
        else:
            seen = self.image_tower(tower_image)
        tokens = self.mm_projector(seen.to(next(self.mm_projector.parameters()).dtype))
        if self.grid_position:
            tokens = add_grid_position(tokens)
        mask_features, memory = self.pixel_decoder(maps)
        return ImageFeatures(
            tokens=tokens, mask_features=mask_features, memory=memory, coarsest=maps[-1]
        )

    def forward(self, batch: Batch, *, keep_attention: bool = False) -> Output:
        """Run a training batch with given answers (teacher forcing)."""
        features = self.encode_image(batch.image, batch.tower_image)
        capture = self._capture(batch) if keep_attention else None
        hidden = self.read(features.tokens, batch, capture)
        asked = self.mechanism.ask(hidden, batch)
        logits, states = self.draw(features, asked.states, asked.image, asked.group)
        if asked.pool is not None:
            states = states[asked.pool]
        attention = None
        if capture is not None and len(batch.target_image):
            rows = capture.stack()
            attention = rows.unflatten(0, (-1, self.queries_per_target)).mean(dim=1)
        return Output(
            word_logits=self.language.word_logits(hidden[batch.next_ids >= 0]),
            mask_logits=logits,
            pool=asked.pool,
            scores=self.quality(states, asked.labels),
            seg_attention=attention,
        )

    def read(self, image_tokens: Tensor, batch: Batch, capture: RowCapture | None) -> Tensor:
        """Run the language model over packed sequences.

        Args:
            image_tokens: ``(B, P, D)``.
            batch: Gives token ids, segments and roles.
            capture: Attention rows to keep.

        Returns:
            Hidden states ``(B, T, D)``.
        """
        start, stop = self.image_span
        words = self.language.embed(batch.token_ids)
        if isinstance(self.mechanism, ProposeThenSelect):
            words = self.mechanism.insert(words, batch.role)
        embeddings = torch.cat(
            [words[:, :start], image_tokens.to(words.dtype), words[:, stop:]], dim=1
        )
        mask = visibility(batch.segment, batch.role, bidirectional_prompt=self.bidirectional_prompt)
        return self.language.run(
            embeddings, mask=mask, positions=self.positions(batch.segment), seg_rows=capture
        )

    def positions(self, segment: Tensor) -> Tensor:
        """Count positions: the prefix from 0, every question from the end of the prefix.

        With grid positions the image stands at one position and takes none from the text.
        Padding is nowhere: it can be longer than a language model has positions.

        Args:
            segment: int64 ``(B, T)``; 0 for the prefix, -1 for padding.

        Returns:
            int64 ``(B, T)``.
        """
        start, stop = self.image_span
        index = torch.arange(segment.shape[1], device=segment.device).expand_as(segment)
        begins = torch.ones_like(segment, dtype=torch.bool)
        begins[:, 1:] = segment[:, 1:] != segment[:, :-1]
        first = torch.where(begins, index, 0).cummax(dim=1).values
        text_start = start if self.grid_position else stop
        positions = torch.where(segment == 0, index, index - first + text_start)
        if self.grid_position:
            positions = torch.where((segment == 0) & (index >= start), start, positions)
        return positions.masked_fill(segment < 0, 0)

    def quality(self, states: Tensor, labels: Tensor | None) -> Tensor | None:
        """Score the candidates of each target.

        Args:
            states: Query states after the mask decoder, ``(N, k, C)``.
            labels: Hidden states at the `[SEG]` tokens, ``(N, D)``, for `propose_then_select`.

        Returns:
            Logits ``(N, k)``; None where there is nothing to choose.
        """
        if isinstance(self.mechanism, ProposeThenSelect) and labels is not None:
            return self.mechanism.quality(states, labels)
        if self.score is None:
            return None
        logits: Tensor = self.score(states)[..., 0]
        return logits

    def draw(
        self, features: ImageFeatures, seg_hidden: Tensor, image: Tensor, group: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Turn hidden states into masks, with those of every decoder layer (training).

        Args:
            features: Of B images.
            seg_hidden: States that ask, at the `[SEG]` tokens or as the mechanism has it,
                ``(N, k, D)``.
            image: Image of each target, int64 ``(N,)``.
            group: Answer of each target, int64 ``(N,)``.

        Returns:
            Mask logits ``(N, k, S/4, S/4)`` per prediction, and query states ``(N, k, C)``.
        """
        return self._draw(features, seg_hidden, image, group, self.predictor)

    def draw_last(
        self, features: ImageFeatures, seg_hidden: Tensor, seen: SeenMemory | None = None
    ) -> tuple[Tensor, Tensor]:
        """Turn the states of one answer into its masks.

        Args:
            features: Of one image.
            seg_hidden: As for `draw`.
            seen: From `QueryDecoder.see`; for joint decoding, else the maps are repeated.

        Returns:
            Mask logits ``(N, k, S/4, S/4)`` and query states ``(N, k, C)``.
        """

        def decode(
            queries: Tensor, groups: Tensor, memory: Sequence[Tensor], mask_features: Tensor
        ) -> QueryMasks:
            known = seen or self.predictor.see(memory, mask_features)
            return self.predictor.last(queries, groups, known, mask_features)

        only = torch.zeros(len(seg_hidden), dtype=torch.int64, device=seg_hidden.device)
        logits, states = self._draw(features, seg_hidden, only, only, decode)
        return logits[-1], states

    def _draw(
        self,
        features: ImageFeatures,
        seg_hidden: Tensor,
        image: Tensor,
        group: Tensor,
        decode: Callable[..., QueryMasks],
    ) -> tuple[list[Tensor], Tensor]:
        count, k = seg_hidden.shape[:2]
        asking = self.mechanism.ground(seg_hidden, features.coarsest, image)
        queries = self.SEG_token_projector(asking.to(self.SEG_token_projector.weight.dtype))
        if self.decode == "per-query":
            # As the authors do: every query a batch item, the image's maps repeated for each.
            item = image.repeat_interleave(k)
            own = torch.arange(len(item), device=item.device)
            result = decode(
                queries.flatten(0, 1)[:, None],
                own[:, None],
                [fmap[item] for fmap in features.memory],
                features.mask_features[item],
            )
            logits = [part[:, 0].unflatten(0, (count, k)) for part in result.logits]
            return logits, result.states[:, 0].unflatten(0, (count, k))
        return self._draw_jointly(features, queries, image, group, decode)

    def _draw_jointly(
        self,
        features: ImageFeatures,
        queries: Tensor,
        image: Tensor,
        group: Tensor,
        decode: Callable[..., QueryMasks],
    ) -> tuple[list[Tensor], Tensor]:
        """Lay the targets of each image side by side, padded, and decode them at once."""
        count, k, width = queries.shape
        images = features.mask_features.shape[0]
        same = image[:, None] == image[None, :]
        slot = (same & torch.ones_like(same).tril(-1)).sum(dim=1)  # place within its image
        longest = int(slot.max()) + 1 if count else 1
        laid = queries.new_zeros(images, longest, k, width)
        laid = laid.index_put((image, slot), queries)
        groups = torch.full((images, longest), -1, dtype=torch.int64, device=image.device)
        groups = groups.index_put((image, slot), group)
        result = decode(
            laid.flatten(1, 2),
            groups.repeat_interleave(k, dim=1),
            features.memory,
            features.mask_features,
        )
        logits = [part.unflatten(1, (longest, k))[image, slot] for part in result.logits]
        return logits, result.states.unflatten(1, (longest, k))[image, slot]

    def _capture(self, batch: Batch) -> RowCapture:
        k = self.queries_per_target
        return RowCapture(
            batch=batch.target_image.repeat_interleave(k),
            position=batch.seg_positions.flatten(),
            image=self.image_span,
        )
