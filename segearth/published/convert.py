"""Turn the examples of a benchmark into a folder of manifests that passes `segearth data check`.

    DST/images/…              hard links to the published files where possible, else copies
    DST/train.jsonl, …        one manifest a split, with the splits' published names
    DST/left_out.jsonl        a line for everything that was left out or noted
    DST/report.json           what was found, left out and noted, in short; written last

Hard links take no space and survive the deletion of the source; they only work on the same
disk, and the report says how many images were linked and copied. Every row goes through the
very check of `segearth data check` before it is written. Only records that say the same as an
earlier one can be kept against it, because published scores count them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from segearth.data.answers import count_seg
from segearth.data.check import LONG_FROM_WORDS, RowChecker
from segearth.data.claim import check_folder, claim_folder
from segearth.data.images import bring_image, remove_image
from segearth.data.json_lines import Fault, fits_utf8
from segearth.data.manifest import Record, row_of, write_records
from segearth.errors import DataError, UsageError
from segearth.files import atomic_path, write_text
from segearth.published.catalogue import Benchmark
from segearth.published.examples import Example, Read
from segearth.published.expressions import Expressions
from segearth.published.report import LISTING, RESULT, Report

_EARLIER = ".earlier.json"  # the splits of an earlier conversion, until this one is done
Track = Callable[[Iterable[Example], str], Iterable[Example]]


def convert(
    benchmark: Benchmark,
    source: Path,
    splits: Mapping[str, Read],
    out: Path,
    *,
    assumed: Mapping[str, str] | None = None,
    keep_duplicates: bool = False,
    overwrite: bool = False,
    track: Track = lambda examples, _: examples,
) -> Report:
    """Write a folder of manifests.

    Args:
        benchmark: What is converted.
        source: The folder (or file) it is read from.
        splits: A reader a split; the names become those of the manifests.
        out: The folder to write; made if it does not exist.
        assumed: Facets that the benchmark does not state, and how their values come about.
        keep_duplicates: Keep records that say the same as an earlier one of their split; the
            report counts them, and `segearth data check` names them.
        overwrite: Replace an earlier conversion.
        track: Wraps the examples of a split, to show progress.

    Returns:
        The report, as it is written to ``report.json``.

    Raises:
        UsageError: `out` holds an earlier conversion, or shares a folder with `source`, or a
            split has the name of another file.
        DataError: No record came out (the report is written even so), or writing failed.
    """
    _refuse_taken_name(splits)
    earlier = _earlier_manifests(out)
    _claim(source, out, earlier, overwrite=overwrite)
    folder = out.resolve()
    report = Report(benchmark, source, assumed=dict(assumed or {}))
    images = _Images(folder)
    expressions = Expressions(report)
    with ExitStack() as together:  # all manifests and what was found, or none of them
        together.enter_context(report.listing(folder))
        for split, read in splits.items():
            report.begin(split)
            writer = _SplitWriter(
                folder, images, expressions, report, keep_duplicates=keep_duplicates
            )
            file = together.enter_context(atomic_path(folder / f"{split}.jsonl"))
            write_records(file, writer.records(track(read(report), split)))
        report.compare_counts()
    for split, counts in report.splits.items():
        if not counts.records:  # an empty manifest is of no use, and fails the check
            (folder / f"{split}.jsonl").unlink(missing_ok=True)
    report.images = images.finish()
    # Manifests of two benchmarks side by side would be taken for one. Not before this line:
    # a source that turns out to be damaged shall cost nothing.
    for name in earlier - set(splits):
        (folder / f"{name}.jsonl").unlink(missing_ok=True)
    (folder / _EARLIER).unlink(missing_ok=True)
    report.write(folder)
    if not any(counts.records for counts in report.splits.values()):
        reasons = ", ".join(f"{kind}: {found.count}" for kind, found in report.left_out.items())
        raise DataError(
            f"no record came out of {source} ({reasons or 'it lists no examples'})",
            where=str(out / RESULT),
            hint=f"{benchmark.title} should have: {benchmark.layout}",
        )
    return report


class _Images:
    """Puts images below the folder, each once for all splits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._how: dict[Path, str] = {}
        self._original: dict[Path, Path] = {}
        self._used: set[Path] = set()

    def put(self, original: Path, image: Path) -> bool:
        """Put an image at a relative path, unless it is there.

        Returns:
            False if another image is there already.
        """
        if image in self._how:
            return self._original[image] == original
        place = self._folder / image
        bring_image(original, place)
        linked = place.stat().st_ino == original.resolve().stat().st_ino
        self._how[image] = "linked" if linked else "copied"
        self._original[image] = original
        return True

    def use(self, image: Path) -> None:
        """Remember that a record needs an image."""
        self._used.add(image)

    def finish(self) -> dict[str, int]:
        """Take away the images of which no record came out; count how the others got there."""
        dropped = self._how.keys() - self._used
        for image in dropped:
            remove_image(self._folder / image)
        stems = {image.with_suffix("") for image in dropped}
        for image in self._used:
            if image.with_suffix("") in stems:  # it may have shared a world file
                bring_image(self._original[image], self._folder / image)
        ways = [self._how[image] for image in self._used]
        return {way: ways.count(way) for way in ("linked", "copied")}


