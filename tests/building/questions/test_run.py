"""The question stage against a server that behaves, and one that does not."""

from __future__ import annotations

import json
import re
import sqlite3
import threading

import pytest

from segearth.building.questions.options import QuestionOptions
from segearth.building.questions.run import run
from segearth.data.check import check_manifest
from segearth.errors import DataError, UsageError

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def good(number, prompt):
    """A pair that keeps every rule, whatever is asked."""
    wanted = re.search(
        r"contains (?:the words|all of these words:) (.*?)(?: in the| \(|\.)", prompt
    )
    names = re.findall(r'"([^"]+)"', wanted.group(1))
    low = int(re.search(r"question has (\d+) to", prompt).group(1))
    words = ["what", "could", "somebody", "here", "need", f"n{number}"]
    if "names what is wanted" in prompt:
        words += [f"the {name}" for name in names]
    words += ["today"] * max(0, low - len(" ".join(words).split()))
    return json.dumps(
        {"description": " ".join(words) + "?", "answer": "The " + " and the ".join(names) + "."}
    )


def settings(server, **changes):
    values = {"provider": "openai", "model": "m", "base_url": server.url, "per_image": 3}
    values |= {"first_pause_s": 0.01, "timeout_s": 5.0, "usd_per_mtok_in": 1.0}
    return QuestionOptions(**values | {"usd_per_mtok_out": 10.0} | changes)


def test_a_willing_model_gives_a_sound_manifest_and_is_asked_only_once(tmp_path, targets, serving):
    out = tmp_path / "out"
    with serving(good) as server:
        first = run(targets, out, settings(server))
        manifest = (out / "questions.jsonl").read_bytes()
        calls = len(server.prompts)
        again = run(targets, out, settings(server))

    assert first.failures == ()
    assert check_manifest(out / "questions.jsonl").mistakes == []
    assert first.questions == first.calls == calls > 4
    assert (len(server.prompts), again.cached, again.calls) == (calls, calls, calls)
    assert (out / "questions.jsonl").read_bytes() == manifest
    # 1,000 tokens at 1 USD and 100 at 10 USD a million, each call
    assert first.usd == again.usd == pytest.approx(calls * 0.002)
    rows = lines_of(out / "questions.jsonl")
    assert {row["image"] for row in rows} == {"images/häfen/one.png", "images/two.png"}
    assert {row["split"] for row in rows} == {"train", "val"}


def test_both_clients_send_a_picture_with_lines_and_the_temperature(tmp_path, targets, serving):
    with serving(good) as server:
        for provider in ("openai", "gemini"):
            summary = run(
                targets,
                tmp_path / provider,
                settings(server, provider=provider, base_url=server.url.removesuffix("/v1")),
            )
            assert summary.failures == ()
            assert summary.usd == pytest.approx(summary.calls * 0.002)  # thinking is charged

    openai, gemini = server.bodies[0], server.bodies[-1]
    assert openai["temperature"] == gemini["generationConfig"]["temperature"] == 1.0
    assert openai["response_format"] == {"type": "json_object"}
    assert gemini["generationConfig"]["responseMimeType"] == "application/json"
    assert openai["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png")
    assert gemini["contents"][0]["parts"][0]["inlineData"]["mime_type"] == "image/png"


# Every way of failing once; what comes next is good.
ONCE = {
    "busy": ("status", 429, {"Retry-After": "0.05"}, "slow down"),
    "broken": ("status", 500, {}, "oops"),
    "hanging": ("hang", 4.5),
    "cut off": ("cut",),
    "no JSON at all": ("raw", b"<html>"),
    "no completion": ("raw", b'{"hello": 1}'),
    "a reply that is no JSON": "Sure! Here is your question.",
    "a fence": '```json\n{"description": "a", "answer": "b"}\n```',
    "another key": '{"description": "a", "answer": "b", "note": "c"}',
    "too short": '{"description": "where?", "answer": "The ship."}',
    "the lines": '{"description": "What is outlined in red?", "answer": "The ship."}',
}


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_each_misbehaviour_is_overcome(tmp_path, targets, serving, provider):
    kinds = list(ONCE)
    turn = iter(kinds)
    lock = threading.Lock()

    def moody(number, prompt):
        with lock:
            kind = next(turn, None) if number % 3 < 2 else None
        return good(number, prompt) if kind is None else ONCE[kind]

    with serving(moody) as server:
        options = settings(server, provider=provider, concurrency=1, timeout_s=3.0, per_image=9)
        options = QuestionOptions(**vars(options) | {"base_url": server.url.removesuffix("/v1")})
        summary = run(targets, tmp_path / "out", options)

    assert summary.failures == ()
    assert summary.questions >= 6
    assert len(server.prompts) == summary.questions + len(kinds) == summary.calls
    assert sum("Your last reply was refused" in prompt for prompt in server.prompts) == 5


