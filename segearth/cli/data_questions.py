"""`segearth data questions`: masks in, question-answer-mask triples out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segearth.cli import options, output
from segearth.errors import DataError, RecipeError, UsageError

if TYPE_CHECKING:
    from segearth.building.questions.run import QuestionSummary

_SHOWN = 5  # reasons for failures; the file has them all


def questions(
    masks: Annotated[
        Path, typer.Argument(metavar="MASKS", help="A targets.jsonl, kept.jsonl or masks.jsonl.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Folder to write.")],
    provider: Annotated[
        Literal["templates", "openai", "gemini"],
        typer.Option("--provider", help="Who writes; templates needs no model and no network."),
    ] = "templates",
    model: Annotated[
        str, typer.Option("--model", help="The provider's model. [gemini: gemini-2.5-pro]")
    ] = "",
    base_url: Annotated[
        str,
        typer.Option("--base-url", help="Address of a compatible server, e.g. vLLM's or llama's."),
    ] = "",
    per_image: Annotated[
        int, typer.Option("--per-image", "-n", help="Questions wanted an image.")
    ] = 6,
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same choices.")] = 0,
    reasoning: Annotated[
        Literal["both", "implicit", "explicit"],
        typer.Option("--reasoning", help="Whether questions name what they mean (models only)."),
    ] = "both",
    length: Annotated[
        Literal["both", "short", "long"],
        typer.Option("--length", help="Up to 12 words, or 15 to 40 (models only)."),
    ] = "both",
    categories: Annotated[
        Path | None,
        typer.Option("--categories", help="A category a line, for unnamed masks. [LaSeRS's 122]"),
    ] = None,
    source: Annotated[
        str, typer.Option("--source", help="Origin of images that do not say it.")
    ] = "",
    licence: Annotated[
        str, typer.Option("--licence", help="Licence of images that do not say it.")
    ] = "",
    temperature: Annotated[
        float, typer.Option("--temperature", help="Variety of the wording, 0 to 2.")
    ] = 1.0,
    concurrency: Annotated[int, typer.Option("--concurrency", help="Calls at a time.")] = 4,
    requests_per_minute: Annotated[
        float, typer.Option("--requests-per-minute", help="At most; 0 for no limit.")
    ] = 0.0,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Patience with a call.")
    ] = 120.0,
    attempts: Annotated[
        int, typer.Option("--attempts", help="Replies asked for until one keeps the rules.")
    ] = 3,
    tries: Annotated[int, typer.Option("--tries", help="Calls made until there is a reply.")] = 5,
    budget_usd: Annotated[
        float,
        typer.Option("--budget-usd", help="All calls of OUT together cost no more; 0: no limit."),
    ] = 0.0,
    usd_in: Annotated[
        float, typer.Option("--usd-per-mtok-in", help="Price of a million tokens sent.")
    ] = 0.0,
    usd_out: Annotated[
        float, typer.Option("--usd-per-mtok-out", help="Price of a million tokens received.")
    ] = 0.0,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Write questions about masks, with answers in which every target is marked.

    OUT receives questions.jsonl (a manifest), its images, and failures.jsonl with what could
    not be written; if there is any, the exit code is 3 and the rest is written all the same.
    Running again asks only for what is missing: replies are kept in OUT/calls.sqlite and
    nothing is paid twice. Keys come from the environment: OPENAI_API_KEY, GEMINI_API_KEY.

    Example: segearth data questions data/targets.jsonl -o questions --per-image 8
    """
    from segearth.building.questions.options import QuestionOptions
    from segearth.building.questions.run import run

    try:
        settings = QuestionOptions(
            provider=provider,
            model=model,
            base_url=base_url,
            per_image=per_image,
            seed=seed,
            reasoning=reasoning,
            length=length,
            categories=str(categories) if categories else "",
            source=source,
            licence=licence,
            temperature=temperature,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            timeout_s=timeout_s,
            attempts=attempts,
            tries=tries,
            budget_usd=budget_usd,
            usd_per_mtok_in=usd_in,
            usd_per_mtok_out=usd_out,
        )
    except RecipeError as error:
        flag = "--" + str(error.where).replace("_", "-").removesuffix("-s")
        raise UsageError(error.problem, where=flag, hint=error.hint) from error
    summary = run(masks, out, settings, overwrite=overwrite, track=_track)
    if as_json:
        output.print_json(_figures(summary, out))
    else:
        _show(summary, out)
    if summary.failures:
        raise typer.Exit(DataError.exit_code)


def _track(items: Iterable[object], word: str, total: int) -> Iterable[object]:
    return output.progress(items, word, total=total)


def _figures(summary: QuestionSummary, out: Path) -> dict[str, object]:
    reasons = Counter(failure.reason for failure in summary.failures)
    return {
        "manifest": str(out / "questions.jsonl"),
        "questions": summary.questions,
        "images": summary.images,
        "targets": summary.targets,
        "failures": len(summary.failures),
        "reasons": dict(reasons.most_common(_SHOWN)),
        "images_without": len(summary.without),
        "unnamed_masks": summary.unnamed,
        "cached": summary.cached,
        "calls": summary.calls,
        "input_tokens": summary.input_tokens,
        "output_tokens": summary.output_tokens,
        "usd": summary.usd,
    }


def _show(summary: QuestionSummary, out: Path) -> None:
    output.print_text(
        f"{summary.questions} questions, {summary.images} images, {summary.targets} targets: "
        f"{out / 'questions.jsonl'}"
    )
    if summary.calls:
        output.say(
            f"{summary.calls} calls so far, {summary.input_tokens} tokens in, "
            f"{summary.output_tokens} out, {summary.usd:.4f} USD; {summary.cached} replies reused"
        )
    if summary.without:
        output.say(f"{len(summary.without)} images give no question, see {out / 'failures.jsonl'}")
    if summary.unnamed:
        output.say(f"{summary.unnamed} masks have no name and stay aside: a model can name them")
    if summary.failures:
        reasons = Counter(failure.reason for failure in summary.failures).most_common(_SHOWN)
        output.warn(f"{len(summary.failures)} could not be written, see {out / 'failures.jsonl'}")
        for reason, count in reasons:
            output.say(f"  {count} times: {reason}")
