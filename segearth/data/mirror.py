"""Say of a mirrored picture what a text says of the picture.

Flipping an image swaps left with right or top with bottom, and the words have to follow.
What a flip would falsify (painted letters, a sense of rotation, driving directions) is refused,
and so is whatever these rules do not understand: no sample is better than a wrong one.
Mirroring twice gives the text back.
"""

from __future__ import annotations

import re
from re import Match

# Shown backwards by any flip, or meaning the other thing after it.
_FALSIFIED = re.compile(
    r"\b(?:(?:anti-?|counter-?)?clockwise|letter(?:s|ing|ed)?|numbers?|digits?|numerals?|figures?|"
    r"inscriptions?|initials?|logos?|starboard|port side|port wing|o'clock|\d+|"
    r"turn(?:s|ed|ing)? (?:left|right)|(?:left|right)(?:-hand)? turns?|"
    r"(?:left|right)-turn\w*|reads?|writing|written|spell\w*)\b",
    re.IGNORECASE,
)
_LEFT_RIGHT = re.compile(r"\b(left|right)(?=(?:most|wards?)?\b)", re.IGNORECASE)
_EAST_WEST = re.compile(
    r"(?:\b|(?<=north)|(?<=south))(east|west)(?=(?:ern(?:most)?|wards?|erly)?\b)", re.IGNORECASE
)
_NORTH_SOUTH = re.compile(
    r"\b(north|south)(?=-?(?:(?:east|west)-?)?(?:ern(?:most)?|wards?|erly)?\b)", re.IGNORECASE
)
_UPRIGHT = re.compile(
    r"\b(top|bottom|upper|lower)(?=(?:most)?\b)|\b(above|below|highest|lowest)\b|"
    r"\b(up|down)(?=wards?\b)",
    re.IGNORECASE,
)
_UP_DOWN = re.compile(r"\b(up|down)\b(?!-)", re.IGNORECASE)
_OPPOSITE = {
    **{"left": "right", "east": "west", "north": "south", "top": "bottom", "upper": "lower"},
    **{"above": "below", "highest": "lowest", "up": "down"},
}
_OPPOSITE |= {second: first for first, second in _OPPOSITE.items()}

# "right" that means "exactly", "at once" or "correct".
_EXACTLY = re.compile(
    r"\s+(?:above|below|beside|next|behind|in front|outside|where|away|now|after|before|through|"
    r"under|over|against|along|between|inside|onto|of way|angles?|answer|place|time|moment|tool|"
    r"beneath|across|alongside|off)\b"
)
_CORRECT = re.compile(r"\s+(?:of way|angles?|answer|place|time|moment|tool|now|away)\b")
_JUDGED = re.compile(r"\s*(?:[?.,;!]|for\b|to\b|$)")  # "which part would be right for that?"
# … unless a word like these stands before it: "on the right behind the house".
_DIRECTS = re.compile(
    r"(?:\bthe|\bto|\bon|\bat|\bupper|\blower|\btop|\bbottom|\bfar|\bfarthest|\bfurthest|-|\bits|"
    r"\bfrom|\bnear|\bdirectly|\band|\bcentre|\bcenter)\s*$",
    re.IGNORECASE,
)
# "left" as a form of "leave".
_LEAVERS = re.compile(
    r"\b(?:have|has|had|having|they|he|she|who|somebody|someone|i|we|you|been|be|driver|owner)\s+$",
    re.IGNORECASE,
)
_LEAVINGS = re.compile(
    r"\s+(?:behind|over|standing|unattended|open|empty|free|alone|unpaved|bare|out|untouched|"
    r"unmown|uncovered|there|here)\b"
)
# "up" and "down" as directions on the picture; in most other phrases they are not.
_HEADED = re.compile(
    r"\b(?:fac(?:e|es|ed|ing)|point(?:s|ed|ing)?|slant(?:s|ing)?|lead(?:s|ing)?|com(?:e|es|ing)|"
    r"runs?|running|curv(?:es|ing)|farther|further|furthest|farthest|straight|far|halfway)\s+$",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"\s+(?:to its|and to the|from the (?:left|right|centre|center|middle))\b")