def test_a_pause_that_the_server_asks_for_is_kept(tmp_path, targets, serving):
    import time

    times = []

    def once_busy(number, prompt):
        times.append(time.monotonic())
        if number == 0:
            return ("status", 429, {"Retry-After": "0.6"}, "slow down")
        return good(number, prompt)

    with serving(once_busy) as server:
        run(targets, tmp_path / "out", settings(server, concurrency=1, per_image=1))

    assert times[1] - times[0] >= 0.6


def test_what_fails_is_listed_and_only_that_is_asked_again(tmp_path, targets, serving):
    out = tmp_path / "out"

    def no_lakes(number, prompt):
        return "nonsense" if '"lake"' in prompt else good(number, prompt)

    with serving(no_lakes) as server:
        first = run(targets, out, settings(server, per_image=9, attempts=2))
        refused = {failure.id for failure in first.failures}
        written = {row["id"] for row in lines_of(out / "questions.jsonl")}
        listed = lines_of(out / "failures.jsonl")
        server.script, before = good, len(server.prompts)
        second = run(targets, out, settings(server, per_image=9, attempts=2))
        asked = len(server.prompts) - before

    assert refused
    assert not refused & written
    assert {row["id"] for row in listed} == refused
    assert all("not one strict JSON" in row["reason"] for row in listed)
    assert second.failures == ()
    assert (asked, second.cached) == (len(refused), len(written))
    assert {row["id"] for row in lines_of(out / "questions.jsonl")} == written | refused


def test_a_budget_stops_before_it_is_overrun(tmp_path, targets, serving):
    out = tmp_path / "out"

    with serving(good) as server:
        options = settings(server, per_image=9, budget_usd=0.1, concurrency=4)
        summary = run(targets, out, options)
        again = run(targets, out, options)
        more = run(targets, out, settings(server, per_image=9, budget_usd=10.0))

    # A call may cost up to 8,192 tokens at 10 USD a million: one fits in, a second often does.
    assert summary.usd <= 0.1
    assert summary.questions > 0
    assert {failure.reason[:23] for failure in summary.failures} == {"the budget of 0.1 USD l"}
    assert again.usd <= 0.1
    assert more.failures == ()
    assert len(server.prompts) == more.questions


def test_a_budget_without_prices_is_refused(tmp_path, targets, serving):
    free = {"usd_per_mtok_in": 0.0, "usd_per_mtok_out": 0.0}
    with serving(good) as server, pytest.raises(UsageError, match="a budget needs prices"):
        run(targets, tmp_path / "out", settings(server, budget_usd=1.0, **free))


def test_a_refused_key_stops_the_run_and_is_nowhere_to_be_read(tmp_path, targets, serving):
    def refuse(number, prompt):
        return ("status", 401, {}, f"wrong key {KEY}")

    with serving(refuse) as server:
        for provider, address in (("openai", server.url), ("gemini", server.url[:-3])):
            options = settings(server, provider=provider, base_url=address, concurrency=1)
            with pytest.raises(UsageError, match="the provider refuses: HTTP 401") as caught:
                run(targets, tmp_path / provider, options)
            assert KEY not in str(caught.value)
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or KEY.encode() not in path.read_bytes()

    assert len(server.prompts) == 2  # one call each, and no more


def test_a_key_that_fails_midway_loses_nothing(tmp_path, targets, serving):
    def revoked(number, prompt):
        return good(number, prompt) if number < 2 else ("status", 403, {}, "no")

    with serving(revoked) as server:
        summary = run(targets, tmp_path / "out", settings(server, concurrency=1))

    assert summary.questions == len(lines_of(tmp_path / "out" / "questions.jsonl")) == 2
    assert len(server.prompts) == 3
    assert {failure.reason for failure in summary.failures} == {"HTTP 403: no"}


