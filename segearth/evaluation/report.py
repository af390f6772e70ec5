"""Show an evaluation as one HTML file that needs nothing beside it and no network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from segearth.data.answers import plain
from segearth.evaluation.scoring import SIZES, ScoredRecord
from segearth.evaluation.worst import draw_case, worst_cases
from segearth.metrics import DEFINITIONS

PROTOCOL_MEANS = {
    "generate": "the model wrote its own answers; they decide how many masks there are",
    "teacher-forced": "the model was given the true answers and only drew at their [SEG]: "
    "this measures mask quality alone, as the published tables do",
}

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2126; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
table { border-collapse: collapse } caption { text-align: left; color: #5b6670 }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid #e3e6e8 }
th:first-child, td:first-child { text-align: left }
.about td { text-align: left; vertical-align: top; overflow-wrap: anywhere }
.cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1.5rem }
figure { margin: 0 } figure img { width: 100%; image-rendering: auto }
figcaption { font-size: .85rem } .dim { color: #5b6670 }
.truth { color: #12803a } .reply { color: #c02626 }
"""


def render_report(
    result: Mapping[str, Any], scored: Sequence[ScoredRecord], about: Mapping[str, object]
) -> str:
    """Write the page.

    Args:
        result: From `segearth.evaluation.scoring.sum_up`.
        scored: All records.
        about: Where it comes from, shown as a table.

    Returns:
        The HTML text; figures times 100.
    """
    title = f"{result['model']}: gIoU {_percent(result['giou'])}"
    worst = worst_cases(scored)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            _headline(result),
            "<h2>By facet</h2>",
            _facets({**result["by_facet"], "size": result["by_size"]}),
            "<h2>What the figures mean</h2>",
            _meaning(result),
            f"<h2>Worst first ({len(worst)} of {len(scored)} records)</h2>",
            '<p class="dim"><span class="truth">Green: the truth.</span> '
            '<span class="reply">Red: the reply.</span></p>',
            f'<div class="cases">{"".join(_case(case) for case in worst)}</div>',
            "<h2>Made from</h2>",
            _about(result, about),
            "</body></html>\n",
        ]
    )


def _headline(result: Mapping[str, Any]) -> str:
    """Show the figures of all records."""
    rows = [
        ("gIoU", _percent(result["giou"]), _interval(result["giou_ci95"])),
        ("cIoU", _percent(result["ciou"]), ""),
        *((f"P@{bound}", _percent(share), "") for bound, share in _precision(result)),
        ("right number of targets, % of records", _percent(result["count_accuracy"]), ""),
        ("absent targets noticed, %", _percent(result["absent_accuracy"]), ""),
    ]
    caption = f"metric {result['metric']}, protocol {result['protocol']}, "
    caption += f"{result['records']} records, {result['targets']} targets"
    return _table(("x 100", "", "95 % interval"), rows, caption)


def _facets(facets: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Show the figures of every facet value."""
    rows = [
        (
            f"{name}: {value}",
            _percent(figures["giou"]),
            _interval(figures["giou_ci95"]),
            _percent(figures["ciou"]),
            figures["n"],
        )
        for name, values in facets.items()
        for value, figures in values.items()
    ]
    bounds = [f"{name} up to {side:.0f}" for name, side in SIZES.items() if side < math.inf]
    caption = "n: units in the mean, see below; size: of a target, as the side of a square in "
    caption += f"pixels: {', '.join(bounds)}, then large"
    return _table(("x 100", "gIoU", "95 % interval", "cIoU", "n"), rows, caption)


def _meaning(result: Mapping[str, Any]) -> str:
    """Spell out metric, protocol and interval."""
    return (
        f"<p>{escape(DEFINITIONS[result['metric']])}</p>"
        f"<p>Protocol {escape(result['protocol'])}: "
        f"{escape(PROTOCOL_MEANS[result['protocol']])}.</p>"
        "<p>gIoU is a mean of intersection over union and has nothing to do with the box loss "
        "of the same name; cIoU is the sum of all intersections over the sum of all unions. "
        "The interval is a percentile bootstrap over images. A dash is a figure that does "
        "not exist: a mean over nothing.</p>"
    )


def _case(case: ScoredRecord) -> str:
    """Show one record: picture, question, both answers, every unit's IoU."""
    source = draw_case(case)
    image = f'<img src="{source}" alt="">' if source else '<p class="dim">image not readable</p>'
    reply = plain(case.prediction.answer) or ("no reply" if case.prediction.missing else "(empty)")
    units = ", ".join(f"{unit.iou:.2f}" for unit in case.units)
    return (
        f"<figure>{image}<figcaption><b>{escape(case.record.instruction)}</b><br>"
        f'<span class="truth">{escape(plain(case.record.answer))}</span><br>'
        f'<span class="reply">{escape(reply)}</span><br>'
        f'<span class="dim">IoU {units} &middot; {escape(case.record.id)}</span>'
        "</figcaption></figure>"
    )


def _about(result: Mapping[str, Any], about: Mapping[str, object]) -> str:
    """Show what would be needed to do it again."""
    seconds = result["seconds_per_record"]
    rows = {
        "model": result["model"],
        "manifest SHA-256": result["manifest_sha256"],
        "seconds a record": "-" if seconds is None else f"{seconds:.2f}",
        **{name: _text(value) for name, value in about.items() if value not in (None, {}, [])},
    }
    cells = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f'<table class="about">{cells}</table>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]], caption: str) -> str:
    """Write a table, first column to the left."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def _precision(result: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """Return P@X, where the metric has it."""
    precision: Mapping[str, float] = result.get("precision", {})
    return precision.items()


def _percent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}"


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def _text(value: object) -> str:
    """Write a value of `about` in a line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text}" for name, text in value.items())
    return str(value)
