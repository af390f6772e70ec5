"""Answer instructions about one encoded image, with a key-value cache.

The prefix with the image runs once and its keys and values are kept; each instruction runs
on a copy, so a further question costs its own tokens only. Decoding is greedy: the same
question gets the same answer. (The authors' code samples at temperature 0.2.)

The hidden state of a `[SEG]` is the one read *at* the token, so a `[SEG]` just written is run
through the model before its state is taken, as in training. After `[SEG1]` the tokens to
`[SEGk]` follow without being chosen.

Axes
    n  instructions    T  tokens    D  width of the language model    k  queries per target
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import Cache

from segearth.data.packing import Role, visibility
from segearth.data.prompting import Prompter
from segearth.model.segearth import ImageFeatures, SegEarth


@dataclass
class Generated:
    """One answer.

    Attributes:
        ids: Token ids, without the end token.
        seg_hidden: Hidden states at the `[SEG]` tokens, ``(targets, k, D)``.
    """

    ids: list[int]
    seg_hidden: Tensor


@dataclass
class _Row:
    """An answer in the making."""

    ids: list[int] = field(default_factory=list)
    states: dict[int, Tensor] = field(default_factory=dict)  # by place in ids
    forced: list[int] = field(default_factory=list)
    ended: bool = False


def cache_prefix(model: SegEarth, prompter: Prompter, features: ImageFeatures) -> Cache:
    """Run the prefix with the image and keep its keys and values; for one image."""
    before = torch.tensor([prompter.before_ids], dtype=torch.int64, device=features.tokens.device)
    words = model.language.embed(before)
    embeddings = torch.cat([words, features.tokens.to(words.dtype)], dim=1)
    segment = torch.zeros(1, embeddings.shape[1], dtype=torch.int64, device=before.device)
    cache = model.language.new_cache()
    model.language.run(
        embeddings,
        mask=visibility(
            segment,
            torch.full_like(segment, Role.PREFIX),
            bidirectional_prompt=model.bidirectional_prompt,
        ),
        positions=model.positions(segment),
        cache=cache,
    )
    return cache


@torch.no_grad()
def answer(
    model: SegEarth,
    prompter: Prompter,
    prefix: Cache,
    questions: Sequence[Sequence[int]],
    *,
    given: Sequence[Sequence[int]] | None = None,
) -> list[Generated]:
    """Answer several questions about the same image together.

    Args:
        model: In eval mode.
        prompter: Gives token ids and limits.
        prefix: From `cache_prefix`; left as it is.
        questions: Token ids of each question, from `Prompter.question_ids`.
        given: Token ids of answers to take as said (teacher forcing) instead of choosing,
            from `Prompter.answer_ids`.

    Returns:
        One answer a question.
    """
    cache = copy.deepcopy(prefix)
    cache.batch_repeat_interleave(len(questions))
    rows = [_Row() for _ in questions]
    if given is not None:
        for row, ids in zip(rows, given, strict=True):
            row.forced = list(ids)
    step = _Stepper(model, prompter, cache, questions)
    hidden = step.first()
    limit = max([prompter.max_answer_tokens, *(len(ids) for ids in given or ())])
    for _ in range(limit):
        tokens = _choose(model, prompter, hidden, rows)
        if all(row.ended for row in rows):
            break
        hidden = step.next(tokens)
        seg = set(prompter.seg_ids)
        for index, row in enumerate(rows):
            if not row.ended and row.ids[-1] in seg:
                row.states[len(row.ids) - 1] = hidden[index]
    return [_finish(row, prompter, model.language.width) for row in rows]


class _Stepper:
    """Feeds tokens; questions are padded on the left so that their ends meet."""

    def __init__(
        self,
        model: SegEarth,
        prompter: Prompter,
        cache: Cache,
        questions: Sequence[Sequence[int]],
    ) -> None:
        self.model, self.cache = model, cache
        device = model.SEG_token_projector.weight.device
        longest = max(len(ids) for ids in questions)
        padding = torch.tensor([longest - len(ids) for ids in questions], device=device)
        self.ids = torch.tensor(
            [[0] * (longest - len(ids)) + list(ids) for ids in questions], device=device
        )
        # Whether a token of question or answer is real; the cached prefix always is.
        self.real = torch.arange(longest, device=device)[None] >= padding[:, None]
        start, stop = prompter.image_span
        text_start = start if model.grid_position else stop
        self.position = text_start - padding  # of column 0; padding lies before the text

    def first(self) -> Tensor:
        """Run the questions; returns the state of their last tokens, ``(n, D)``."""
        count, length = self.ids.shape
        prefix = int(self.cache.get_seq_length())
        earlier = torch.ones(length, length, dtype=torch.bool, device=self.ids.device)
        if not self.model.bidirectional_prompt:
            earlier = earlier.tril()
        own = earlier & self.real[:, None, :]
        own = own | torch.eye(length, dtype=torch.bool, device=own.device)  # padding sees itself
        seen = torch.ones(count, length, prefix, dtype=torch.bool, device=own.device)
        mask = torch.cat([seen, own], dim=2)[:, None]
        columns = torch.arange(length, device=own.device)
        positions = (self.position[:, None] + columns).clamp(min=0)
        self.position = self.position + length
        return self._run(self.ids, mask, positions)

    def next(self, tokens: Tensor) -> Tensor:
        """Run one token a row, ``(n,)``; returns its state, ``(n, D)``."""
        self.real = torch.cat([self.real, torch.ones_like(self.real[:, :1])], dim=1)
        prefix = int(self.cache.get_seq_length()) + 1 - self.real.shape[1]
        seen = torch.ones(len(tokens), prefix, dtype=torch.bool, device=tokens.device)
        mask = torch.cat([seen, self.real], dim=1)[:, None, None]
        positions = self.position[:, None]
        self.position = self.position + 1
        return self._run(tokens[:, None], mask, positions)

    def _run(self, ids: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        hidden = self.model.language.run(
            self.model.language.embed(ids), mask=mask, positions=positions, cache=self.cache
        )
        return hidden[:, -1]


def _choose(model: SegEarth, prompter: Prompter, hidden: Tensor, rows: Sequence[_Row]) -> Tensor:
    """Choose each row's next token; rows that have ended repeat the end token."""
    best = model.language.word_logits(hidden).argmax(dim=-1).tolist()
    for row, token in zip(rows, best, strict=True):
        if row.ended:
            continue
        chosen = row.forced.pop(0) if row.forced else token
        if chosen == prompter.seg_ids[0] and not row.forced:
            row.forced = prompter.seg_ids[1:]
        row.ended = chosen == prompter.end_id
        if not row.ended:
            row.ids.append(chosen)
    tokens = [prompter.end_id if row.ended else row.ids[-1] for row in rows]
    return torch.tensor(tokens, device=hidden.device)


def _finish(row: _Row, prompter: Prompter, width: int) -> Generated:
    """Keep whole groups `[SEG1]…[SEGk]`; a stray or cut-off query token is no target."""
    k, order = prompter.queries_per_target, prompter.seg_ids
    kept: list[int] = []
    states: list[Tensor] = []
    place = 0
    while place < len(row.ids):
        if row.ids[place : place + k] == order:
            states += [row.states[place + offset] for offset in range(k)]
            kept += order
            place += k
        else:
            if row.ids[place] not in order:
                kept.append(row.ids[place])
            place += 1
    if not states:
        return Generated(ids=kept, seg_hidden=torch.zeros(0, k, width))
    return Generated(ids=kept, seg_hidden=torch.stack(states).unflatten(0, (-1, k)))
