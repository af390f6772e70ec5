r"""What a text for a manifest must not hold: tags, control characters, half characters.

A manifest is UTF-8, and its answers are marked by tags (`segearth.data.answers`). JSON can carry
half of a character pair ("\ud800"), which no UTF-8 file holds; a tag inside a name would mark
something else than the target.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<\s*/?\s*p\s*>|\[\s*SEG", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_writable(text: str) -> bool:
    """Tell whether UTF-8 can hold a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def writable(text: str) -> str:
    """Replace what UTF-8 cannot hold by question marks."""
    return text.encode(errors="replace").decode()


def has_tags(text: str) -> bool:
    """Tell whether a text holds ``<p>``, ``</p>`` or the beginning of a ``[SEG]``, in any case."""
    return _TAG.search(text) is not None


def has_control(text: str) -> bool:
    """Tell whether a text holds a line break, a tab or another control character."""
    return _CONTROL.search(text) is not None


def fault_of_name(name: str) -> str | None:
    """Say what keeps a text from being a category's name; None if nothing does."""
    if not is_writable(name):
        return f"the name {name!r} holds half of a character pair, which UTF-8 cannot write"
    if has_control(name):
        return f"the name {name!r} holds a line break or another control character"
    if has_tags(name):
        return f"the name {name!r} holds a tag (<p>, </p> or [SEG]), which would mark a target"
    return None
