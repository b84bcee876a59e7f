"""The bot itself, as `tsbot run` builds it, on the page: its answers and its log."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver.common.keys import Keys

from bot.sandbox.slack import SlackServer
from tests.browser.page import Open
from tests.live_bot import HELP, live, live_settings, office


def test_people_ask_the_bot_and_each_sees_their_own_answer(pages: Open, tmp_path: Path) -> None:
    workspace = office()
    with (
        SlackServer(workspace) as server,
        live(live_settings(tmp_path, server.api_url), workspace),
    ):
        ana, ben = pages("ana", server=server), pages("ben", server=server)
        assert ana.sees("tsbot is connected", "#state")
        ana.write("/tsh" + Keys.TAB + Keys.ENTER)
        assert "/restore [backup|latest]" in ana.message(HELP).text
        ben.write("/restore latest" + Keys.ENTER)
        assert "you must be on the requesters' list" in ben.message("Only visible to you").text
        ana.write("/audit @ben" + Keys.ENTER)
        row = ana.message("Audit log").text
        assert "ben: command refused  /restore latest" in row
        assert HELP not in ben.text("#messages")
