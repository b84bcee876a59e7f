from __future__ import annotations

from bot.adapters.slack.blocks_status import status_page
from bot.core.audit import Claim
from bot.core.status import checklist
from tests.adapters.slack.rendering import page
from tests.core.run_samples import RUN, START
from tests.core.test_status import HEALTHY


def test_the_status_during_a_run_names_the_run_before_anything_else() -> None:
    claim = Claim("demo", RUN, "tsbot", START)
    look = status_page(HEALTHY, checklist(HEALTHY), None, claim)
    assert look.text == f"demo: all points green, run {RUN} at work"
    shown = page(look)
    assert shown.index(f"Run {RUN} has held this target since") < shown.index("restoring is off")
    assert "at work" not in status_page(HEALTHY, checklist(HEALTHY), None).text
