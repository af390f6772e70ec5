"""`segearth eval`: measure a model, or a file of predictions, against a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from segearth.cli import options, output
from segearth.cli.origin import made_by
from segearth.errors import DataError, UsageError

if TYPE_CHECKING:
    from segearth.data.manifest import Record
    from segearth.evaluation.candidates import CandidateStudy
    from segearth.evaluation.evaluate import Evaluation

MetricName = Literal["lisa", "strict", "rmsin"]
ProtocolName = Literal["generate", "teacher-forced"]


def evaluate(
    data: Annotated[
        Path, typer.Option("--data", metavar="MANIFEST", help="The questions and what is right.")
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, or 'mini'; with --predictions only a name for the report.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        ProtocolName,
        typer.Option("--protocol", help="Let the model answer, or give it the true answers."),
    ] = "generate",
    metric: Annotated[
        MetricName,
        typer.Option("--metric", help="lisa compares with published tables; strict is harder."),
    ] = "lisa",
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help="Score a predictions.jsonl instead of running a model.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="Folder for samples.jsonl, report.html and more."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only the first N records.")
    ] = None,
    facet: Annotated[
        list[str] | None,
        typer.Option(
            "--facet", metavar="NAME=VALUE", help="Only records with this facet. May be repeated."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TEXT", help="Only records whose source holds TEXT."),
    ] = None,
    save_candidates: Annotated[
        bool,
        typer.Option(
            "--save-candidates",
            help="For k > 1: draw all candidates to OUT, and score the best beside the selected.",
        ),
    ] = False,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure how well answers and masks fit a manifest."""
    from segearth.data.claim import check_folder, claim_folder
    from segearth.data.manifest import read_manifest
    from segearth.evaluation import candidates
    from segearth.evaluation import evaluate as evaluation
    from segearth.evaluation.selection import parse_facets, select_records
    from segearth.files import sha256_of

    facets = parse_facets(facet or ())
    if model is None and predictions is None:
        raise UsageError(
            "there is nothing to evaluate",
            where="MODEL",
            hint="name a model, such as mini, or give a file with --predictions",
        )
    if save_candidates and (out is None or predictions is not None):
        raise UsageError(
            "candidates come from a model that is run, and go into a folder",
            where="--save-candidates",
            hint="name MODEL and --out, and leave out --predictions",
        )
    everything = read_manifest(data)
    if not everything:
        raise DataError("the manifest is empty", where=str(data))
    records = select_records(everything, facets=facets, source=source, limit=limit)
    if out is not None:
        check_folder(out, evaluation.RESULT, overwrite=overwrite)

    common: dict[str, Any] = {
        "protocol": protocol,
        "metric": metric,
        "manifest_sha256": sha256_of(data),
    }
    with ExitStack() as stack:
        study = None
        if predictions is not None:
            outcome = _score_file(predictions, everything, records, model, common)
        else:
            assert model is not None
            sheets = None
            if save_candidates and out is not None:
                sheets = stack.enter_context(candidates.staged_sheets(out))
            outcome, study = _run(model, device, dtype, records, common, sheets)
        if outcome.missing:
            shown = ", ".join(outcome.missing[:3])
            output.warn(
                f"{len(outcome.missing)} records have no reply and score 0, such as {shown}"
            )
        if out is not None:
            about = _about(data, predictions, facets, source, limit)
            claim_folder(out, evaluation.RESULT, overwrite=overwrite)
            candidates.drop_earlier(out)
            if study is not None:
                study.finish(out)
            evaluation.write_evaluation(out, outcome, about)
    _show(outcome.result, out, as_json=as_json)


def _run(
    model: str,
    device: options.DeviceName,
    dtype: options.DtypeName,
    records: Sequence[Record],
    common: Mapping[str, Any],
    sheets: Path | None,
) -> tuple[Evaluation, CandidateStudy | None]:
    """Load a model and let it answer; with a folder for sheets, study its candidates."""
    from segearth.evaluation.candidates import CandidateStudy
    from segearth.evaluation.evaluate import evaluate_model
    from segearth.model.segmenter import Segmenter

    segmenter = Segmenter.load(model, device=device, dtype=dtype)
    if sheets is not None and segmenter.recipe.queries == 1:
        raise UsageError(
            f"{model} has one query a target: there is nothing to choose",
            where="--save-candidates",
            hint="leave it out, or train with model.queries_per_target above 1",
        )
    study = None if sheets is None else CandidateStudy(metric=common["metric"], folder=sheets)
    outcome = evaluate_model(
        segmenter,
        records,
        study=study,
        track=lambda groups: output.progress(groups, "images"),
        **common,
    )
    return outcome, study


def _score_file(
    path: Path,
    everything: Sequence[Record],
    records: Sequence[Record],
    model: str | None,
    common: Mapping[str, Any],
) -> Evaluation:
    """Read predictions and score them."""
    from segearth.evaluation.evaluate import evaluate as score
    from segearth.evaluation.evaluate import match_predictions
    from segearth.evaluation.predictions import read_predictions

    replies = read_predictions(path, {record.id for record in everything})
    matched = match_predictions(output.progress(records, "records"), replies)
    return score(records, matched, model=model or path.name, **common)


def _about(
    data: Path,
    predictions: Path | None,
    facets: Mapping[str, str],
    source: str | None,
    limit: int | None,
) -> dict[str, object]:
    """Gather what would be needed to do it again."""
    chosen = {**facets, "source": source, "limit": limit}
    return {
        **made_by(),
        "manifest": str(data),
        "predictions": None if predictions is None else str(predictions),
        "only": {name: value for name, value in chosen.items() if value is not None},
    }


def _show(result: Mapping[str, Any], out: Path | None, *, as_json: bool) -> None:
    """Print the result as JSON or as a table."""
    if as_json:
        output.print_json(result)
        return
    sizes = {f"size: {name}": figures for name, figures in result["by_size"].items()}
    figures = {"all": result, **_flat(result["by_facet"]), **sizes}
    rows = [
        (
            name,
            _percent(row["giou"]),
            _interval(row["giou_ci95"]),
            _percent(row["ciou"]),
            row["n"],
        )
        for name, row in figures.items()
    ]
    caption = f"{result['records']} records, {result['targets']} targets"
    for bound, share in result.get("precision", {}).items():
        caption += f", P@{bound} {_percent(share)}"
    if result["count_accuracy"] is not None:
        caption += f"; right number of targets {_percent(result['count_accuracy'])} %"
    if result["absent_accuracy"] is not None:
        caption += f"; absent targets noticed {_percent(result['absent_accuracy'])} %"
    if "selection" in result:
        caption += "; " + _choice(result)
    output.print_table(
        ("x 100", "gIoU", "95 % interval", "cIoU", "n"),
        rows,
        title=f"{result['model']}, metric {result['metric']}, protocol {result['protocol']}",
        caption=caption,
    )
    if out is not None:
        output.say(f"details: {out / 'report.html'}")


def _choice(result: Mapping[str, Any]) -> str:
    """Say what a perfect choice among the candidates would score."""
    selection = result["selection"]
    text = f"best of the candidates: gIoU {_percent(result['oracle_giou'])}"
    if selection["worse"] is None:
        return text
    return (
        f"{text}; the selected one is worse for {_percent(selection['worse'])} % of "
        f"{selection['targets']} targets, by {_percent(selection['mean_loss'])} on average over all"
    )


def _flat(facets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name every facet value in one go."""
    return {
        f"{name}: {value}": figures
        for name, values in facets.items()
        for value, figures in values.items()
    }


def _percent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}"


def _interval(ends: Sequence[float] | None) -> str:
    return "-" if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"
