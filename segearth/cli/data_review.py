"""`segearth data review`: look at every record, decide, correct, and keep what is good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segearth.cli import options, output
from segearth.errors import UsageError

if TYPE_CHECKING:
    from segearth.building.review.outcome import Outcome
    from segearth.data.manifest import Record

LABEL_STUDIO, COCO = "label-studio", "coco"


def review(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The .jsonl file.")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT", help="Folder for the decisions."),
    ],
    reviewer: Annotated[
        str, typer.Option("--reviewer", metavar="NAME", help="Who reviews; else the page asks.")
    ] = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of the page; 0 takes a free one.")
    ] = 8710,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on. Anything but this machine's own gets a secret link.",
        ),
    ] = "127.0.0.1",
    second_look: Annotated[
        float,
        typer.Option(
            "--second-look",
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of the records that a second reviewer sees, too, without knowing it.",
        ),
    ] = 0.1,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only print the figures, with the agreement.")
    ] = False,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Only write accepted records to OUT/manifest.jsonl."),
    ] = False,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--export",
            metavar="FORMAT FILE",
            help="Only write FILE: label-studio (all records), or coco (accepted ones).",
        ),
    ] = None,
    read: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--import",
            metavar="FORMAT FILE",
            help="Only take decisions from FILE: a JSON export of label-studio, or what "
            "--export coco wrote, with masks corrected or deleted elsewhere.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Review records on a local page; every decision is in OUT/decisions.jsonl at once.

    A record is accepted only if objects, places and logic, masks and grammar are all right
    (the paper's rubric); texts and masks can be put right on the page. Uncertain records come
    first: those reviewers disagree on, then low "score" or "confidence" in the manifest.

    Example: segearth data review scenes/manifest.jsonl --out reviewed --reviewer ana
    """
    from segearth.data.manifest import read_manifest

    chosen = [summary, apply, export is not None, read is not None]
    if sum(chosen) > 1:
        raise UsageError(
            "--summary, --apply, --export and --import exclude each other",
            hint="run them one after the other",
        )
    records = read_manifest(manifest)
    if summary:
        _summarize(records, out, second_look, as_json)
    elif apply:
        _apply(records, manifest, out, overwrite, as_json)
    elif export:
        _export(records, manifest, out, *export, overwrite, as_json)
    elif read:
        _import(records, out, *read, reviewer, as_json)
    else:
        _serve(records, out, reviewer, host, port, second_look, as_json)


def _serve(
    records: list[Record],
    out: Path,
    reviewer: str,
    host: str,
    port: int,
    second_look: float,
    as_json: bool,
) -> None:
    """Show the page until Ctrl-C."""
    import sys

    from segearth.building.review.decisions import check_name
    from segearth.building.review.log import open_log
    from segearth.building.review.server import serve
    from segearth.building.review.session import Review

    if reviewer:
        check_name(reviewer)
    with open_log(out) as log:
        _tell_torn(log.torn_bytes)
        session = Review(records, log, second_look=second_look)
        if session.stale:
            output.warn(f"{session.stale} decisions are on records that are gone or have changed")
        with serve(session, host=host, port=port, reviewer=reviewer) as served:
            if as_json:
                output.print_json({"url": served.url, "decisions": str(log.path)})
            else:
                output.print_text(served.url)
            sys.stdout.flush()  # whoever reads the link from a pipe cannot wait for the end
            output.say("open the link in a browser; Ctrl-C stops, nothing is lost")
            served.run()
        output.say(f"stopped; the decisions are in {log.path}")


def _summarize(records: list[Record], out: Path, second_look: float, as_json: bool) -> None:
    from segearth.building.review.summary import summarize

    results, stale = _outcomes(records, out)
    figures = summarize(results, second_look=second_look, stale=stale)
    if as_json:
        output.print_json(figures)
        return
    states = ("records", "accepted", "rejected", "disputed", "open", "corrected")
    output.print_table(states, [[figures[name] for name in states]])
    if stale:
        output.warn(f"{stale} decisions are on records that are gone or have changed")
    looked = figures["second_look"]
    output.print_text(f"second look: {looked['done']} of {looked['records']} records")
    columns = ("decisions", "accepted", "rejected", "corrected")
    points = [name for name in figures["agreement"] if name not in ("verdict", "pairs")]
    output.print_table(
        ("reviewer", *columns, *(f"{name} wrong" for name in points), "median, s"),
        [
            (
                name,
                *(row[column] for column in columns),
                *(row["wrong"][point] for point in points),
                row["median_seconds"],
            )
            for name, row in figures["reviewers"].items()
        ],
    )
    agreement = dict(figures["agreement"])
    pairs = agreement.pop("pairs")
    rows = [(f"all, {name} (Fleiss)", row) for name, row in agreement.items()]
    rows += [(f"{' and '.join(row['reviewers'])} (Cohen)", row) for row in pairs]
    output.print_table(
        ("agreement", "records", "same, 0 to 1", "kappa"),
        [(name, row["records"], row["observed"], row["kappa"]) for name, row in rows],
    )


