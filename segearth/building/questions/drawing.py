"""Words that speak of the lines drawn on the picture, which the reader of a question cannot see.

The lines are red, blue and orange-yellow, as roofs, lakes and fields are. So a colour counts
where it names a line ("the red polygon"), or stands for one: "marked red", "within the red",
but not "surrounded by red roofs".
"""

from __future__ import annotations

import re

_SHADE = r"(?:(?:bright|dark|light|deep|vivid|bold|solid|thick|thin|neon|pure)[ -])*"
_COLOUR = rf"{_SHADE}(?:orange[ -]yellow|red|crimson|scarlet|blue|orange|yellow)"
_WORDS_AFTER = (
    "on|in|at|of|for|to|by|near|with|within|inside|that|which|who|is|are|was|were"
    "|would|could|can|should|may|might|must|will|has|have|as|from|here|there|above|below|over"
    "|under|along|next|beside|between|where|when|while|if|before|after|during|so|it"
)
# The colour, or two, as a noun: nothing follows that it could describe.
_END = rf"(?= ?[.;:!?)\]\"]| ?$|,? (?:{_WORDS_AFTER})\b)"
_ALONE = rf"(?: (?:and|or) {_COLOUR})*(?![\w-])(?: (?:colou?rs?|ink))?{_END}"
_LINE = (
    r"(?:(?:en)?circle[sd]?|rings?|ringed|loops?|curves?|shapes?|polygons?|rectangles?"
    r"|outlin(?:es?|ed|ing)|contour(?:s|ed)?|box(?:es|ed)?|bounding|border(?:s|ed|ing)?"
    r"|boundar(?:y|ies)|bounded|bounds|perimeters?|frame[sd]?|line[sd]?|traces?|traced|strokes?"
    r"|mark(?:s|ed|ers?|ings?)?|highlight(?:s|ed|ing)?|overlays?|delineat(?:ed|ion)|annotat\w+)"
)
_DRAWN = r"(?:marked|highlighted|(?:en)?circled|delineated|traced|circumscribed)"
_SHOWN = (
    r"(?:shown|drawn|displayed|depicted|indicated|denoted|labell?ed|identified|enclosed|framed"
    r"|surrounded|bordered|bounded|ringed|boxed|lined|edged)"
)
_LINE_ITSELF = (
    r"(?:outlines?|contours?|borders?|boundar(?:y|ies)|frames?|lines?|polygons?|box(?:es)?)"
)
_PAINTED = (  # what is on the ground itself
    r"(?! (?:painted|(?:on|of|along|down|across|at) (?:the|a|an|its|each|every) (?:\w+ )?"
    r"(?:parking|car park|lot|road|street|lane|runway|taxiway|apron|helipad|courts?|field|pitch"
    r"|pool|deck|pavement|asphalt|concrete|intersection|crossing)\b)| (?:walls?|fences?|hedges?)\b)"
)
_SHOWN_PART = r"(?:area|region|zone|section|object|target)s?"
_SPEAKS = re.compile(
    r"\b(?:outlined|contoured|contours?|bounding box(?:es)?|annotated|annotations?)\b"
    rf"|\b{_COLOUR}[ -](?:colou?red[ -])?{_LINE}\b{_PAINTED}"
    rf"|\bthe {_COLOUR} (?:area|region|zone|mask|selection)s?\b"
    rf"|\b(?:area|region|zone|part|object)s? in {_COLOUR}{_ALONE}"
    rf"|\b(?:enclosed|marked|indicated|selected|segmented|delimited|boxed) {_SHOWN_PART}\b"
    r"|\bhighlighted (?:in|on) (?:the|this) (?:image|picture|photo)\b"
    r"|\bcolou?red (?:outlines?|contours?|borders?|boundar(?:y|ies)|frames?|polygons?)\b"
    r"|(?<!clearly )\b(?:highlighted|(?:en)?circled|delineated) "
    r"(?:area|region|zone|part|section|object|target)s?\b"
    rf"|\b{_DRAWN} in (?:the |an? )?{_COLOUR}\b"
    rf"|\b(?:{_DRAWN}|{_SHOWN}) (?:(?:in|by|with|within|inside) )?(?:the |an? )?{_COLOUR}{_ALONE}"
    rf"|\b{_LINE_ITSELF} (?:in|of) {_COLOUR}{_ALONE}"
    rf"|\b(?:within|inside) the {_COLOUR}{_ALONE}",
    re.IGNORECASE,
)


def words_on_drawing(text: str) -> str | None:
    """Return the first words that speak of the drawn lines, or None."""
    found = _SPEAKS.search(text)
    return found.group() if found else None