_IDIOMS = re.compile(
    r"\b(?:line[sd]?|lin(?:ed|ing)|pick(?:s|ed|ing)?|mak(?:e|es|ing)|made|speed(?:s|ing)?|ti(?:e|es|ed)|"
    r"tying|touch(?:es|ed|ing)?|cool(?:s|ed|ing)?|l(?:ie|ies|ay|ying)|slow(?:s|ed|ing)?|set(?:s|ting)?|"
    r"sit(?:s|ting)?|build(?:s|ing)?|built|fill(?:s|ed|ing)?|back(?:s|ed|ing)?|warm(?:s|ing)?|"
    r"show(?:s|ed)?|look(?:s|ing)?|climb(?:s|ed|ing)?|driv(?:e|es|ing)|drove|pull(?:s|ed|ing)?|"
    r"stack(?:s|ed|ing)?|tak(?:e|es|en|ing)|spin(?:s|ning)?|hold(?:s|ing)?|giv(?:e|es|ing)|"
    r"break(?:s|ing)?|dr(?:y|ies|ying)|go(?:es|ing)?|calm(?:s)?|wash(?:ed)?|let(?:s|ting)?|put|"
    r"keep(?:s)?|stand(?:s|ing)?|roll(?:s|ed|ing)?|split(?:s)?|churn(?:s|ed|ing)?|looking straight|"
    r"seen|walk(?:s|ed|ing)?|jump(?:s|ing)?|burn(?:s|t|ing)?|hurried|sail(?:s|ed|ing)?)\s+$",
    re.IGNORECASE,
)
_STACKED = re.compile(
    r"\b(?:bridges?|overpass(?:es)?|flyovers?|viaducts?|tunnels?)\b", re.IGNORECASE
)


def mirror(text: str, *, horizontal: bool, vertical: bool) -> str | None:
    """Reword a text for a flipped picture.

    Args:
        text: An instruction or an answer; tags are left alone.
        horizontal: The picture was flipped left to right.
        vertical: It was flipped top to bottom.

    Returns:
        The reworded text, or None if a flip would make it false or its words are not
        understood.
    """
    if not (horizontal or vertical):
        return text
    if _FALSIFIED.search(text):
        return None
    if horizontal:
        text = _LEFT_RIGHT.sub(_turn_side, text)
        text = _EAST_WEST.sub(_turn, text)
    if not vertical:
        return text
    if _is_stacked(text) or re.search(r"\b(?:higher|headroom)\b", text, re.IGNORECASE):
        return None
    text = _NORTH_SOUTH.sub(_turn, text)
    text = _UPRIGHT.sub(_turn_upright, text)
    return _turn_headings(text)


def _is_stacked(text: str) -> bool:
    """Tell whether "below" may mean under a bridge and not farther down the picture."""
    return bool(_STACKED.search(text) and re.search(r"\b(?:above|below)\b", text, re.IGNORECASE))


def _turn(match: Match[str]) -> str:
    word = match.group(0)
    other = _OPPOSITE[word.lower()]
    return other.capitalize() if word[0].isupper() else other


def _turn_side(match: Match[str]) -> str:
    before, after = match.string[: match.start()], match.string[match.end() :]
    directs = _DIRECTS.search(before)
    if match.group(0).lower() == "right":
        means_side = bool(directs) or not _EXACTLY.match(after)
        if _CORRECT.match(after) or (before.endswith("be ") and _JUDGED.match(after)):
            means_side = False
    else:
        leaves = _LEAVERS.search(before) and not re.match(r"\s+of\b", after)
        means_side = not leaves and (bool(directs) or not _LEAVINGS.match(after))
    return _turn(match) if means_side else match.group(0)


def _turn_upright(match: Match[str]) -> str:
    before, after = match.string[: match.start()], match.string[match.end() :]
    if match.group(0).lower() == "top" and before.endswith("on ") and after.startswith(" of "):
        return match.group(0)  # "on top of the roof" is a matter of height
    return _turn(match)


def _turn_headings(text: str) -> str | None:
    """Turn "facing up"; keep "line up"; give up on any other up or down."""
    pieces, last = [], 0
    for match in _UP_DOWN.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        pieces.append(text[last : match.start()])
        last = match.end()
        if _HEADED.search(before) or _BESIDE.match(after):
            pieces.append(_turn(match))
        elif _IDIOMS.search(before) or before.endswith("-"):
            pieces.append(match.group(0))
        else:
            return None
    return "".join([*pieces, text[last:]])
