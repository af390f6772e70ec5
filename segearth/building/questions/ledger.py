"""What every call cost, and a stop before a budget is overrun.

A call is written down before it is sent, at the most it can cost, and corrected when the reply
tells its tokens. So neither parallel calls nor a crash can overrun the budget or hide a cost.
The budget is the folder's: earlier runs count.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from segearth.building.questions.provider import Reply
from segearth.building.questions.store import Store
from segearth.errors import UsageError

_PICTURE_TOKENS = 6000  # more than any tiling scheme known to us charges for 1,024 x 1,024 px
_CHARACTERS_A_TOKEN = 2.5  # English text has about four, so this errs on the dear side


class BudgetSpent(Exception):
    """Another call could cost more than is left."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """US dollars a million tokens; 0 for a model of one's own."""

    input_usd: float = 0.0
    output_usd: float = 0.0

    def cost_usd(self, input_tokens: float, output_tokens: float) -> float:
        """Price some tokens."""
        return (input_tokens * self.input_usd + output_tokens * self.output_usd) / 1e6


class Ledger:
    """The calls of a store."""

    def __init__(self, store: Store, prices: Prices, budget_usd: float | None) -> None:
        """Open the books.

        Args:
            store: Where they are kept.
            prices: What tokens cost.
            budget_usd: What all calls of this store together may cost; None for no limit.

        Raises:
            UsageError: There is a budget but no price, so that it could not be kept.
        """
        if budget_usd is not None and not (prices.input_usd or prices.output_usd):
            raise UsageError(
                "a budget needs prices",
                where="--budget-usd",
                hint="give --usd-per-mtok-in and --usd-per-mtok-out from the provider's price list",
            )
        self._store, self._prices, self._budget_usd = store, prices, budget_usd
        self._changed = threading.Condition()
        self._under_way: set[int] = set()

    def open_call(self, model: str, task: str, prompt: str, most_output_tokens: int) -> int:
        """Write a call down before it is sent; wait if those under way may leave room for it.

        Returns:
            Its number.

        Raises:
            BudgetSpent: It could cost more than is left when no other call is under way.
        """
        tokens = _PICTURE_TOKENS + len(prompt) / _CHARACTERS_A_TOKEN
        most_usd = self._prices.cost_usd(tokens, most_output_tokens)
        with self._changed:
            while self._budget_usd is not None and self.spent_usd() + most_usd > self._budget_usd:
                if self._under_way:  # they are booked at the most, and mostly cost less
                    self._changed.wait()
                    continue
                raise BudgetSpent(
                    f"the budget of {self._budget_usd:g} USD leaves no room for another call "
                    f"({self.spent_usd():.4f} spent, up to {most_usd:.4f} a call)"
                )
            number = self._store.change(
                "INSERT INTO calls (time, model, task, outcome, usd) "
                "VALUES (CURRENT_TIMESTAMP, ?, ?, 'sent', ?)",
                (model, task, most_usd),
            )
            self._under_way.add(number)
            return number

    def close_call(
        self, number: int, outcome: str, reply: Reply | None = None, *, charged: bool = True
    ) -> None:
        """Correct a call's cost.

        Args:
            number: From `open_call`.
            outcome: "reply", or why there was none.
            reply: Its tokens are priced. If it does not tell them, the upper bound stays.
            charged: False if the provider surely charges nothing.
        """
        self._correct(number, outcome, reply, charged=charged)
        with self._changed:
            self._under_way.discard(number)
            self._changed.notify_all()

    def _correct(self, number: int, outcome: str, reply: Reply | None, *, charged: bool) -> None:
        if not charged:
            self._store.change(
                "UPDATE calls SET outcome = ?, usd = 0 WHERE number = ?", (outcome, number)
            )
        elif reply is None or reply.input_tokens is None or reply.output_tokens is None:
            self._store.change("UPDATE calls SET outcome = ? WHERE number = ?", (outcome, number))
        else:
            usd = self._prices.cost_usd(reply.input_tokens, reply.output_tokens)
            self._store.change(
                "UPDATE calls SET outcome = ?, input_tokens = ?, output_tokens = ?, usd = ? "
                "WHERE number = ?",
                (outcome, reply.input_tokens, reply.output_tokens, usd, number),
            )

    def spent_usd(self) -> float:
        """Sum up what all calls cost so far, those under way at their upper bound."""
        return float(self._store.rows("SELECT COALESCE(SUM(usd), 0) FROM calls")[0][0])

    def totals(self) -> dict[str, float | int]:
        """Return ``calls``, ``input_tokens``, ``output_tokens`` and ``usd`` of the whole store."""
        query = (
            "SELECT COUNT(*), COALESCE(SUM(input_tokens), 0), COALESCE(SUM(output_tokens), 0), "
            "COALESCE(SUM(usd), 0) FROM calls"
        )
        calls, given, taken, usd = self._store.rows(query)[0]
        return {
            "calls": int(calls),
            "input_tokens": int(given),
            "output_tokens": int(taken),
            "usd": round(float(usd), 6),
        }