def _apply(
    records: list[Record], manifest: Path, out: Path, overwrite: bool, as_json: bool
) -> None:
    from segearth.building.review.apply import NAME, write_accepted

    results, _ = _outcomes(records, out)
    written = write_accepted(
        results,
        manifest,
        out,
        overwrite=overwrite,
        track=lambda images: output.progress(images, "linking images"),
    )
    left = sum(one.state in ("open", "disputed") for one in results)
    _report({"manifest": str(out / NAME), "records": written, "undecided": left}, as_json)


def _export(
    records: list[Record],
    manifest: Path,
    out: Path,
    kind: str,
    file: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    from segearth.building.review.coco import write_coco
    from segearth.building.review.label_studio import write_tasks

    writers: dict[str, Callable[..., int]] = {LABEL_STUDIO: write_tasks, COCO: write_coco}
    if kind not in writers:
        raise _unknown(kind, "--export", list(writers))
    if file.exists() and not overwrite:
        raise UsageError(f"{file} exists", where="--export", hint="pass --overwrite to replace it")
    results, _ = _outcomes(records, out)
    written = writers[kind](file, results, manifest.parent)
    what = "tasks" if kind == LABEL_STUDIO else "annotations"
    _report({"file": str(file), what: written}, as_json)


def _import(
    records: list[Record], out: Path, kind: str, file: Path, reviewer: str, as_json: bool
) -> None:
    from segearth.building.review.coco_back import read_coco
    from segearth.building.review.label_studio import read_tasks
    from segearth.building.review.log import open_log
    from segearth.building.review.outcome import outcomes
    from segearth.building.review.session import utc_now

    now = utc_now().isoformat(timespec="milliseconds")
    if kind == LABEL_STUDIO:
        decisions = read_tasks(file, records, now)
    elif kind == COCO:
        decisions = read_coco(file, records, now, reviewer or COCO)
    else:
        raise _unknown(kind, "--import", [LABEL_STUDIO, COCO])
    with open_log(out) as log:
        _tell_torn(log.torn_bytes)
        said = {one.record.id: one.decisions for one in outcomes(records, log.events)[0]}
        new = [one for one in decisions if not _repeats(one, said[one.id].get(one.reviewer))]
        log.append(list(new))
    _report({"decisions": str(log.path), "read": len(decisions), "new": len(new)}, as_json)


def _repeats(decision: Any, before: Any) -> bool:
    """Tell whether a decision says what already stands, whenever it was said."""
    if before is None:
        return False
    said = [one.to_row() | {"at": None, "seconds": None} for one in (decision, before)]
    return bool(said[0] == said[1])


def _outcomes(records: list[Record], out: Path) -> tuple[list[Outcome], int]:
    """Read the log as it is, also while somebody reviews."""
    from segearth.building.review.log import NAME, read_log
    from segearth.building.review.outcome import outcomes

    events, torn_bytes = read_log(out / NAME)
    if torn_bytes:
        output.warn(f"the last line of {NAME} is torn ({torn_bytes} bytes) and does not count")
    return outcomes(records, events)


def _tell_torn(torn_bytes: int) -> None:
    if torn_bytes:
        output.warn(
            f"the last line of the decisions was torn ({torn_bytes} bytes), as after a kill or a "
            "power cut, and is dropped; nobody had been told that it was kept"
        )


def _unknown(kind: str, option: str, known: list[str]) -> UsageError:
    return UsageError(f"{kind!r} is no format", where=option, hint=f"choose {' or '.join(known)}")


def _report(result: dict[str, object], as_json: bool) -> None:
    if as_json:
        output.print_json(result)
    else:
        output.print_text(", ".join(f"{name}: {value}" for name, value in result.items()))
