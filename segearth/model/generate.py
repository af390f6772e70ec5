"""Answer instructions about one encoded image, with a key-value cache.

The prefix with the image runs once and its keys and values are kept; each instruction runs
on a copy, so a further question costs its own tokens only. Decoding is greedy: the same
question gets the same answer. (The authors' code samples at temperature 0.2.)

The hidden state of a `[SEG]` is the one read *at* the token, so a `[SEG]` just written is run
through the model before its state is taken, as in training. After `[SEG1]` the tokens to
`[SEGk]` are not chosen but follow (paper, Sec. 5.4), so all k run in one pass. Where several
answers grow together, those at a `[SEG1]` wait until every other one is at one or has ended:
then one pass serves them all, and no answer is padded by another's k tokens.

Other mechanisms read other states: `instruction_as_query` the words of the question, in the
pass that reads it; `propose_then_select` its query tokens, in one pass behind the answer.

Axes
    n  instructions    T  tokens    D  width of the language model    k  queries per target
    c  tokens that a pass appends
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import Cache

from segearth.data.packing import Role, visibility
from segearth.data.prompting import Prompter
from segearth.model.mechanisms.propose_then_select import ProposeThenSelect
from segearth.model.segearth import ImageFeatures, SegEarth


@dataclass
class Generated:
    """One answer.

    Attributes:
        ids: Token ids, without the end token.
        seg_hidden: Hidden states at the `[SEG]` tokens, ``(targets, k, D)``; for
            `instruction_as_query` the average over the description, for one target or none.
        proposals: Hidden states at the query tokens of `propose_then_select`, ``(K, D)``; None
            for other mechanisms, and where the answer has no target.
    """

    ids: list[int]
    seg_hidden: Tensor
    proposals: Tensor | None = None


@dataclass
class _Row:
    """An answer in the making."""

    given: list[int] = field(default_factory=list)  # still to be said, in place of choosing
    ids: list[int] = field(default_factory=list)
    states: dict[int, Tensor] = field(default_factory=dict)  # of `[SEG]` tokens, by place in ids
    waiting: list[int] = field(default_factory=list)  # chosen, and not yet run
    steps: int = 0
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
    described: Sequence[range] | None = None,
) -> list[Generated]:
    """Answer several questions about the same image together.

    Args:
        model: In eval mode.
        prompter: Gives token ids and limits.
        prefix: From `cache_prefix`; left as it is.
        questions: Token ids of each question, from `Prompter.question_ids`.
        given: Token ids of answers to take as said (teacher forcing) instead of choosing,
            from `Prompter.answer_ids`.
        described: Places of each question's description, from `Prompter.description_places`;
            for `instruction_as_query`.

    Returns:
        One answer a question, of `Prompter.max_answer_tokens` or fewer; `[SEG1]` to `[SEGk]`
        count as one token. An answer also ends where the language model has no position left.
    """
    cache = copy.deepcopy(prefix)
    cache.batch_repeat_interleave(len(questions))
    rows = [_Row(given=list(ids)) for ids in given or [()] * len(questions)]
    limit = max([prompter.max_answer_tokens, *(len(ids) for ids in given or ())])
    step = _Stepper(model, cache, questions)
    asked = step.first()
    hidden = asked[:, -1]
    while True:
        _choose(model, prompter, hidden, rows, limit, step.room(prompter.proposals))
        if all(row.ended for row in rows):
            break
        hidden = _run_chosen(step, hidden, rows, set(prompter.seg_ids))
    made = [_finish(row, prompter, model.language.width) for row in rows]
    if prompter.pools_description:
        return [
            _describe(
                one,
                states[len(states) - len(ids) :][place.start : place.stop],
                always=prompter.always_draws,
            )
            for one, states, ids, place in zip(made, asked, questions, described or (), strict=True)
        ]
    if isinstance(model.mechanism, ProposeThenSelect) and any(len(one.seg_hidden) for one in made):
        proposed = step.propose(prompter.end_id, model.mechanism.seg_query)
        for one, states in zip(made, proposed, strict=True):
            one.proposals = states if len(one.seg_hidden) else None
    return made


class _Stepper:
    """Feeds tokens; questions are padded on the left so that their ends meet."""

    def __init__(self, model: SegEarth, cache: Cache, questions: Sequence[Sequence[int]]) -> None:
        self.model, self.cache = model, cache
        device = model.SEG_token_projector.weight.device
        longest = max(len(ids) for ids in questions)
        padding = torch.tensor([longest - len(ids) for ids in questions], device=device)
        self.ids = torch.tensor(
            [[0] * (longest - len(ids)) + list(ids) for ids in questions], device=device
        )
        # Whether a token of question or answer is real; the cached prefix always is.
        self.real = torch.arange(longest, device=device)[None] >= padding[:, None]
        start, stop = model.image_span
        text_start = start if model.grid_position else stop
        self.position = text_start - padding  # of column 0; padding lies before the text

    def first(self) -> Tensor:
        """Run the questions; returns their states, padded on the left, ``(n, T, D)``."""
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
        return self._run(self.model.language.embed(self.ids), mask, positions)

    def next(self, chunks: Sequence[Sequence[int]]) -> Tensor:
        """Append a chunk of tokens to each row, none or several; causal within a chunk.

        Args:
            chunks: n token lists; shorter ones are padded on the right with columns that no
                other token ever sees.

        Returns:
            States ``(n, c, D)``, c the longest chunk; those behind a chunk's end mean nothing.
        """
        device, longest = self.ids.device, max(len(chunk) for chunk in chunks)
        ids = torch.tensor(
            [[*chunk, *[0] * (longest - len(chunk))] for chunk in chunks], device=device
        )
        sizes = torch.tensor([len(chunk) for chunk in chunks], device=device)
        return self._append(self.model.language.embed(ids), sizes)

    def propose(self, end_id: int, seg_query: Tensor) -> Tensor:
        """Close the answers and append the query tokens of `propose_then_select` to them.

        Args:
            end_id: Of the token that closes an answer.
            seg_query: ``(K, D)``.

        Returns:
            States ``(n, K, D)`` at the query tokens.
        """
        count = len(self.ids)
        ends = self.model.language.embed(torch.full((count, 1), end_id, device=self.ids.device))
        tokens = seg_query.to(ends.dtype).expand(count, -1, -1)
        words = torch.cat([ends, tokens], dim=1)
        sizes = torch.full((count,), words.shape[1], device=words.device)
        return self._append(words, sizes)[:, 1:]

    def _append(self, words: Tensor, sizes: Tensor) -> Tensor:
        """Append the first tokens of each row.

        Args:
            words: Embeddings ``(n, c, D)``.
            sizes: How many of a row's are real, int64 ``(n,)``.

        Returns:
            States ``(n, c, D)``.
        """
        count, longest = words.shape[:2]
        device = words.device
        columns = torch.arange(longest, device=device)
        real = columns < sizes[:, None]
        prefix = int(self.cache.get_seq_length()) - self.real.shape[1]
        earlier = torch.cat([self.real.new_ones(count, prefix), self.real], dim=1)
        own = (columns[:, None] >= columns) & real[:, None, :]
        own = own | torch.eye(longest, dtype=torch.bool, device=device)  # padding sees itself
        seen = earlier[:, None, :].expand(-1, longest, -1)
        mask = torch.cat([seen, own], dim=2)[:, None]
        positions = self.position[:, None] + columns
        self.real = torch.cat([self.real, real], dim=1)
        self.position = self.position + sizes
        return self._run(words, mask, positions)

    def room(self, kept: int) -> list[float]:
        """Count the tokens that each row may still say, with `kept` more to follow the answer."""
        most = self.model.language.most_positions or math.inf
        return [most - kept - place for place in self.position.tolist()]

    def _run(self, words: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        return self.model.language.run(words, mask=mask, positions=positions, cache=self.cache)


def _choose(
    model: SegEarth,
    prompter: Prompter,
    hidden: Tensor,
    rows: Sequence[_Row],
    limit: int,
    room: Sequence[float],
) -> None:
    """Choose what each row says next: a token, all of `[SEG1]` to `[SEGk]`, or the end.

    Rows that have ended or still wait are left alone.
    """
    order = prompter.seg_ids
    best = model.language.word_logits(hidden).argmax(dim=-1).tolist()
    for row, token, left in zip(rows, best, room, strict=True):
        if row.ended or row.waiting:
            continue
        if row.steps == limit:
            row.ended = True
            continue
        row.steps += 1  # the tokens that follow a `[SEG1]` do not count
        said = row.given.pop(0) if row.given else token
        row.ended = said == prompter.end_id
        if row.ended:
            continue
        row.waiting = [said]
        if said == order[0] and row.given[: len(order) - 1] in ([], order[1:]):
            row.waiting = list(order)
            del row.given[: len(order) - 1]
        if len(row.waiting) > left:
            row.waiting, row.ended = [], True


def _run_chosen(step: _Stepper, hidden: Tensor, rows: Sequence[_Row], seg: set[int]) -> Tensor:
    """Run what rows have chosen: single tokens first, whole groups once no other is left.

    Args:
        step: Holds the cache.
        hidden: State of each row's last token so far, ``(n, D)``.
        rows: The answers; what is run moves from `waiting` to `ids`.
        seg: Ids of the `[SEG]` tokens.

    Returns:
        `hidden` after the pass; rows that did not run keep theirs.
    """
    single = any(len(row.waiting) == 1 for row in rows)
    chunks = [row.waiting if not single or len(row.waiting) == 1 else [] for row in rows]
    states = step.next(chunks)
    latest = []
    for row, chunk, own, before in zip(rows, chunks, states, hidden, strict=True):
        for token, state in zip(chunk, own, strict=False):  # behind the chunk lies padding
            if token in seg:
                row.states[len(row.ids)] = state
            row.ids.append(token)
        if chunk:
            row.waiting = []
        latest.append(own[len(chunk) - 1] if chunk else before)
    return torch.stack(latest)


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


def _describe(generated: Generated, described: Tensor, *, always: bool) -> Generated:
    """Put the average of the description's states ``(t, D)`` in place of the `[SEG]` states."""
    count = 1 if always else min(1, len(generated.seg_hidden))
    return Generated(ids=generated.ids, seg_hidden=described.mean(dim=0).expand(count, 1, -1))