class _SplitWriter:
    """Turns the examples of a split into records."""

    def __init__(
        self,
        folder: Path,
        images: _Images,
        expressions: Expressions,
        report: Report,
        *,
        keep_duplicates: bool,
    ) -> None:
        self._folder = folder
        self._images = images
        self._expressions = expressions
        self._report = report
        self._keep_duplicates = keep_duplicates
        self._checker = RowChecker(folder)
        self._seen: set[Path] = set()

    def records(self, examples: Iterable[Example]) -> Iterator[Record]:
        """Yield what holds; tell the report about the rest."""
        for example in examples:
            number = self._report.counts.records + 1  # its line in the manifest
            if not example.image.is_file():
                message = f"{example.image.name} does not exist"
                self._report.leave_out("image missing", example.id, message, example.place)
                continue
            record = self._record(example)
            if not self._images.put(example.image, record.image):
                message = f"another image is called {example.place}"
                self._report.leave_out("image name twice", example.id, message, example.place)
                continue
            row = row_of(record, self._folder)
            if not fits_utf8(row):
                message = "a text or name in it is no Unicode (half a character, or other bytes)"
                self._report.leave_out("no Unicode", example.id, message, example.place)
                continue
            faults = self._checker.find_faults(row, number)
            message = "; ".join(fault.message for fault in faults)
            if self._keep_duplicates and _is_copy(faults):
                self._report.counts.duplicates += 1
                self._report.note("duplicate kept", example.id, message, example.place)
                record = self._with_new_id(record, faults, number)
            elif faults:
                self._report.leave_out(faults[0].kind, example.id, message, example.place)
                self._checker.forget(number)
                continue
            self._expressions.note(record)
            self._count(record)
            yield record

    def _record(self, example: Example) -> Record:
        words = len(example.instruction.split())
        targets = count_seg(example.answer)
        return Record(
            id=example.id,
            image=Path("images") / example.place,
            instruction=example.instruction,
            answer=example.answer,
            masks=tuple(example.masks),
            facets={
                "granularity": example.granularity,
                "multiplicity": ("none", "single")[targets] if targets < 2 else "multiple",
                "reasoning": example.reasoning,
                "length": "long" if words >= LONG_FROM_WORDS else "short",
            },
            gsd_m=example.gsd_m,
            split=self._report.split,
            source=self._report.benchmark.title,
            licence=self._report.benchmark.licence,
            extra=dict(example.extra),
        )

    def _with_new_id(self, record: Record, faults: Sequence[Fault], number: int) -> Record:
        """Give a copy that has its id from the original, too, an id of its own."""
        copy, copies = record, 1
        while any(fault.kind == "duplicate id" for fault in faults):
            copies += 1
            copy = replace(record, id=f"{record.id} ({copies})")
            faults = self._checker.find_faults(row_of(copy, self._folder), number)
        return copy

    def _count(self, record: Record) -> None:
        counts = self._report.counts
        counts.records += 1
        counts.targets += len(record.masks)
        counts.absent += not record.masks
        self._images.use(record.image)
        self._seen.add(record.image)
        counts.images = len(self._seen)


def _is_copy(faults: Sequence[Fault]) -> bool:
    """Tell whether nothing is wrong with a record but that an earlier one says the same."""
    kinds = {fault.kind for fault in faults}
    return "duplicate record" in kinds and kinds <= {"duplicate record", "duplicate id"}


def _refuse_taken_name(splits: Mapping[str, Read]) -> None:
    if Path(LISTING).stem in splits:
        raise UsageError(
            f"{LISTING} would be a manifest and the list of what was left out",
            where="SRC",
            hint="rename the file that the split is named after",
        )


def _claim(source: Path, out: Path, earlier: set[str], *, overwrite: bool) -> None:
    """Make the folder, unless that would harm what is there."""
    here, there = out.resolve(), source.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise UsageError(
            f"{out} and {source} lie in each other: files could overwrite themselves",
            where="-o",
            hint="write to a folder beside the source",
        )
    check_folder(out, RESULT, overwrite=overwrite)
    if earlier:  # to be known after a conversion that fails, too
        write_text(out / _EARLIER, json.dumps({"splits": sorted(earlier)}) + "\n")
    claim_folder(out, RESULT, overwrite=overwrite)


def _earlier_manifests(out: Path) -> set[str]:
    """Return the splits that earlier conversions, the last of them finished or not, wrote."""
    found: set[str] = set()
    for name in (RESULT, _EARLIER):
        try:
            splits = json.loads((out / name).read_text(encoding="utf-8"))["splits"]
            found |= {split for split in splits if re.fullmatch(r"[\w-]+", split)}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
