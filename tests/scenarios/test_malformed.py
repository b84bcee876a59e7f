"""500 commands that make no sense: one sentence each, one row in the log, and nothing changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.permissions import COMMANDS
from handlers.answers import DEFECT
from tests.scenarios.office import Office
from tests.scenarios.site import DUMP, Site

EXAMPLES = 500
NONSENSE = (
    *("mian", "nosuch", "strategy=", "strategy=drop", "from=", "to=9999-99-99", "since=-1d", "@"),
    *("since=", "run", "<@U0ANA>", "<!channel>", "-1", "00000000", "deadbeef", "“", '"', "'", "--"),
    *("\\", "../", "/etc/passwd", ";", "$(id)", "\x00", "\x1b[2J", "\u202e", "%s", "{0}", "sample"),
)
HALF = (
    DUMP,
    "latest",
    "all",
    "dry-run",
    "drop-first",
    "strategy=swap",
    "reason=",
    "from=24h",
    "1000",
)
"""Words of ours that begin nothing as long as no target is named: there are three."""

NAMES = st.sampled_from([spec.name for spec in COMMANDS])
ASKING = st.sampled_from(["/restore", "/refresh", "/runjob"])
"""Commands that begin nothing with a target alone."""


def line(*words: str) -> st.SearchStrategy[str]:
    """Text of these words and of any others."""
    return st.lists(st.sampled_from(words) | st.text(max_size=30), max_size=6).map(" ".join)


COMMAND = (
    st.tuples(NAMES, line(*NONSENSE, *HALF))
    | st.tuples(ASKING, line(*NONSENSE, "main"))
    | st.tuples(NAMES, st.text(max_size=600))
)


@pytest.fixture(scope="module")
def quiet(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A bot that nobody has asked for anything."""
    office = Office(site, tmp_path_factory.mktemp("malformed"))
    with office.server, office.serving():
        yield office


@pytest.mark.fault("500 malformed commands")
def test_each_of_500_malformed_commands_gets_a_sentence_and_a_row_and_changes_nothing(
    quiet: Office, caplog: pytest.LogCaptureFixture
) -> None:
    before, tried, ana = quiet.site.databases(), 0, quiet["ana"]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(COMMAND)
    def try_one(command: tuple[str, str]) -> None:
        nonlocal tried
        tried += 1
        answer = quiet.say("ana", " ".join(command))
        assert answer
        assert "<!channel>" not in answer
        assert DEFECT not in answer
        rows = quiet.log()
        assert (len(rows), rows[-1].action, rows[-1].actor_id) == (tried, "command", ana.id)
        assert rows[-1].status in {"ok", "refused"}, answer

    try_one()
    assert tried >= EXAMPLES
    assert len(ana.ephemerals("ops")) == tried
    assert quiet.site.databases() == before
    assert quiet.workspace.messages("ops") == []
    assert [
        r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR or r.exc_info
    ] == []
