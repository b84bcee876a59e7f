from __future__ import annotations

from bot.adapters.slack.blocks_answers import backups, entries
from bot.core.audit import Draft, Entry, Phase
from bot.core.history import History
from tests.adapters.slack.rendering import page
from tests.core.run_samples import START, a_backup, a_plan


def test_the_history_says_why_a_command_was_refused() -> None:
    why = {"sentence": "There is no target “prud”."}
    draft = Draft("command", Phase.NOTE, "refused", arguments="/restore latest prud", detail=why)
    shown = page(entries(History("since yesterday", (Entry(7, START, draft, "", ""),))))
    assert "/restore latest prud → There is no target “prud”." in shown


def some(number: int) -> tuple[Entry, ...]:
    draft = Draft("command", Phase.NOTE, "ok", arguments="/tshelp")
    return tuple(Entry(n, START, draft, "", "") for n in range(1, number + 1))


def test_a_history_that_was_cut_says_that_there_is_more_and_one_that_was_not_does_not() -> None:
    cut, whole = entries(History("x", some(20), older=True)), entries(History("x", some(20)))
    assert "There are older ones: `tsbot audit list`" in page(cut)
    assert "older" not in page(whole)
    assert (cut.text, whole.text) == (
        "Audit log: the newest 20 entries",
        "Audit log: 20 entries",
    )


def test_a_long_history_says_how_many_are_not_shown() -> None:
    assert "5 older ones: `tsbot audit list`" in page(entries(History("x", some(45))))
    assert "newest 45 were read, of them 40 are shown" in page(
        entries(History("x", some(45), older=True))
    )


def test_one_of_a_kind_is_counted_without_an_s() -> None:
    assert backups(a_plan().target, [a_backup().file]).text == "1 backup of demo"
    assert entries(History("x", some(1))).text == "Audit log: 1 entry"
