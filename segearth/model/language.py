"""The language model behind one small surface: embed, run, read out.

Any causal language model of transformers fits (Phi-2 in the paper). `run` returns hidden
states after the final norm, the ones that both the word head and the `[SEG]` projection
read (architecture of the paper, Fig. 4).

Axes
    B  sequences    T  tokens    D  width    V  vocabulary
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel

from segearth.model.attention_rows import NAME, RowCapture
from segearth.model.few_rows import speed_few_rows


class LanguageModel(nn.Module):
    """A causal language model, run on embeddings."""

    def __init__(self, lm: PreTrainedModel) -> None:
        """Wrap `lm`; it gets the attention that can keep rows, and linear layers for few rows."""
        super().__init__()
        speed_few_rows(lm)
        self.lm = lm
        lm.config._attn_implementation = NAME

    @property
    def width(self) -> int:
        """D."""
        return int(self.lm.config.hidden_size)

    @property
    def most_positions(self) -> int | None:
        """How long a sequence may be; None if the model does not say."""
        return getattr(self.lm.config, "max_position_embeddings", None)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Look up word embeddings, ``(B, T)`` to ``(B, T, D)``."""
        return cast(Tensor, self.lm.get_input_embeddings()(token_ids))

    def run(
        self,
        embeddings: Tensor,
        *,
        mask: Tensor,
        positions: Tensor,
        cache: Cache | None = None,
        seg_rows: RowCapture | None = None,
    ) -> Tensor:
        """Run the blocks.

        Args:
            embeddings: ``(B, T, D)``.
            mask: bool, true = may see, ``(B, 1, T, T_cached + T)``.
            positions: Position of each token, int64, ``(B, T)``.
            cache: Keys and values of earlier tokens; grows by T.
            seg_rows: Attention rows to keep.

        Returns:
            Hidden states after the final norm, ``(B, T, D)``.
        """
        extra: dict[str, Any] = {} if seg_rows is None else {"seg_rows": seg_rows}
        output = self.lm.base_model(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=positions,
            cache=cache,
            use_cache=cache is not None,
            **extra,
        )
        return cast(Tensor, output.last_hidden_state)

    def word_logits(self, hidden: Tensor) -> Tensor:
        """Score the vocabulary, ``(…, D)`` to ``(…, V)``."""
        head = self.lm.cls if hasattr(self.lm, "cls") else self.lm.get_output_embeddings()
        return cast(Tensor, cast(nn.Module, head)(hidden))

    def new_cache(self) -> DynamicCache:
        """Make an empty key-value cache."""
        return DynamicCache()
