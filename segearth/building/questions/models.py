"""Write questions with a vision-language model: name what has no name, then ask about it.

The two steps of the paper's Sec. 7.4. Calls run in several threads; the results keep the order
of the images, whatever order the replies come in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segearth.building.questions.options import QuestionOptions
from segearth.building.questions.prompts_contours import draw_contours, read_small
from segearth.building.questions.prompts_naming import UNSURE, naming_prompt, read_name
from segearth.building.questions.prompts_questions import several_prompt, single_prompt
from segearth.building.questions.provider_calls import Caller, Unanswered
from segearth.building.questions.records import Failure, Origin, record_of
from segearth.building.questions.rules import Pair, check_pair, read_pair
from segearth.building.questions.subjects import Region, Subject, granularity_of
from segearth.building.questions.tasks import Task, plan_tasks
from segearth.data.manifest import Record
from segearth.data.rle import decode_mask
from segearth.data.vocabulary import singular
from segearth.errors import DataError

S = TypeVar("S")
T = TypeVar("T")
Track = Callable[[Iterable[object], str, int], Iterable[object]]
"""Wraps what is gone through, with a word about it and its number, to show progress."""


def write_with_model(
    subjects: Sequence[Subject],
    options: QuestionOptions,
    categories: Sequence[str],
    caller: Caller,
    origin: Origin,
    track: Track,
) -> tuple[list[Record], list[Failure]]:
    """Name the unnamed masks and write the questions.

    Args:
        subjects: Images whose masks have the images' own sizes.
        options: Number, styles and seed; how many threads.
        categories: What unnamed masks can be.
        caller: Makes the calls.
        origin: Fills what the images do not say.
        track: Shows progress.

    Returns:
        The records in the order of the images, and what could not be named or written.
    """
    named, failures = _name(subjects, options, categories, caller, track)
    tasks = [
        task
        for subject in named
        for task in plan_tasks(subject, options.per_image, options.styles(), options.seed)
    ]

    def write(task: Task) -> Record:
        return record_of(task, _ask(task, caller, options.side_px), origin)

    records: list[Record] = []
    results = _in_threads(write, tasks, options.concurrency, caller, track, "asking")
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Unanswered):
            failures.append(_failure(task.id, task.subject, "question", result))
        else:
            records.append(result)
    return records, failures


def _name(
    subjects: Sequence[Subject],
    options: QuestionOptions,
    categories: Sequence[str],
    caller: Caller,
    track: Track,
) -> tuple[list[Subject], list[Failure]]:
    jobs = [
        (index, number)
        for index, subject in enumerate(subjects)
        for number, region in enumerate(subject.regions)
        if region.category is None
    ]
    prompt = naming_prompt(categories)

    def name(job: tuple[int, int]) -> str:
        subject, number = subjects[job[0]], job[1]
        mask = decode_mask(subject.regions[number].mask)
        picture = draw_contours(_picture(subject.image, options.side_px), [mask])
        found = caller.ask(
            f"{subject.name} mask {number}",
            prompt,
            picture,
            lambda text: read_name(text, categories),
            as_json=False,
        )
        if found == UNSURE:
            raise Unanswered("the model cannot tell what it is")
        return found

    found = _in_threads(name, jobs, options.concurrency, caller, track, "naming")
    regions = [list(subject.regions) for subject in subjects]
    failures: list[Failure] = []
    for (index, number), result in zip(jobs, found, strict=True):
        subject = subjects[index]
        if isinstance(result, Unanswered):
            identity = f"{subject.name} mask {number}"
            failures.append(_failure(identity, subject, "naming", result))
        else:
            regions[index][number] = _with_name(subject.regions[number], result)
    return [
        replace(subject, regions=tuple(own)) for subject, own in zip(subjects, regions, strict=True)
    ], failures


def _with_name(region: Region, name: str) -> Region:
    category = singular(name)
    return replace(region, category=category, granularity=granularity_of(category))


def _ask(task: Task, caller: Caller, side_px: int) -> Pair:
    masks = [
        np.logical_or.reduce([decode_mask(mask) for mask in group.masks]) for group in task.groups
    ]
    picture = draw_contours(_picture(task.subject.image, side_px), masks)
    if len(task.groups) == 1:
        prompt = single_prompt(task.groups[0], task.style)
    else:
        prompt = several_prompt(task.groups, task.style)

    def check(text: str) -> Pair:
        pair = read_pair(text)
        check_pair(pair, task.groups, task.style)
        return pair

    return caller.ask(task.id, prompt, picture, check, as_json=True)


def _in_threads(
    work: Callable[[S], T],
    jobs: Sequence[S],
    threads: int,
    caller: Caller,
    track: Track,
    word: str,
) -> list[T | Unanswered]:
    """Do all jobs; a job that cannot be done has its reason in place of a result.

    When the run is interrupted, calls under way are waited for, since they are paid.
    """

    def safely(job: S) -> T | Unanswered:
        try:
            return work(job)
        except Unanswered as unanswered:
            return unanswered

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(safely, job) for job in jobs]
        try:
            for future in track(as_completed(futures), word, len(futures)):
                assert isinstance(future, Future)
                future.result()
        except BaseException:
            caller.pace.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


@lru_cache(maxsize=16)  # a picture's tasks follow each other
def _picture(image: Path, side_px: int) -> NDArray[np.uint8]:
    try:
        return read_small(image, side_px)
    except DataError as error:
        raise Unanswered(error.problem) from error


def _failure(name: str, subject: Subject, kind: str, why: Unanswered) -> Failure:
    return Failure(id=name, image=subject.name, kind=kind, reason=str(why))
