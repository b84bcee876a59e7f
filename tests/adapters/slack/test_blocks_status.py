from __future__ import annotations

from dataclasses import replace

from bot.adapters.slack.blocks_status import status_page
from bot.core.audit import Claim
from bot.core.models import Container
from bot.core.points import checklist
from tests.adapters.slack.rendering import page
from tests.core.run_samples import RUN, START, finished
from tests.core.test_status import HEALTHY, UNREADABLE


def test_the_status_during_a_run_names_the_run_before_anything_else() -> None:
    claim = Claim("demo", RUN, "tsbot", START)
    look = status_page(HEALTHY, checklist(HEALTHY), None, claim)
    assert look.text == f"demo: all points green, run {RUN} at work"
    shown = page(look)
    assert shown.index(f"Run {RUN} has held this target since") < shown.index("restoring is off")
    assert "at work" not in status_page(HEALTHY, checklist(HEALTHY), None).text


def test_why_a_database_cannot_be_read_is_said_once_above_the_points_with_what_to_do() -> None:
    down = Container("c1", "db", "timescaledb", running=False)
    status = replace(UNREADABLE, database_container=down)
    shown = page(status_page(status, checklist(status), None))
    assert shown.count("does not answer") == 1
    assert shown.count("unknown: see above") == 5
    order = (
        "does not answer",
        "Container db is not running: start it.",
        "tsbot check",
        "see above",
    )
    assert sorted(order, key=shown.index) == list(order)


def test_a_run_that_was_interrupted_is_shown_with_what_it_left() -> None:
    ended = finished("interrupted", "tsdb-r7f3a2 is left. Applications are down.")
    shown = page(status_page(HEALTHY, checklist(HEALTHY), None, None, ended))
    assert "The last run interrupted " in shown
    assert f": tsdb-r7f3a2 is left. Applications are down. Run {RUN}" in shown
    assert "The last run" not in page(status_page(HEALTHY, checklist(HEALTHY), None))
