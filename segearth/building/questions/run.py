"""Stage 3 of the paper's pipeline: masks in, a manifest of question-answer-mask triples out.

    OUT/questions.jsonl     the manifest
    OUT/images/…            the images that it is about, hard links where possible
    OUT/failures.jsonl      what could not be written, and why
    OUT/calls.sqlite        replies and costs, for providers that are called
    OUT/questions.json      what was asked for, and the figures of the last run

`questions.json` is written last. Running again replays what is in `calls.sqlite` and asks only
for what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from segearth.building.questions.cache import Cache
from segearth.building.questions.ledger import Ledger, Prices
from segearth.building.questions.models import Track, write_with_model
from segearth.building.questions.options import QuestionOptions
from segearth.building.questions.prompts_categories import LASERS_CATEGORIES
from segearth.building.questions.provider import ModelSettings, open_provider
from segearth.building.questions.provider_calls import Caller, Limits
from segearth.building.questions.records import (
    Failure,
    Origin,
    refuse_shared_places,
    take_images,
    write_failures,
)
from segearth.building.questions.store import Store
from segearth.building.questions.subjects import Subject, read_subjects
from segearth.building.questions.templates import NOTHING_TO_ASK, write_with_templates
from segearth.building.questions.texts import fault_of_name
from segearth.data.manifest import Record, write_manifest
from segearth.errors import DataError, UsageError
from segearth.files import locked_folder, write_text
from segearth.geo.raster import open_scene

RESULT = "questions.jsonl"
_STATE = "questions.json"
# What decides which questions there are; the rest is how hard one tries, and what it costs.
_DECIDES = (
    *("provider", "model", "base_url", "per_image", "seed", "reasoning", "length", "categories"),
    *("source", "licence", "side_px", "temperature"),
)


@dataclass(frozen=True, kw_only=True)
class QuestionSummary:
    """Figures of a run."""

    questions: int
    images: int
    """With at least one question."""
    targets: int
    failures: tuple[Failure, ...]
    without: tuple[Failure, ...]
    """Images of which templates can ask nothing: no failure, but listed beside them."""
    unnamed: int
    """Masks that nobody has named, the model included: nothing was asked about them."""
    cached: int
    """Replies taken from earlier runs."""
    calls: int
    """Made in this folder so far, this run included; so are tokens and cost."""
    input_tokens: int
    output_tokens: int
    usd: float


def silent(items: Iterable[object], word: str, total: int) -> Iterable[object]:
    """Show no progress."""
    return items


def run(
    source: Path,
    out: Path,
    options: QuestionOptions,
    *,
    overwrite: bool = False,
    track: Track = silent,
) -> QuestionSummary:
    """Write questions about the masks of `source`.

    Args:
        source: A `targets.jsonl`, `kept.jsonl` or `masks.jsonl`.
        out: The folder to write; made if it does not exist.
        options: What to ask, and how.
        overwrite: Replace questions that were asked for with other settings.
        track: Shows progress.

    Returns:
        The figures. Failures are listed there and in `failures.jsonl`; the rest is written.

    Raises:
        UsageError: `out` holds questions of other settings, or lies where the images are; a
            package or a key is missing; the provider refuses the key or the model.
        DataError: `source` or `categories` cannot be used, or `out` cannot be written.
    """
    subjects = read_subjects(source)
    refuse_shared_places(subject.name for subject in subjects)
    categories = read_categories(options.categories)
    if out.resolve() == source.parent.resolve():
        raise UsageError(
            f"{out} is the folder that {source.name} lies in",
            where="-o",
            hint="write to a folder of its own",
        )
    wanted = _wanted(source, options)
    _refuse_others(out, wanted, overwrite=overwrite)
    with locked_folder(out):
        usable, failures = _with_right_sizes(subjects)
        if options.provider == "templates":
            records, more = write_with_templates(
                _tracked(usable, track), options.per_image, options.seed, _origin(options)
            )
            more, without = _apart(more)
            unnamed = sum(r.category is None for subject in usable for r in subject.regions)
            cached, totals = 0, dict.fromkeys(("calls", "input_tokens", "output_tokens"), 0)
            usd = 0.0
        else:
            without = []
            with closing(Store(out / "calls.sqlite")) as store:
                ledger = _ledger(store, options)
                caller = _caller(store, ledger, options)
                records, more = write_with_model(
                    usable, options, categories, caller, _origin(options), track
                )
                if caller.fatal and not records:
                    raise UsageError(
                        f"the provider refuses: {caller.stopped}",
                        where=f"--provider {options.provider} --model {options.model_name()}",
                        hint="check the key in the environment, the model's name and --base-url",
                    )
                figures = ledger.totals()
            unnamed = sum(failure.kind == "naming" for failure in more)
            cached, usd = caller.cached, float(figures.pop("usd"))
            totals = {name: int(value) for name, value in figures.items()}
        failures += more
        summary = QuestionSummary(
            questions=len(records),
            images=len({record.image for record in records}),
            targets=sum(len(record.masks) for record in records),
            failures=tuple(failures),
            without=tuple(without),
            unnamed=unnamed,
            cached=cached,
            usd=usd,
            **totals,
        )
        _write(out, usable, records, summary, wanted)
    return summary


def read_categories(path: str) -> tuple[str, ...]:
    """Read a category a line; LaSeRS's 122 without a file.

    Raises:
        DataError: The file cannot be read, names nothing, or holds what is no name.
    """
    if not path:
        return LASERS_CATEGORIES
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the categories cannot be read: {error}", where=path) from error
    names = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not names:
        raise DataError("the file names no category", where=path, hint="write one a line")
    for fault in filter(None, map(fault_of_name, names)):
        raise DataError(fault, where=path, hint="write a plain name a line")
    return names


def _with_right_sizes(subjects: Sequence[Subject]) -> tuple[list[Subject], list[Failure]]:
    """Keep the images that can be opened and whose masks have their size."""
    usable, failures = [], []
    for subject in subjects:
        try:
            with open_scene(str(subject.image)) as scene:
                size = [scene.height, scene.width]
        except DataError as error:
            reason = error.problem
        else:
            odd = [r.mask["size"] for r in subject.regions if r.mask["size"] != size]
            if not odd:
                usable.append(subject)
                continue
            reason = f"a mask has the size {odd[0]}, the image {size} (height, width)"
        failures.append(Failure(id=subject.name, image=subject.name, kind="image", reason=reason))
    return usable, failures


def _apart(failures: Sequence[Failure]) -> tuple[list[Failure], list[Failure]]:
    """Separate what failed from what merely gives no question."""
    without = [failure for failure in failures if failure.kind == NOTHING_TO_ASK]
    return [failure for failure in failures if failure.kind != NOTHING_TO_ASK], without


def _tracked(subjects: Sequence[Subject], track: Track) -> Iterable[Subject]:
    for subject in track(subjects, "asking", len(subjects)):
        assert isinstance(subject, Subject)
        yield subject


def _ledger(store: Store, options: QuestionOptions) -> Ledger:
    prices = Prices(input_usd=options.usd_per_mtok_in, output_usd=options.usd_per_mtok_out)
    return Ledger(store, prices, options.budget_usd or None)


def _caller(store: Store, ledger: Ledger, options: QuestionOptions) -> Caller:
    settings = ModelSettings(
        model=options.model_name(),
        base_url=options.base_url,
        temperature=options.temperature,
        timeout_s=options.timeout_s,
        most_output_tokens=options.most_output_tokens,
    )
    limits = Limits(
        attempts=options.attempts,
        tries=options.tries,
        first_pause_s=options.first_pause_s,
        requests_per_minute=options.requests_per_minute,
        most_output_tokens=options.most_output_tokens,
        timeout_s=options.timeout_s,
    )
    return Caller(open_provider(options.provider, settings), Cache(store), ledger, limits)


def _origin(options: QuestionOptions) -> Origin:
    return Origin(
        provider=options.provider,
        model="" if options.provider == "templates" else options.model_name(),
        source=options.source,
        licence=options.licence,
    )


def _wanted(source: Path, options: QuestionOptions) -> dict[str, object]:
    values = asdict(options)
    return {"masks": str(source.resolve()), **{name: values[name] for name in _DECIDES}}


def _refuse_others(out: Path, wanted: dict[str, object], *, overwrite: bool) -> None:
    """Complain of questions that were asked for differently."""
    if overwrite or not (out / RESULT).exists():
        return
    try:
        earlier = json.loads((out / _STATE).read_text(encoding="utf-8"))["wanted"]
        differing = [name for name in wanted if earlier.get(name) != wanted[name]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        differing = ["how they were asked for is not known"]
    if differing:
        raise UsageError(
            f"{out} already holds other questions (different: {', '.join(differing)})",
            where=str(out),
            hint="pass --overwrite to replace them, or name another folder",
        )


def _write(
    out: Path,
    subjects: Sequence[Subject],
    records: Sequence[Record],
    summary: QuestionSummary,
    wanted: dict[str, object],
) -> None:
    take_images(subjects, records, out)
    write_failures(out / "failures.jsonl", (*summary.failures, *summary.without))
    write_manifest(out / RESULT, records)
    figures = asdict(summary)
    figures |= {name: len(figures[name]) for name in ("failures", "without")}
    state = {"wanted": wanted, "figures": figures}
    write_text(out / _STATE, json.dumps(state, ensure_ascii=False, indent=2) + "\n")
