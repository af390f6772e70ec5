"""Replies that are broken below the level of words: half characters, counts, nesting, dripping."""

from __future__ import annotations

import gzip
import json
import sqlite3
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from segearth.building.questions.cache import Cache, cache_key
from segearth.building.questions.deadline import TooSlow, within
from segearth.building.questions.ledger import BudgetSpent, Ledger, Prices
from segearth.building.questions.options import QuestionOptions
from segearth.building.questions.provider import CallError, Reply, token_count
from segearth.building.questions.provider_calls import Caller, Limits, Unanswered
from segearth.building.questions.rules import BrokenRule, read_pair
from segearth.building.questions.run import run
from segearth.building.questions.store import Store

HALF = "\ud800"  # the first half of a character pair
SOUND = '{"description": "a?", "answer": "b"}'
LONG = "Which calm stretch could take all the water that the hills send down in spring?"
CLIENTS = ["openai", "gemini"]


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-secret")


@pytest.fixture
def lake(targets):
    """The image with a lake and a dam alone."""
    line = targets.read_text(encoding="utf-8").splitlines()[1]
    targets.write_text(line + "\n", encoding="utf-8")
    return targets


def settings(server, provider, **changes):
    """One question about the lake or the dam, and one call at a time."""
    values = {"provider": provider, "model": "m", "base_url": server.url.removesuffix("/v1")}
    values |= {"per_image": 1, "reasoning": "implicit", "length": "long", "concurrency": 1}
    values |= {"first_pause_s": 0.01, "timeout_s": 5.0}
    return QuestionOptions(**values | changes)


def pair(prompt, end=""):
    """A reply that keeps every rule but for what `end` adds to the answer."""
    name = "lake" if 'is "lake"' in prompt else "dam"
    return json.dumps({"description": LONG, "answer": f"The {name} would{end}."})


def body(provider, text, given, taken, thought=None):
    """A reply as the server sends it, with its counts of tokens."""
    if provider == "openai":
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": given, "completion_tokens": taken}
        whole = {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}
    else:
        candidate = {"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}
        usage = {"promptTokenCount": given, "candidatesTokenCount": taken}
        usage |= {} if thought is None else {"thoughtsTokenCount": thought}
        whole = {"candidates": [candidate], "usageMetadata": usage}
    return ("raw", json.dumps(whole).encode())


def books(out):
    with sqlite3.connect(out / "calls.sqlite") as opened:
        rows = opened.execute("SELECT outcome, input_tokens, output_tokens, usd FROM calls")
        found = rows.fetchall()
    opened.close()
    return found


# --- half characters ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"description": "a \\ud800?", "answer": "b"}',
        '{"description": "a?", "answer": "\\udfff b"}',
        f'{{"description": "a {HALF}?", "answer": "b"}}',
        # JSON keeps the last value of a key, but the whole text would be stored.
        f'{{"description": "{HALF}", "description": "a?", "answer": "b"}}',
        # Two halves in two texts make no pair.
        '{"description": "a \\ud83d", "answer": "\\ude00 b"}',
    ],
)
def test_half_a_character_is_refused(text):
    with pytest.raises(BrokenRule, match="half of a character pair"):
        read_pair(text)


def test_a_whole_pair_is_a_character():
    assert read_pair('{"description": "a \\ud83d\\ude00?", "answer": "b"}').description == "a 😀?"


@pytest.mark.parametrize("hidden", ["\\u0085", "\\u2028", "\\u007f", "\\t"])
def test_control_characters_are_refused(hidden):
    with pytest.raises(BrokenRule, match="line breaks"):
        read_pair(f'{{"description": "a{hidden}b", "answer": "c"}}')


@pytest.mark.parametrize("provider", CLIENTS)
def test_a_reply_with_half_a_character_is_asked_for_again(tmp_path, lake, serving, provider):
    def script(number, prompt):
        return pair(prompt, end=f" {HALF}" if number == 0 else "")

    out = tmp_path / "out"
    with serving(script) as server:
        first = run(lake, out, settings(server, provider))
        again = run(lake, out, settings(server, provider))

    assert (first.questions, first.failures) == (1, ())
    assert "half of a character pair" in server.prompts[1]
    assert (again.cached, len(server.prompts)) == (1, 2)


