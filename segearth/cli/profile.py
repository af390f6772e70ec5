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
RUNS = 5

FLOPS_PER_MAC = 2  # `segearth.profiling.counting` has it, too, and loads torch
_PER_TERA = {"T": 1, "G": 1e3}

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
        int | None,
        typer.Option(
            "--runs",
            min=1,
            metavar="R",
            help="Timed runs a row, after two others. [5]",
            show_default=False,
        ),
    ] = None,
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
    if model == PAPER_MODEL:
        refuse_timing(device=device, dtype=dtype, runs=runs)
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
    report.require_room(subject, ks)
    rows = report.profile_rows(subject, ks, decodes, runs=runs or RUNS, cross_check=cross_check)
    tracked = output.progress(rows, "profile", total=len(ks) * len(decodes))
    result = report.report(subject, list(tracked))
    if plot is not None:
        figure5.draw_figure_5(plot, result, report.FIGURE_5)
        output.say(f"drawn: {plot}")
    if as_json:
        output.print_json(result)
    else:
        _show(result)


def refuse_timing(*, device: str, dtype: str, runs: int | None) -> None:
    """Refuse options of a timing for the model that has sizes and no weights.

    Raises:
        UsageError: Names the option.
    """
    for flag, asked in (
        ("--device", device != "auto"),
        ("--dtype", dtype != "auto"),
        ("--runs", runs),
    ):
        if asked:
            raise UsageError(
                f"{PAPER_MODEL} has no weights here: it is counted and not timed",
                where=flag,
                hint="leave it out, or profile a model folder or mini",
            )


def _show(result: Mapping[str, Any]) -> None:
    """Print one table: for the whole and then for each part, a line a k and way of decoding."""
    rows: Sequence[Mapping[str, Any]] = result["rows"]
    way = {"teacher-forced": "answer given, one pass", "generate": "answer token by token"}
    unit = "T" if max(row["tflops"] for row in rows) >= 0.5 else "G"
    lines = [_total(row, unit) for row in rows]
    for part in rows[0]["parts"]:
        lines += _part(part, rows, unit)
    lines += [_rest(row) for row in rows if row["latency_s"]]
    lines += [_further(row, unit) for row in rows]
    heads = list(dict.fromkeys(head for line in lines for head in line))
    output.print_table(
        heads,
        [[line.get(head) for head in heads] for line in lines],
        title=(
            f"{result['model']}, {way[result['protocol']]}: one picture of "
            f"{result['image_size']} px and one target; {result['image_tokens']} image and "
            f"{result['text_tokens']} text tokens, {result['answer_tokens']} of these the answer"
        ),
        caption=_caption(result),
    )


def _total(row: Mapping[str, Any], unit: str) -> dict[str, str]:
    """The line of the whole."""
    cells = {"part": "all", **_name(row), **_costs(row["tflops"], row["tmacs"], unit)}
    if row["latency_s"]:
        cells |= _milliseconds(row["latency_s"])
        cells["% of peak"] = f"{100 * row['roofline']['share_of_peak']:.1f}"
    if row["peak_bytes"]:
        cells["peak, MB"] = f"{row['peak_bytes'] / 1e6:.0f}"
    if row["cross_check"]:
        cells["fvcore differs by"] = f"{100 * abs(row['cross_check']['difference']):.3f} %"
    if row["paper"]:
        cells["paper: TFLOPs"] = str(row["paper"]["tflops"])
        cells["paper: ms"] = f"{1e3 * row['paper']['latency_s']:.0f}"
    return cells


