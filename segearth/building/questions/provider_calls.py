"""Ask a provider until a reply keeps the rules: retries, pacing, cache and ledger in one place.

Two counters run apart. A reply that breaks a rule is asked for again, with the reason, a few
times. A call that gave no reply (busy, broken, too slow) is made again after a pause that
grows, or as long as the server asked for; every thread then waits, not only this one.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segearth.building.questions.cache import Cache, cache_key
from segearth.building.questions.deadline import TooSlow, within
from segearth.building.questions.ledger import BudgetSpent, Ledger
from segearth.building.questions.prompts_contours import encode_png
from segearth.building.questions.provider import CallError, Provider, Reply
from segearth.building.questions.rules import BrokenRule

T = TypeVar("T")

_LONGEST_PAUSE_S = 120.0  # what a server asks for beyond that is for another run


class Unanswered(Exception):
    """There is no usable reply; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How hard to try."""

    attempts: int = 3
    """Replies asked for until one keeps the rules."""
    tries: int = 5
    """Calls made until one gives a reply."""
    first_pause_s: float = 2.0
    """Doubles with every try."""
    requests_per_minute: float = 0.0
    """0 for as many as the threads make."""
    most_output_tokens: int = 8192
    timeout_s: float = 120.0
    """Of a call, from its start to the end of its reply."""


@dataclass
class Pace:
    """When the next call may start, for all threads together."""

    gap_s: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> None:
        """Sleep until it is this thread's turn, or until the run is stopped."""
        while True:
            with self._lock:
                now = time.monotonic()
                if now >= self._next:
                    self._next = now + self.gap_s
                    return
                pause = self._next - now
            if self.stop.wait(pause):
                raise Unanswered("the run was stopped")

    def hold(self, seconds: float) -> None:
        """Let nobody start a call for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class Caller:
    """Makes the calls of a run; several threads may share it."""

    def __init__(self, provider: Provider, cache: Cache, ledger: Ledger, limits: Limits) -> None:
        """Take the parts; nothing is sent."""
        rate = limits.requests_per_minute
        self.pace = Pace(gap_s=60 / rate if rate else 0.0)
        self.cached = 0
        self.stopped = ""
        """Why no call is made any more, once that is so."""
        self.fatal = False
        """Whether the provider refuses this key or model altogether."""
        self._provider, self._cache, self._ledger = provider, cache, ledger
        self._limits = limits
        self._counting = threading.Lock()

    def ask(
        self,
        task: str,
        prompt: str,
        picture: NDArray[np.uint8],
        check: Callable[[str], T],
        *,
        as_json: bool,
    ) -> T:
        """Return a reply that passes, from the cache if there is one.

        Args:
            task: Whose call it is, for the ledger.
            prompt: The text.
            picture: (H, W, 3) RGB uint8.
            check: Turns a reply into the result; raises BrokenRule if it cannot be used.
            as_json: Whether the reply should be a JSON object.

        Raises:
            Unanswered: No reply passes, or none may be asked for.
        """
        key = cache_key(self._provider.identity, prompt, picture)
        kept = self._cache.get(key)
        if kept is not None:
            try:
                result = check(kept)
            except BrokenRule:
                pass  # a later version of the rules refuses it: ask again
            else:
                with self._counting:
                    self.cached += 1
                return result
        encoded, broken, sent = encode_png(picture), "", prompt
        for _ in range(self._limits.attempts):
            reply = self._call(task, sent, encoded, as_json=as_json)
            try:
                result = check(reply.text)
            except BrokenRule as rule:
                broken = str(rule)
                sent = f"{prompt}\n\nYour last reply was refused: {broken}. Write another one."
                continue
            self._cache.put(key, reply.text, self._provider.identity)
            return result
        raise Unanswered(f"{broken} (refused {self._limits.attempts} times)")

    def _call(self, task: str, prompt: str, picture: bytes, *, as_json: bool) -> Reply:
        reason = ""
        for number in range(self._limits.tries):
            self.pace.wait()
            call = self._open(task, prompt)
            try:
                reply = self._complete(prompt, picture, as_json=as_json)
            except CallError as error:
                self._ledger.close_call(call, error.reason, charged=error.charged)
                reason = error.reason
                if error.fatal:
                    self.fatal = True
                    self._stop(reason)
                if not error.again:
                    break
                if number + 1 < self._limits.tries:
                    self._pause(error.after_s, number)
            except BaseException:
                self._ledger.close_call(call, "the call failed")  # others may wait for its room
                raise
            else:
                self._ledger.close_call(call, "reply", reply)
                return reply
        raise Unanswered(reason)

    def _complete(self, prompt: str, picture: bytes, *, as_json: bool) -> Reply:
        seconds = self._limits.timeout_s
        try:
            return within(
                seconds, lambda: self._provider.complete(prompt, picture, as_json=as_json)
            )
        except TooSlow as slow:
            reason = f"no reply within {seconds:g} s"
            raise CallError(reason, again=True, charged=True) from slow

    def _open(self, task: str, prompt: str) -> int:
        self._refuse_if_stopped()
        try:
            call = self._ledger.open_call(
                self._provider.identity, task, prompt, self._limits.most_output_tokens
            )
        except BudgetSpent as spent:
            self._stop(str(spent))
            raise Unanswered(str(spent)) from spent
        try:
            self._refuse_if_stopped()  # it may have waited for others
        except Unanswered:
            self._ledger.close_call(call, "not sent", charged=False)
            raise
        return call

    def _refuse_if_stopped(self) -> None:
        if self.stopped or self.pace.stop.is_set():
            raise Unanswered(self.stopped or "the run was stopped")

    def _pause(self, asked_s: float | None, number: int) -> None:
        if asked_s is not None and asked_s > _LONGEST_PAUSE_S:
            raise Unanswered(f"the server asks to wait {asked_s:g} s; run again then")
        if asked_s is not None:
            self.pace.hold(asked_s)
            return
        growing = min(_LONGEST_PAUSE_S, self._limits.first_pause_s * 2**number)
        # Threads that failed together should not come back together.
        if self.pace.stop.wait(growing * (0.75 + random.random() / 2)):
            raise Unanswered("the run was stopped")

    def _stop(self, why: str) -> None:
        self.stopped = self.stopped or why
