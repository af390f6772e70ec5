"""How far reviewers agree beyond chance: Cohen's kappa for two, Fleiss' for more.

Both are (P - P_e) / (1 - P_e): the share P of agreement that is seen, against the share P_e
that the same people would reach by chance with the same habits.
Sources: Cohen, Educ. Psychol. Meas. 20 (1960) 37-46; Fleiss, Psychol. Bull. 76 (1971) 378-382.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Agreement(NamedTuple):
    """Agreement over some items."""

    items: int
    """How many were judged by at least two."""
    observed: float | None
    """P, the share of agreeing pairs, from 0 to 1; None without items."""
    kappa: float | None
    """1 at full agreement, 0 at chance; None without items, or if all judgements are the same
    (then chance alone agrees always, and nothing can be said)."""


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> Agreement:
    """Compare two people who judged the same items.

    Args:
        pairs: What the first and the second said of each item.

    Returns:
        The agreement; chance is what each one's own habits give.
    """
    n = len(pairs)
    if not n:
        return Agreement(0, None, None)
    first, second = (Counter(pair[place] for pair in pairs) for place in (0, 1))
    agreed = sum(one == other for one, other in pairs)
    chance = sum(first[label] * second[label] for label in first)  # of n * n
    kappa = None if chance == n * n else (agreed * n - chance) / (n * n - chance)
    return Agreement(n, agreed / n, kappa)


def fleiss_kappa(judgements: Sequence[Sequence[Hashable]]) -> Agreement:
    """Compare any number of people, not always the same ones.

    Args:
        judgements: What was said of each item. Items with fewer than two judgements are left
            out. Fleiss has the same number of judgements on every item; where it varies, an
            item's agreement is still the share of its agreeing pairs and counts once.

    Returns:
        The agreement; chance is what everybody's habits together give.
    """
    items = [Counter(item) for item in judgements if len(item) > 1]
    if not items:
        return Agreement(0, None, None)
    shares = [_agreeing_pairs(item) for item in items]
    observed = sum(shares) / len(shares)
    together = sum(items, Counter())
    chance = sum((count / together.total()) ** 2 for count in together.values())
    kappa = None if len(together) == 1 else (observed - chance) / (1 - chance)
    return Agreement(len(items), observed, kappa)


def _agreeing_pairs(item: Counter[Hashable]) -> float:
    """Return the share of pairs of judgements on one item that are the same."""
    n = item.total()
    return sum(count * (count - 1) for count in item.values()) / (n * (n - 1))
