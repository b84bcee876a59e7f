from __future__ import annotations

from bot.adapters.slack.blocks_answers import entries
from bot.core.audit import Draft, Entry, Phase
from tests.adapters.slack.rendering import page
from tests.core.run_samples import START


def test_the_history_says_why_a_command_was_refused() -> None:
    why = {"sentence": "There is no target “prud”."}
    draft = Draft("command", Phase.NOTE, "refused", arguments="/restore latest prud", detail=why)
    shown = page(entries("since yesterday", [Entry(7, START, draft, "", "")]))
    assert "/restore latest prud → There is no target “prud”." in shown