def _part(part: str, rows: Sequence[Mapping[str, Any]], unit: str) -> list[dict[str, str]]:
    """The lines of a part; one for all rows where it costs the same and nothing was timed."""
    costs = {row["parts"][part] for row in rows}
    if costs == {0}:
        return []
    named = {"part": part.replace("_", " ")}
    first = _costs(rows[0]["parts"][part], rows[0]["parts_tmacs"][part], unit)
    if len(costs) == 1 and len(rows) > 1 and not rows[0]["latency_s"]:
        return [{**named, "k": "any", "decoding": "either", **first}]
    lines = []
    for row in rows:
        cells = _costs(row["parts"][part], row["parts_tmacs"][part], unit)
        if row["latency_s"] and row["latency_s"]["parts"][part]["max"] > 0:
            cells |= _milliseconds(row["latency_s"]["parts"][part])
            if part in row["parts_peak_bytes"]:
                cells["peak, MB"] = f"{row['parts_peak_bytes'][part] / 1e6:.0f}"
            placed = row["roofline"]["parts"].get(part)
            if placed:
                cells["% of peak"] = f"{100 * placed['share_of_peak']:.1f}"
                cells["time goes to"] = placed["limit"]
        lines.append({**named, **_name(row), **cells})
    return lines


def _rest(row: Mapping[str, Any]) -> dict[str, str]:
    """The line of what is timed and in no part."""
    return {"part": "rest", **_name(row), **_milliseconds(row["latency_s"]["parts"]["rest"])}


def _further(row: Mapping[str, Any], unit: str) -> dict[str, str]:
    """The line of another question about the same picture."""
    further = row["further_question"]
    cells = _costs(further["tflops"], further["tflops"] / FLOPS_PER_MAC, unit)
    if further["latency_s"]:
        cells |= _milliseconds(further["latency_s"])
    return {"part": "a further question", **_name(row), **cells}


def _name(row: Mapping[str, Any]) -> dict[str, str]:
    return {"k": str(row["k"]), "decoding": row["decode"]}


def _costs(tflops: float, tmacs: float, unit: str) -> dict[str, str]:
    return {
        f"{unit}{name}": _short(_PER_TERA[unit] * value)
        for name, value in (("FLOPs", tflops), ("MACs", tmacs))
    }


def _short(value: float) -> str:
    return "<0.0001" if 0 < value < 1e-4 else f"{value:.4g}"


def _milliseconds(spread: Mapping[str, float]) -> dict[str, str]:
    low, middle, high = (1e3 * spread[key] for key in ("min", "median", "max"))
    return {"ms, median": f"{middle:.1f}", "min to max": f"{low:.1f} to {high:.1f}"}


def _roofline(line: Mapping[str, Any]) -> str:
    """Name the ceilings, and say what the last column means."""
    side = line["matrix_side"]
    return (
        f"Peak: {1e3 * line['peak_tflops_per_s']:.4g} GFLOPs/s in a product of two {side} x {side} "
        f"matrices; memory: {line['memory_gb_per_s']:.3g} GB/s. Time goes to: compute, if at least "
        "half of it is arithmetic at the peak; weights, if at least half of it is reading them; "
        "neither: to what has no ceiling here, that is small operators, scattered reads, and "
        "moving and allocating maps."
    )


def _caption(result: Mapping[str, Any]) -> str:
    rows = result["rows"]
    lines = ["FLOPs are twice the MACs.", f"Not counted: {', '.join(rows[0]['uncounted'])}."]
    if rows[0]["latency_s"]:
        lines.append(
            f"Timed on {result['device']} in {result['dtype']}, {result['threads']} threads: "
            f"{rows[0]['latency_s']['runs']} runs after two others, the device waited for at both "
            "ends of every part; rest: resizing, tokens, copies. Peak, MB: most memory in use "
            "while a part ran, all that was loaded and made before it included."
        )
        lines.append(_roofline(rows[0]["roofline"]))
    if any(row["paper"] for row in rows):
        lines.append("Paper: Sec. 5.4 and Figure 5, one A100 80GB.")
    if rows[0]["cross_check"]:
        missed = ", ".join(rows[0]["cross_check"]["not_traced"])
        lines.append(f"Not traced by fvcore: {missed}." if missed else "fvcore saw every part.")
        lines.append(f"Not counted by fvcore: {', '.join(rows[0]['cross_check']['uncounted'])}.")
    return " ".join(lines)
