"""Who may see whom in a packed sequence: small masks, written out."""

from __future__ import annotations

import pytest
import torch

from segearth.data.packing import Role, visibility

P, Q, A, X = Role.PREFIX, Role.QUESTION, Role.ANSWER, Role.PADDING
SEGMENT = [0, 0, 1, 1, 1, 2, 2, -1]
ROLE = [P, P, Q, Q, A, Q, A, X]

CAUSAL = """
    #.......
    ##......
    ###.....
    ####....
    #####...
    ##...#..
    ##...##.
    .......#
"""
PREFIX = """
    ##......
    ##......
    ####....
    ####....
    #####...
    ##...#..
    ##...##.
    .......#
"""


def drawn(text):
    return [[mark == "#" for mark in line.strip()] for line in text.strip().splitlines()]


@pytest.mark.parametrize(
    ("bidirectional", "expected"), [(False, CAUSAL), (True, PREFIX)], ids=["causal", "prefix"]
)
def test_a_sequence_of_two_questions(bidirectional, expected):
    segment, role = torch.tensor([SEGMENT]), torch.tensor([ROLE])

    mask = visibility(segment, role, bidirectional_prompt=bidirectional)

    assert mask.shape == (1, 1, 8, 8)
    assert mask.dtype == torch.bool
    assert mask[0, 0].tolist() == drawn(expected)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_sequences_of_a_batch_are_masked_one_by_one(bidirectional):
    segment = torch.tensor([SEGMENT, [0, 0, 0, 1, 1, 1, -1, -1]])
    role = torch.tensor([ROLE, [P, P, P, Q, A, A, X, X]])

    both = visibility(segment, role, bidirectional_prompt=bidirectional)

    for number in range(2):
        alone = visibility(
            segment[number : number + 1],
            role[number : number + 1],
            bidirectional_prompt=bidirectional,
        )
        assert torch.equal(both[number], alone[0])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_token_sees_at_least_itself(bidirectional):
    mask = visibility(
        torch.tensor([SEGMENT]), torch.tensor([ROLE]), bidirectional_prompt=bidirectional
    )

    assert mask[0, 0].diagonal().all()


def test_roles_are_ordered_as_they_follow():
    assert X < P < Q < A
