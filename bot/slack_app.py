"""The Slack side of the composition root: Bolt, its listeners, and the connection it lives on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from slack_bolt import App

from bot.adapters.slack.ballot import SlackBallot
from bot.adapters.slack.client import SlackApi
from bot.adapters.slack.directory import SlackDirectory
from bot.adapters.slack.outbox import Outbox
from bot.adapters.slack.pending import Pace
from bot.adapters.slack.presenter import SlackPresenter
from bot.adapters.timers import BackgroundTimers
from bot.app import Base, witnessing
from bot.core.access import Access
from bot.core.audit import Draft, Phase
from bot.core.desk import Desk
from bot.core.errors import AuditUnavailable
from bot.core.gate import POLL
from bot.core.interrupted import CARD
from bot.core.keeper import Keeper
from bot.core.launcher import Launcher
from bot.core.lookout import Lookout
from bot.sole import sole_bot
from handlers import actions, commands, errors, reactions
from handlers.answers import Answers

logger = logging.getLogger(__name__)

WORKERS = 8
"""Threads that answer commands; runs have threads of their own."""

_FLUSH = 5.0
"""Seconds the last messages have to go out when the bot stops."""


@dataclass(frozen=True, slots=True)
class SlackBot:
    """The wired bot; nothing of it listens yet."""

    app: App
    desk: Desk
    api: SlackApi


@contextmanager
def slack_bot(parts: Base, *, pace: Pace | None = None, poll: float = POLL) -> Iterator[SlackBot]:
    """Wire the bot and close everything in reverse at the end.

    Args:
        parts: settings, log and targets.
        pace: how fast channels are written to, Slack's own limits where None.
        poll: seconds between a gate's looks without a hint.

    Raises:
        Refused: another bot serves with this audit log.
        SettingsInvalid: a token or a channel is missing.
        ChatUnavailable: Slack does not answer, or refuses the token.
    """
    settings = parts.settings
    settings.require_slack()
    token = settings.slack.bot_token.get_secret_value()
    api = SlackApi(token, settings.slack.api_url, patient=True)
    with ExitStack() as closing:
        closing.enter_context(sole_bot(settings.audit_path))
        timers = BackgroundTimers()
        closing.callback(timers.close)
        impatient = SlackApi(token, settings.slack.api_url)
        outbox = Outbox(impatient, pace, on_card=partial(_note_card, parts))
        closing.callback(outbox.close, _FLUSH)
        channels = settings.slack.channels
        presenter = SlackPresenter(outbox, channels[0], api.identity.permalink)
        witness = closing.enter_context(witnessing(parts, presenter))
        rules = settings.approval
        access = Access(SlackDirectory(api), channels, settings.slack.requesters, rules)
        launcher = Launcher(
            access,
            parts.store.log,
            parts.store.claims,
            parts.store.deadlines,
            presenter,
            lambda channel: SlackBallot(api, channel, outbox.repaint),
            timers,
            parts.clock,
            poll,
            witness=witness,
        )
        desk = Desk(parts.benches, access, launcher, parts.store.log, parts.clock)
        executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="desk")
        closing.callback(executor.shutdown, wait=True, cancel_futures=True)
        app = _bolt(parts, desk, Answers(executor), api.identity.homes)
        Lookout(desk.recovery, presenter).start()
        Keeper(parts.benches, launcher).start()
        yield SlackBot(app, desk, api)


def _bolt(parts: Base, desk: Desk, answers: Answers, homes: frozenset[str]) -> App:
    slack = parts.settings.slack
    app = App(
        token=slack.bot_token.get_secret_value(),
        token_verification_enabled=False,  # it would ask before the next line; SlackApi has asked
        signing_secret=slack.signing_secret.get_secret_value(),
        request_verification_enabled=slack.mode == "http",
    )
    # A client of our own would make Bolt warn of SLACK_BOT_TOKEN, which it reads by itself
    app.client.base_url = slack.api_url
    errors.register(app, parts.store.deliveries, answers, slack.api_url, homes)
    commands.register(app, desk, answers)
    actions.register(app, desk, answers)
    reactions.register(app, desk, answers)
    return app


def _note_card(parts: Base, run_id: str, channel: str, ts: str) -> None:
    """Remember where a run's card is, so that a restarted bot paints that one."""
    draft = Draft(CARD, Phase.NOTE, run_id=run_id, channel=channel, detail={"ts": ts})
    try:
        parts.store.log.append(draft)
    except AuditUnavailable:
        logger.warning("the place of the card of run %s is not logged", run_id)
