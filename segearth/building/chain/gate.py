"""Stage 4 of the chain: whether the questions may be published, by the recipe's rule.

Under ``all`` every question has to be decided on, as in the paper (Suppl. 7.5). Under
``sample`` a random share of them has to; if enough of it is accepted, the others pass unseen,
and if not, all have to be reviewed (acceptance sampling with rectifying inspection, Dodge and
Romig, Bell System Technical Journal 8(4), 1929). Rejected questions never pass.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from segearth.building.chain.recipe import ReviewOptions
from segearth.building.review.outcome import Outcome
from segearth.data.manifest import Record


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the rule says."""

    passed: bool
    undecided: Literal["drop", "keep"]
    """What the export does with questions that nobody has decided on."""
    to_review: list[Record] | None
    """Those that have to be decided on; None for all."""
    figures: dict[str, Any]


def judge(
    results: Sequence[Outcome], options: ReviewOptions, undecided: Literal["drop", "keep"]
) -> Gate:
    """Apply the rule.

    Args:
        results: One a question, with its decisions.
        options: The rule.
        undecided: What the recipe wants for questions without a decision, if no rule says.

    Returns:
        Whether the questions pass, and what is still to be reviewed.
    """
    states = Counter(one.state for one in results)
    figures: dict[str, Any] = {"rule": options.rule, "questions": len(results)}
    figures |= {name: states[name] for name in ("accepted", "rejected", "disputed", "open")}
    if options.rule == "none":
        return Gate(passed=True, undecided=undecided, to_review=[], figures=figures)
    everything = Gate(
        passed=not (states["open"] or states["disputed"]),
        undecided="drop",
        to_review=None,
        figures=figures,
    )
    if options.rule == "all":
        return everything
    drawn = draw_sample([one.record.id for one in results], options.share)
    sample = [one for one in results if one.record.id in drawn]
    accepted = sum(one.state == "accepted" for one in sample)
    left = sum(one.state in ("open", "disputed") for one in sample)
    figures |= {"sample": len(sample), "sample_accepted": accepted, "sample_left": left}
    if left:
        records = [one.record for one in sample]
        return Gate(passed=False, undecided="drop", to_review=records, figures=figures)
    if accepted >= options.least_accepted * len(sample):
        return Gate(passed=True, undecided="keep", to_review=[], figures=figures)
    return everything


def draw_sample(ids: Sequence[str], share: float) -> set[str]:
    """Draw a share of the records, at least one of any, rounded up.

    Args:
        ids: Of all records.
        share: Above 0, up to 1.

    Returns:
        The ids with the smallest digests: the same after a restart, for nobody to choose.
    """

    def digest(name: str) -> bytes:
        return hashlib.sha256(f"acceptance sample: {name}".encode()).digest()

    return set(sorted(ids, key=digest)[: ceil(share * len(ids))])