def test_a_kept_reply_that_is_broken_is_replaced(tmp_path):
    """As an earlier version stored it: the cache must not bring it back for ever."""

    class Willing:
        identity = "m"
        calls = 0

        def complete(self, prompt, picture, *, as_json):
            self.calls += 1
            return Reply(text=SOUND, input_tokens=1, output_tokens=1)

    picture, model = np.zeros((2, 2, 3), np.uint8), Willing()
    store = Store(tmp_path / "calls.sqlite")
    cache, ledger = Cache(store), Ledger(store, Prices(), None)
    cache.put(cache_key("m", "prompt", picture), '{"description": "\\ud800", "answer": "b"}', "m")
    caller = Caller(model, cache, ledger, Limits())

    for _ in range(2):
        assert caller.ask("t", "prompt", picture, read_pair, as_json=True).answer == "b"

    assert (model.calls, caller.cached) == (1, 1)
    assert cache.get(cache_key("m", "prompt", picture)) == SOUND
    store.close()


def test_an_error_message_with_half_a_character_can_be_listed(tmp_path, lake, serving):
    def refuse(number, prompt):
        return ("status", 400, {}, f"no {HALF}")

    out = tmp_path / "out"
    with serving(refuse) as server:
        summary = run(lake, out, settings(server, "openai"))

    assert [failure.reason for failure in summary.failures] == ["HTTP 400: no ?"]
    assert "HTTP 400: no ?" in (out / "failures.jsonl").read_text(encoding="utf-8")
    assert str(CallError(HALF)) == "?"


# --- counts of tokens ---------------------------------------------------------------------


def test_a_count_of_tokens_is_a_small_integer():
    assert [token_count(value) for value in (0, 7, 10**9)] == [0, 7, 10**9]
    for odd in (10**9 + 1, 10**30, -1, 2.5, float("nan"), True, "7", None):
        assert token_count(odd) is None


@pytest.mark.parametrize("provider", CLIENTS)
@pytest.mark.parametrize("counts", [(10**30, 5), (5, 10**30), (-1, 5), (10, -5)])
def test_an_absurd_count_is_unknown_and_costs_the_most(tmp_path, lake, serving, provider, counts):
    def script(number, prompt):
        return body(provider, pair(prompt), *counts)

    out = tmp_path / "out"
    with serving(script) as server:
        options = settings(server, provider, usd_per_mtok_out=10.0, most_output_tokens=1000)
        summary = run(lake, out, options)

    assert (summary.questions, summary.failures) == (1, ())
    # The upper bound stays: 1,000 tokens at 10 USD a million.
    assert books(out) == [("reply", None, None, pytest.approx(0.01))]


def test_absurd_thinking_is_unknown_too(tmp_path, lake, serving):
    out = tmp_path / "out"
    with serving(lambda _, prompt: body("gemini", pair(prompt), 10, 5, 10**30)) as server:
        assert run(lake, out, settings(server, "gemini")).failures == ()

    assert books(out)[0][1:3] == (None, None)


# --- nesting ------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", CLIENTS)
def test_a_deeply_nested_body_is_a_bad_reply(tmp_path, lake, serving, provider):
    deep = ("raw", b"[" * 200_000)

    with serving(lambda n, prompt: deep if n == 0 else pair(prompt)) as server:
        overcome = run(lake, tmp_path / "once", settings(server, provider))
    with serving(lambda *_: deep) as server:
        listed = run(lake, tmp_path / "always", settings(server, provider, tries=2))

    assert (overcome.failures, overcome.calls) == ((), 2)
    assert listed.calls == 2
    assert [failure.reason[:24] for failure in listed.failures] == ["the reply cannot be read"]


# --- dripping -----------------------------------------------------------------------------


@pytest.mark.parametrize("provider", CLIENTS)
def test_a_reply_that_drips_in_is_not_waited_for(tmp_path, lake, serving, provider):
    with serving(lambda n, prompt: ("drip", 8.0) if n == 0 else pair(prompt)) as server:
        begun = time.monotonic()
        summary = run(lake, tmp_path / "out", settings(server, provider, timeout_s=1.0))
        took_s = time.monotonic() - begun

    assert (summary.failures, summary.calls) == ((), 2)
    assert took_s < 6.0  # a byte every tenth of a second comes for 8 s
    assert books(tmp_path / "out")[0][0] == "no reply within 1 s"


def test_a_deadline_hands_on_results_and_errors():
    assert within(5.0, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)
    with pytest.raises(TimeoutError, match="its own"):
        within(5.0, raise_its_own)
    assert within(1e300, lambda: 3) == 3  # more than a lock can wait


