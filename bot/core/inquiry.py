"""Asking one question after another, so that each ends as a check, asked or not."""

from __future__ import annotations

from collections.abc import Callable

from bot.core.errors import TsbotError, Unavailable
from bot.core.models import Check, Verdict

Answer = tuple[Verdict, str, str]
"""A verdict, its evidence, and the remedy where it differs from the question's own."""


class Inquiry:
    """Makes checks of questions.

    A question that needs the answer to another one is not asked where that one had none: nobody
    should wait for ten time-outs to learn that one server is down.
    """

    def __init__(self) -> None:
        self._unanswered: set[str] = set()

    def ask(self, name: str, question: Callable[[], Answer], remedy: str, *needs: str) -> Check:
        """Return a question's check; one that could not be asked is UNKNOWN.

        Args:
            name: what is looked at.
            question: looks; what it raises on purpose is a failure.
            remedy: what to do where it did not pass and the answer names nothing better.
            needs: names of earlier questions whose answers this one rests on.
        """
        lacking = next((need for need in needs if need in self._unanswered), "")
        if lacking:
            self._unanswered.add(name)
            return Check(name, Verdict.UNKNOWN, f"could not run: see “{lacking}”", "")
        try:
            verdict, evidence, own_remedy = question()
        except TsbotError as error:
            self._unanswered.add(name)
            # Where the question is whether somebody answers at all, silence is the answer
            unasked = isinstance(error, Unavailable) and needs
            verdict = Verdict.UNKNOWN if unasked else Verdict.FAILED
            evidence, own_remedy = str(error), ""
        if verdict is Verdict.OK:
            return Check(name, verdict, evidence)
        if verdict is Verdict.UNKNOWN:
            evidence = f"could not run: {evidence}"
        return Check(name, verdict, evidence, own_remedy or remedy)


def reading(question: Callable[[], Answer]) -> Callable[[], Answer]:
    """Let a question whose answer cannot be read end as UNKNOWN: nothing is known to be wrong."""

    def answer() -> Answer:
        try:
            return question()
        except TsbotError as error:
            return Verdict.UNKNOWN, str(error), ""

    return answer
