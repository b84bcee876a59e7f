"""Gate messages: posted, read back and closed. Nothing here trusts an event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.adapters.slack.blocks import Json, Look, mentions_only, section
from bot.adapters.slack.blocks_gate import gate
from bot.adapters.slack.client import Declined, SlackApi
from bot.adapters.slack.echo import unchanged
from bot.core.approvals import APPROVE, VETO, GateNotice
from bot.core.errors import ChatUnavailable
from bot.core.ports.chat import BallotReading, BallotRef, Reaction

log = logging.getLogger(__name__)


class SlackBallot:
    """The port Ballot.

    Args:
        api: patient, since the gate waits for it anyway.
        channel: where gates open.
        repaint: shows a closed gate, by its channel and ts, when Slack takes it; must not block.
    """

    def __init__(
        self, api: SlackApi, channel: str, repaint: Callable[[str, str, Look], None]
    ) -> None:
        self._api, self._channel, self._repaint = api, channel, repaint

    def open(self, notice: GateNotice) -> BallotRef:
        """Post the gate's own message and seed both marks."""
        answer = self._post({}, gate(notice))
        ref = BallotRef(str(answer.get("channel") or self._channel), str(answer["ts"]))
        for name in (APPROVE, VETO):
            self._seed(ref, name)
        return ref

    def read(self, ref: BallotRef, notice: GateNotice) -> BallotReading:
        """Read all marks, and whether the message still says what was posted."""
        arguments = {"channel": ref.channel, "timestamp": ref.ts, "full": "true"}
        try:
            answer = self._api.read("reactions.get", arguments)
        except Declined as refusal:
            if refusal.code == "message_not_found":
                return BallotReading((), untampered=False)
            raise
        ours = self._api.identity.user_id
        marks = (r for r in _reactions(answer.get("message") or {}) if r.user_id != ours)
        return BallotReading(tuple(dict.fromkeys(marks)), self._untampered(ref, notice))

    def close(self, ref: BallotRef, notice: GateNotice, outcome: str) -> None:
        """Have the message repainted with how it ended; an approved run does not wait for that."""
        self._repaint(ref.channel, ref.ts, gate(notice, outcome))

    def answer(self, ref: BallotRef, text: str) -> None:
        """Say something in the message's thread; mentions in it work, and nothing else does."""
        told = mentions_only(text)
        self._post({"channel": ref.channel, "thread_ts": ref.ts}, Look(told, [section(told)]))

    def _post(self, where: Json, look: Look) -> Mapping[str, Any]:
        body = {"channel": self._channel, "text": look.text, "blocks": look.blocks, **where}
        quiet = {"unfurl_links": False, "unfurl_media": False}
        return self._api.write("chat.postMessage", {**body, **quiet})

    def _seed(self, ref: BallotRef, name: str) -> None:
        """Put a mark there to be clicked; without it people can still choose it themselves.

        A failure must not fail the opening: that would post the gate, mentions and all, again.
        """
        try:
            arguments = {"channel": ref.channel, "timestamp": ref.ts, "name": name}
            self._api.write("reactions.add", arguments)
        except ChatUnavailable as trouble:
            log.warning("could not seed :%s: on the gate: %s", name, trouble)

    def _untampered(self, ref: BallotRef, notice: GateNotice) -> bool:
        """Read the message from the channel's history and compare it with what was posted."""
        arguments = {"channel": ref.channel, "latest": ref.ts, "inclusive": "true", "limit": "1"}
        messages = self._api.read("conversations.history", arguments).get("messages") or []
        message = next((m for m in messages if m.get("ts") == ref.ts), None)
        return message is not None and self._is_ours(message) and unchanged(message, gate(notice))

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        us = self._api.identity
        if not us.user_id:
            raise ChatUnavailable("Slack did not say who we are")
        return message.get("user") == us.user_id and message.get("bot_id", us.bot_id) == us.bot_id


def _reactions(message: Mapping[str, Any]) -> Iterator[Reaction]:
    """Yield each person's marks without skin tones, which Slack appends as ``::skin-tone-N``."""
    for reaction in message.get("reactions") or ():
        name = str(reaction.get("name", "")).split("::", 1)[0]
        for user in reaction.get("users") or ():
            yield Reaction(name, str(user))