def raise_its_own():
    raise TimeoutError("its own")


def test_a_deadline_does_not_wait_for_what_is_late():
    free = threading.Event()
    with pytest.raises(TooSlow):
        within(0.05, free.wait)
    late = [thread for thread in threading.enumerate() if thread.name == "call"]
    assert late
    assert all(thread.daemon for thread in late)  # nor does the end of the process
    free.set()


def test_a_call_that_is_late_is_made_again(tmp_path):
    class Slow:
        identity = "m"

        def complete(self, prompt, picture, *, as_json):
            free.wait(10.0)
            raise CallError("not reached in time")

    free = threading.Event()
    store = Store(tmp_path / "calls.sqlite")
    limits = Limits(tries=2, first_pause_s=0.01, timeout_s=0.05)
    caller = Caller(Slow(), Cache(store), Ledger(store, Prices(output_usd=1.0), None), limits)

    with pytest.raises(Unanswered, match=r"no reply within 0\.05 s"):
        caller.ask("t", "p", np.zeros((2, 2, 3), np.uint8), read_pair, as_json=True)

    free.set()
    store.close()
    charged = [(outcome, usd > 0) for outcome, *_, usd in books(tmp_path)]
    assert charged == [("no reply within 0.05 s", True)] * 2


@pytest.mark.parametrize("provider", CLIENTS)
def test_a_reply_without_end_is_cut_off(tmp_path, lake, serving, provider):
    endless = b" " * (20 << 20)

    with serving(lambda number, prompt: ("raw", endless)) as server:
        started = time.monotonic()
        summary = run(lake, tmp_path / "out", settings(server, provider, tries=1, attempts=1))

    assert time.monotonic() - started < 20
    assert [failure.reason for failure in summary.failures] == [
        "the connection broke: the reply is over 4,096 KiB"
    ]


@pytest.mark.parametrize("provider", CLIENTS)
def test_a_packed_reply_has_a_narrower_limit(tmp_path, lake, serving, provider):
    bomb = gzip.compress(bytes(1 << 28), 9)  # 256 MiB in 256 KiB

    def script(number, prompt):
        return ("raw", bomb, {"content-encoding": "gzip"})

    with serving(script) as server:
        summary = run(lake, tmp_path / "out", settings(server, provider, tries=1, attempts=1))

    assert [failure.reason for failure in summary.failures] == [
        "the connection broke: the reply is over 128 KiB"
    ]


@pytest.mark.parametrize("provider", CLIENTS)
def test_a_dripping_reply_gives_its_thread_back(tmp_path, lake, serving, provider):
    with serving(lambda number, prompt: ("drip", 4)) as server:
        options = settings(server, provider, tries=1, attempts=1, timeout_s=1.0)
        run(lake, tmp_path / "out", options)
        for _ in range(30):
            left = [thread for thread in threading.enumerate() if thread.name == "call"]
            if not left:
                break
            time.sleep(0.1)

    assert left == []


@pytest.mark.parametrize("provider", CLIENTS)
def test_a_server_that_is_not_there_costs_nothing(tmp_path, lake, serving, provider):
    with serving(lambda number, prompt: "") as server:
        options = settings(
            server, provider, tries=2, usd_per_mtok_in=1.0, usd_per_mtok_out=4.0, budget_usd=1.0
        )
    summary = run(lake, tmp_path / "out", options)  # the server is gone

    assert summary.usd == 0
    assert summary.calls == 2
    assert "the connection broke" in summary.failures[0].reason


def test_calls_under_way_are_waited_for_before_a_budget_counts_as_spent(tmp_path):
    prices = Prices(input_usd=0, output_usd=10)  # 0.08 USD at most a call, 0.001 in truth
    with closing(Store(tmp_path / "calls.sqlite")) as store:
        ledger = Ledger(store, prices, 0.1)
        first = ledger.open_call("m", "t", "p", 8192)
        second = []
        waiting = threading.Thread(
            target=lambda: second.append(ledger.open_call("m", "t", "p", 8192)), daemon=True
        )
        waiting.start()
        time.sleep(0.2)
        assert second == []

        ledger.close_call(first, "reply", Reply(text="", input_tokens=0, output_tokens=100))
        waiting.join(5)

        assert len(second) == 1
        ledger.close_call(second[0], "lost")  # its upper bound stays
        with pytest.raises(BudgetSpent):
            ledger.open_call("m", "t", "p", 8192)
