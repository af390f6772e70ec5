"""`segearth profile`: what a picture costs, for one or many queries per target (Figure 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from segearth.cli import options, output
from segearth.errors import UsageError

PAPER_MODEL = "mipha-3b"
FIGURE_5_QUERIES = "100,75,50,25,10,3,1"

_PER_TERA = {"T": 1, "G": 1e3, "M": 1e6}

DecodeName = Literal["joint", "per-query", "both"]


def profile(
    model: Annotated[
        str,
        typer.Argument(
            metavar="[MODEL]",
            help="A model folder, 'mini', or 'mipha-3b': the paper's sizes, without weights.",
        ),
    ] = PAPER_MODEL,
    queries: Annotated[
        str | None,
        typer.Option(
            "--queries",
            metavar="K,K,…",
            help="Queries per target. [the paper's 100 to 1; for a folder: what it was made for]",
            show_default=False,
        ),
    ] = None,
    decode: Annotated[
        DecodeName,
        typer.Option("--decode", help="Decode a target's queries together or each by itself."),
    ] = "both",
    text_tokens: Annotated[
        int | None,
        typer.Option(
            "--text-tokens",
            metavar="N",
            help="Tokens of prompt and answer at k = 1, for mipha-3b. [61]",
            show_default=False,
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option("--runs", min=1, metavar="R", help="Timed runs a row, after two others.")
    ] = 5,
    cross_check: Annotated[
        bool, typer.Option("--cross-check", help="Count a second time, with fvcore.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            help="Draw Figure 5's left panel, with the paper's points: .png, .svg or .pdf.",
            show_default=False,
        ),
    ] = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Count and time what one picture and one instruction cost.

    FLOPs are twice the multiply-adds (MACs); both are printed. Counting needs no weights and
    no memory, so the default is the paper's model of 3 billion parameters. A model that is
    there is timed besides: its answer is given, and fed token by token as in generation.

    Example: segearth profile --queries 100,1
    """
    if text_tokens is not None and model != PAPER_MODEL:
        raise UsageError(
            "the texts of a model that is there are made with its own tokenizer",
            where="--text-tokens",
            hint=f"leave it out, or profile {PAPER_MODEL}",
        )
    if not as_json:
        output.say("loading PyTorch …")
    from segearth.profiling import figure5, report

    if plot is not None:
        figure5.check_plot(plot)
    wanted = None if queries is None else report.parse_queries(queries)
    if model == PAPER_MODEL:
        subject = report.paper_subject(text_tokens)
        ks = wanted or report.parse_queries(FIGURE_5_QUERIES)
    else:
        subject = report.loaded_subject(model, device=device, dtype=dtype)
        ks = wanted or [subject.recipe.queries]
    decodes: list[Any] = ["joint", "per-query"] if decode == "both" else [decode]
    rows = report.profile_rows(subject, ks, decodes, runs=runs, cross_check=cross_check)
    tracked = output.progress(rows, "profile", total=len(ks) * len(decodes))
    result = report.report(subject, list(tracked))
    if plot is not None:
        figure5.draw_figure_5(plot, result, report.FIGURE_5)
        output.say(f"drawn: {plot}")
    if as_json:
        output.print_json(result)
    else:
        _show(result)


def _show(result: Mapping[str, Any]) -> None:
    """Print totals and parts as tables."""
    rows: Sequence[Mapping[str, Any]] = result["rows"]
    way = {"teacher-forced": "answer given, one pass", "generate": "answer token by token"}
    # Small models in billions, with parts in millions; large ones a step up.
    total, part = ("T", "G") if max(row["tflops"] for row in rows) >= 0.5 else ("G", "M")
    output.print_table(
        *_table([_totals(row, total) for row in rows]),
        title=(
            f"{result['model']}, {way[result['protocol']]}: one picture of "
            f"{result['image_size']} px and one target; {result['image_tokens']} image and "
            f"{result['text_tokens']} text tokens, {result['answer_tokens']} of these the answer"
        ),
        caption=_caption(result),
    )
    output.print_table(
        *_table([_parts(row, rows, part) for row in rows]),
        caption=_left_out(rows),
    )
    if any(row["latency_s"] for row in rows):
        output.print_table(*_table([_seconds(row) for row in rows]), caption=_spreads(rows))
        output.print_table(*_table([_shares(row) for row in rows]), caption=_roofline(rows))


def _table(rows: Sequence[Mapping[str, str]]) -> tuple[list[str], list[list[str | None]]]:
    """Line cells up under their heads; a row without a cell leaves it open."""
    heads = list(dict.fromkeys(head for row in rows for head in row))
    return heads, [[row.get(head) for head in heads] for row in rows]


