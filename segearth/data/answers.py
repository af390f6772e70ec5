"""The answer grammar: ``<p>phrase </p>[SEG]``, once per target, in order (paper, Figs. 1 and 4).

The phrase sits between ``<p>`` and ``</p>`` with a space before ``</p>``. Only ``[SEG]``
counts: an answer may miss the tags (the paper's Figure 11 has such ones), and an answer
without ``[SEG]`` says that nothing of the kind is there. With k > 1 queries a target, the
token stands for the sequence ``[SEG1][SEG2]...[SEGk]`` (paper, Sec. 5.4).
"""

from __future__ import annotations

import re

SEG = "[SEG]"
_TARGET = re.compile(r"(?:<[pP]>(?P<phrase>[^<>]*?)\s*</[pP]>\s*)?\[SEG\]")


def count_seg(answer: str) -> int:
    """Count the targets of an answer."""
    return answer.count(SEG)


def find_phrases(answer: str) -> list[str]:
    """Return one phrase per ``[SEG]``, in order.

    A ``[SEG]`` without its ``<p>`` pair is called ``"target"``.
    """
    return [(match["phrase"] or "").strip() or "target" for match in _TARGET.finditer(answer)]


def mark(phrase: str) -> str:
    """Write a target the way the paper does."""
    return f"<p>{phrase.strip()} </p>{SEG}"


def merge_targets(answer: str) -> str:
    """Make one target of all those of an answer, named by the words from first to last.

    ``The <p>ships </p>[SEG] and the <p>tank </p>[SEG].`` becomes
    ``The <p>ships and the tank </p>[SEG].``
    """
    found = list(_TARGET.finditer(answer))
    if len(found) < 2:
        return answer
    start, stop = found[0].start(), found[-1].end()
    words = plain(answer[start:stop])
    return answer[:start] + (mark(words) if words else SEG) + answer[stop:]


def seg_tokens(queries_per_target: int) -> list[str]:
    """Name the special tokens: ``[SEG]`` for k = 1, else ``[SEG1]`` to ``[SEGk]``."""
    if queries_per_target == 1:
        return [SEG]
    return [f"[SEG{index}]" for index in range(1, queries_per_target + 1)]


def expand_seg(answer: str, queries_per_target: int) -> str:
    """Replace every ``[SEG]`` by its sequence of k tokens."""
    return answer.replace(SEG, "".join(seg_tokens(queries_per_target)))


def plain(answer: str) -> str:
    """Return the sentence as people read it, without tags and tokens."""
    words = re.sub(r"\[SEG\]|</?p>", " ", answer)
    return re.sub(r"\s+([.,;:!?])", r"\1", " ".join(words.split()))