def unnamed(targets):
    """The same images as the stage before hands them on: masks without names."""
    rows = lines_of(targets)
    for row in rows:
        row["masks"] = [{"mask": item["mask"], "proposer": "sam"} for item in row.pop("targets")]
    path = targets.with_name("kept.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_unnamed_masks_are_named_first(tmp_path, targets, serving):
    names = iter(["harbor", "ship", "Lake", "a lake.", "dam", "unsure"] + ["ship"] * 20)

    def namer(number, prompt):
        return next(names) if "Which category" in prompt else good(number, prompt)

    with serving(namer) as server:
        options = settings(server, concurrency=1, per_image=1)
        summary = run(unnamed(targets), tmp_path / "out", options)

    # Six masks; "a lake." is no name of the list and is asked again.
    assert sum("Which category" in prompt for prompt in server.prompts) == 7
    assert [failure.reason for failure in summary.failures] == ["the model cannot tell what it is"]
    assert summary.questions == 2
    assert '"no man\'s land of tennis court"' in server.prompts[0]


def test_templates_need_no_server_and_say_why_an_image_gives_none(tmp_path, targets):
    summary = run(targets, tmp_path / "out", QuestionOptions(per_image=5))
    again = run(targets, tmp_path / "again", QuestionOptions(per_image=5))
    blind = run(unnamed(targets), tmp_path / "blind", QuestionOptions())

    assert summary == again
    assert (summary.images, summary.calls, summary.failures) == (2, 0, ())
    rows = lines_of(tmp_path / "out" / "questions.jsonl")
    for image in {row["image"] for row in rows}:
        assert sum(not row["masks"] for row in rows if row["image"] == image) <= 1
    assert check_manifest(tmp_path / "out" / "questions.jsonl").mistakes == []
    assert blind.questions == 0
    assert blind.failures == ()
    assert {failure.reason for failure in blind.without} == {
        "no mask has a name; templates cannot look, a model can"
    }


def test_other_settings_do_not_replace_questions_unasked(tmp_path, targets):
    out = tmp_path / "out"
    run(targets, out, QuestionOptions(per_image=5))
    before = (out / "questions.jsonl").read_bytes()

    with pytest.raises(UsageError, match=r"different: per_image, seed"):
        run(targets, out, QuestionOptions(per_image=6, seed=1))

    assert (out / "questions.jsonl").read_bytes() == before
    run(targets, out, QuestionOptions(per_image=6, seed=1), overwrite=True)
    assert (out / "questions.jsonl").read_bytes() != before


def test_bad_images_are_listed_and_the_rest_is_written(tmp_path, targets):
    (targets.parent / "two.png").write_bytes(b"no picture")
    gone = run(targets, tmp_path / "out", QuestionOptions())
    assert [failure.image for failure in gone.failures] == ["two.png"]
    assert gone.questions > 0


def test_a_damaged_record_of_calls_is_kept(tmp_path, targets, serving):
    out = tmp_path / "out"
    out.mkdir()
    (out / "calls.sqlite").write_bytes(b"not a database at all, but long enough to be read")

    with serving(good) as server, pytest.raises(DataError, match="cannot be used"):
        run(targets, out, settings(server))

    assert (out / "calls.sqlite").read_bytes().startswith(b"not a database")


def test_every_call_is_in_the_books(tmp_path, targets, serving):
    def once_busy(number, prompt):
        return ("status", 500, {}, "oops") if number == 0 else good(number, prompt)

    with serving(once_busy) as server:
        run(targets, tmp_path / "out", settings(server, concurrency=1, per_image=1))

    with sqlite3.connect(tmp_path / "out" / "calls.sqlite") as books:
        rows = books.execute("SELECT outcome, input_tokens, usd FROM calls").fetchall()
    books.close()
    assert [row[0][:8] for row in rows] == ["HTTP 500", "reply", "reply"]
    assert [row[1:] for row in rows] == [(None, 0.0), (1000, 0.002), (1000, 0.002)]