def _totals(row: Mapping[str, Any], unit: str) -> dict[str, str]:
    cells = {
        "k, decoding": _name(row),
        "tokens": str(row["tokens"]),
        f"{unit}FLOPs": f"{_PER_TERA[unit] * row['tflops']:.4g}",
        f"{unit}MACs": f"{_PER_TERA[unit] * row['tmacs']:.4g}",
    }
    if row["paper"]:
        cells["paper: TFLOPs"] = str(row["paper"]["tflops"])
        cells["paper: latency, s"] = str(row["paper"]["latency_s"])
    if row["cross_check"]:
        cells["fvcore differs by"] = f"{100 * abs(row['cross_check']['difference']):.3f} %"
    if row["latency_s"]:
        spread = row["latency_s"]
        cells["latency, s"] = f"{spread['median']:.3f}"
        cells["min to max"] = f"{spread['min']:.3f} to {spread['max']:.3f}"
    if row["peak_bytes"]:
        cells["peak, MB"] = f"{row['peak_bytes'] / 1e6:.0f}"
    return cells


def _parts(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], unit: str) -> dict[str, str]:
    """FLOPs of the parts that cost something in any row."""
    used = [part for part in row["parts"] if any(other["parts"][part] for other in rows)]
    cells = {part.replace("_", " "): f"{_PER_TERA[unit] * row['parts'][part]:.4g}" for part in used}
    return {f"{unit}FLOPs by part": _name(row), **cells}


def _left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say what is in no figure, counter by counter."""
    lines = ["A part's MACs are half its FLOPs. Not counted: " + ", ".join(rows[0]["uncounted"])]
    if rows[0]["cross_check"]:
        lines.append("by fvcore: " + ", ".join(rows[0]["cross_check"]["uncounted"]))
    return "; ".join(lines)


def _seconds(row: Mapping[str, Any]) -> dict[str, str]:
    """Milliseconds of the parts that ran: the median, and from least to most."""
    cells = {"ms by part": _name(row)}
    for part, spread in row["latency_s"]["parts"].items():
        if spread["max"] > 0:
            low, middle, high = (1e3 * spread[key] for key in ("min", "median", "max"))
            cells[part.replace("_", " ")] = f"{middle:.1f} ({low:.1f}-{high:.1f})"
    return cells


def _spreads(rows: Sequence[Mapping[str, Any]]) -> str:
    runs = rows[0]["latency_s"]["runs"]
    return (
        f"Median (least to most) of {runs} runs after two others, the device waited for at both "
        "ends of every part; rest: resizing, tokens, copies."
    )


def _shares(row: Mapping[str, Any]) -> dict[str, str]:
    """How near the parts come to the device's peak."""
    cells = {"% of the measured peak": _name(row)}
    for part, placed in row["roofline"]["parts"].items():
        cells[part.replace("_", " ")] = f"{100 * placed['share_of_peak']:.1f}"
    return cells


def _roofline(rows: Sequence[Mapping[str, Any]]) -> str:
    """Name the ceilings, and where the time of the first row goes instead."""
    line = rows[0]["roofline"]
    side = line["matrix_side"]
    text = (
        f"Peak: {1e3 * line['peak_tflops_per_s']:.4g} GFLOPs/s in a product of two {side} x {side} "
        f"matrices; memory: {line['memory_gb_per_s']:.3g} GB/s."
    )
    for limit, means in (
        ("weights", "reading weights takes at least half the time"),
        ("small operations", "operators too small for the device, and what is not counted"),
    ):
        parts = [name for name, placed in line["parts"].items() if placed["limit"] == limit]
        if parts:
            text += f" {means[0].upper()}{means[1:]}: {', '.join(parts).replace('_', ' ')}."
    return text


def _caption(result: Mapping[str, Any]) -> str:
    lines = ["FLOPs are twice the MACs."]
    if result["threads"]:
        lines.append(
            f"Timed on {result['device']} in {result['dtype']}, {result['threads']} threads: "
            f"median of {result['rows'][0]['latency_s']['runs']} runs."
        )
    if any(row["paper"] for row in result["rows"]):
        lines.append("Paper: Sec. 5.4 and Figure 5, one A100 80GB.")
    if any(row["cross_check"] for row in result["rows"]):
        missed = ", ".join(result["rows"][0]["cross_check"]["not_traced"])
        lines.append(f"Not traced by fvcore: {missed}." if missed else "fvcore saw every part.")
    return " ".join(lines)


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['k']}, {row['decode']}"
