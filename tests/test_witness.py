"""The bot as it runs hands the heads of its log to the second witness, and runs don't wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.slack.blocks import Json
from bot.core.audit import Head, Query
from bot.core.heads import read_lines
from bot.sandbox.slack import SlackServer
from tests.live_bot import LiveBot, live, live_settings, office


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """Where the witness keeps its lines; away until a test makes it."""
    return tmp_path / "share"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with SlackServer(office()) as server:
        yield server


@contextmanager
def serving(server: SlackServer, directory: Path, share: Path) -> Iterator[LiveBot]:
    """A bot that serves, with a second witness."""
    settings = live_settings(directory, server.api_url)
    settings = replace(settings, witness=str(share / "heads.txt"))
    with live(settings, server.workspace) as bot:
        server.workspace.wait_for(lambda: server.sockets.connections, what="a socket")
        yield bot


@pytest.fixture
def bot(server: SlackServer, tmp_path: Path, share: Path) -> Iterator[LiveBot]:
    with serving(server, tmp_path, share) as bot:
        yield bot


def run(bot: LiveBot) -> str:
    """Ask for a restore that ends at once, since there is no server, and return its end."""
    bot.ask("ana", "/restore latest")
    bot.workspace.wait_for(lambda: bot.store.log.entries(Query(action="run")), what="an end")
    return bot.store.log.entries(Query(action="run"))[-1].draft.status


def heads(share: Path) -> list[Head]:
    return list(read_lines((share / "heads.txt").read_text().splitlines()))


def blocks(bot: LiveBot) -> list[Json]:
    return [block for m in bot.workspace.messages("ops") for block in m.blocks]


def test_the_witness_has_the_head_of_each_end_and_the_log_fits_it(
    bot: LiveBot, share: Path
) -> None:
    share.mkdir()
    run(bot)
    bot.workspace.wait_for(lambda: (share / "heads.txt").exists(), what="a line")
    [end] = bot.store.log.entries(Query(action="run"))
    assert [(h.entry, h.run_id) for h in heads(share)] == [(end.id, end.draft.run_id)]
    assert bot.store.log.verify(end.hash, heads(share)).intact
    bot.workspace.wait_for(lambda: f"entry {end.id} `{end.hash}`" in str(blocks(bot)), what="it")


def test_a_witness_that_is_away_ends_no_run_and_is_told_and_gets_its_head_later(
    bot: LiveBot, share: Path
) -> None:
    assert run(bot) == "refused"
    bot.workspace.wait_for(lambda: bot.store.log.entries(Query(action="witness")), what="an entry")
    bot.workspace.wait_for(
        lambda: "The second witness has not taken entry" in str(blocks(bot)), what="a message"
    )
    share.mkdir()
    bot.workspace.wait_for(lambda: (share / "heads.txt").exists(), 10, "a line")
    assert bot.store.log.verify("", heads(share)).intact


def test_a_bot_that_starts_hands_over_the_head_it_finds(
    server: SlackServer, tmp_path: Path, share: Path
) -> None:
    with serving(server, tmp_path, share) as first:
        first.ask("ana", "/tshelp")
        last = first.store.log.entries(Query(newest=1))[0]
    server.workspace.wait_for(lambda: not server.sockets.connections, what="the first one's end")
    share.mkdir()
    with serving(server, tmp_path, share):
        server.workspace.wait_for(lambda: (share / "heads.txt").exists(), what="a line")
    assert [(h.run_id, h.entry, h.hash) for h in heads(share)] == [("", last.id, last.hash)]
