"""Whether the workspace is what the settings say: tokens, scopes, channels, people; only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import partial

from bot.adapters.slack.client import Answer as Reply
from bot.adapters.slack.client import Declined, SlackApi
from bot.adapters.slack.directory import SlackDirectory
from bot.adapters.slack.roll import Roll, call_roll
from bot.core.approvals import ApprovalRules
from bot.core.errors import ChatUnavailable
from bot.core.inquiry import Answer, Inquiry
from bot.core.models import Check, Verdict
from bot.core.permissions import EVERYONE
from bot.core.ports import Clock
from bot.core.wording import counted

TOKEN, APP_TOKEN, APPROVERS, REQUESTERS = "bot token", "app token", "approvers", "requesters"

SKEW = timedelta(seconds=30)
"""A clock further off than this gives the log times nobody can match with Slack's."""

SIGNED_FOR = timedelta(minutes=5)
"""Older requests are refused in HTTP mode. Source: Slack, "Verifying requests from Slack"."""

REINSTALL = "reinstall the app from `tsbot manifest`"
_SCOPES_HEADER = "x-oauth-scopes"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the settings and the manifest say of the workspace.

    Args:
        scopes: of the bot token.
        channels: ids.
        requesters: user and usergroup ids, or ``*``.
        rules: the gate's rules, approvers among them.
    """

    scopes: Sequence[str]
    channels: tuple[str, ...]
    requesters: tuple[str, ...]
    rules: ApprovalRules


class WorkspaceChecks:
    """Looks at one workspace.

    Args:
        api: with the bot token, patient; None where there is no token.
        app: with the app-level token; None where it is missing or, in HTTP mode, not needed.
        expected: what should be there.
        clock: ours, to be compared with Slack's.
    """

    def __init__(
        self, api: SlackApi | None, app: SlackApi | None, expected: Expected, clock: Clock
    ) -> None:
        self._api, self._app, self._expected, self._clock = api, app, expected, clock
        self._reply = Reply({}, {})
        self._can_approve = self._can_request = Roll(frozenset())

    def run(self, *, socket_mode: bool) -> Iterator[Check]:
        """Yield one check a question.

        Args:
            socket_mode: whether the app token has to open a connection.
        """
        ask = Inquiry().ask
        yield ask(TOKEN, self._token, "set SLACK_BOT_TOKEN to the token of the installed app")
        if socket_mode:
            generate = "set SLACK_APP_TOKEN to an app-level token with connections:write"
            yield ask(APP_TOKEN, self._connection, generate)
        yield ask("scopes", self._scopes, REINSTALL, TOKEN)
        yield ask("clock", self._skew, "let NTP set this machine's clock", TOKEN)
        if not self._expected.channels:
            yield ask("channels", _no_channel, "name at least one in slack.channels", TOKEN)
        for channel in self._expected.channels:
            correct = "correct slack.channels, or invite the bot there"
            yield ask(f"channel {channel}", partial(self._channel, channel), correct, TOKEN)
        yield ask(APPROVERS, self._approvers, "correct approval.approvers", TOKEN)
        yield ask(REQUESTERS, self._requesters, "correct slack.requesters", TOKEN)
        more = "name more approvers, or lower approval.quorum"
        yield ask("quorum", self._quorum, more, APPROVERS, REQUESTERS)

    def _token(self) -> Answer:
        self._reply = self._bot().ask("auth.test", {})
        us = self._reply.body
        if not us.get("bot_id"):
            return Verdict.FAILED, "it is not a bot's", ""
        return Verdict.OK, f"@{us.get('user')} in {us.get('team')} ({us.get('team_id')})", ""

    def _connection(self) -> Answer:
        if self._app is None:
            return Verdict.FAILED, "SLACK_APP_TOKEN is not set", ""
        self._app.ask("apps.connections.open", {})
        return Verdict.OK, "Slack offers a Socket Mode connection", ""

    def _scopes(self) -> Answer:
        header = self._reply.headers.get(_SCOPES_HEADER)
        if header is None:
            return Verdict.UNKNOWN, f"Slack sent no {_SCOPES_HEADER}", ""
        granted = {scope.strip() for scope in header.split(",")}
        missing = [scope for scope in self._expected.scopes if scope not in granted]
        if missing:
            return Verdict.FAILED, f"missing: {', '.join(missing)}", ""
        return Verdict.OK, f"all {len(self._expected.scopes)} granted", ""

    def _skew(self) -> Answer:
        ours, header = self._clock.now(), self._reply.headers.get("date", "")
        try:
            off = abs(ours - parsedate_to_datetime(header))
        except (ValueError, TypeError):  # no date, or one without a zone
            return Verdict.UNKNOWN, "Slack's answer has no date", ""
        evidence = f"{off.total_seconds():.0f} s from Slack's"
        if off >= SIGNED_FOR:
            return Verdict.FAILED, f"{evidence}; HTTP mode would refuse every request", ""
        return (Verdict.WARNING if off > SKEW else Verdict.OK), evidence, ""

    def _channel(self, channel: str) -> Answer:
        try:
            found = self._bot().read("conversations.info", {"channel": channel})["channel"]
        except Declined as refusal:
            if refusal.code != "channel_not_found":
                raise
            return Verdict.FAILED, "there is none, or it is private and the bot is not in it", ""
        name = f"#{found.get('name')}"
        if found.get("is_archived"):
            return Verdict.FAILED, f"{name} is archived", "unarchive it, or correct slack.channels"
        if not found.get("is_member"):
            return Verdict.FAILED, f"the bot is not in {name}", "type /invite @tsbot there"
        return Verdict.OK, f"the bot is in {name}", ""

    def _approvers(self) -> Answer:
        self._can_approve = self._roll(self._expected.rules.approvers)
        return _judged(self._can_approve, "nobody can approve a restore")

    def _requesters(self) -> Answer:
        named = tuple(who for who in self._expected.requesters if who != EVERYONE)
        self._can_request = self._roll(named)
        if self._everyone and not named:
            return Verdict.OK, "every full member who is in the channel", ""
        return _judged(self._can_request, "nobody can ask for a restore")

    def _quorum(self) -> Answer:
        """Whether enough others are left to approve, whoever asks."""
        rules, can = self._expected.rules, self._can_approve.fit
        there = f"{rules.quorum} needed, {len(can)} can approve"
        if len(can) < rules.quorum:
            return Verdict.FAILED, there, ""
        if rules.self_approval:
            return Verdict.OK, f"{there}, the requester may be one of them", ""
        asking = self._can_request.fit | (can if self._everyone else frozenset())
        stuck = sorted(who for who in asking if len(can - {who}) < rules.quorum)
        if not stuck:
            return Verdict.OK, f"{there}, the requester not counted", ""
        evidence = f"{there}, the requester not counted: never reached where {_or(stuck)} asks"
        listed = self._can_request.fit.intersection(stuck)
        return (Verdict.FAILED if listed else Verdict.WARNING), evidence, ""

    @property
    def _everyone(self) -> bool:
        return EVERYONE in self._expected.requesters

    def _roll(self, ids: Sequence[str]) -> Roll:
        return call_roll(SlackDirectory(self._bot()), ids)

    def _bot(self) -> SlackApi:
        if self._api is None:
            raise ChatUnavailable("SLACK_BOT_TOKEN is not set")
        return self._api


def _no_channel() -> Answer:
    return Verdict.FAILED, "none is named, so no command is taken anywhere", ""


def _judged(roll: Roll, none: str) -> Answer:
    said = " ".join([*roll.wrong, *roll.odd])
    if roll.wrong or not roll.fit:
        return Verdict.FAILED, said or f"nobody active is on the list: {none}", ""
    number = counted(len(roll.fit), "active member")
    return (Verdict.WARNING, f"{number}. {said}", "") if said else (Verdict.OK, number, "")


def _or(ids: Sequence[str]) -> str:
    return " or ".join(ids)
