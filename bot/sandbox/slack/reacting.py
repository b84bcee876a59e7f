"""Reactions, by the bot and by people: the same rules and the same events for both."""

from __future__ import annotations

import re

from bot.sandbox.slack import payloads
from bot.sandbox.slack.channels import Message
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.state import Workspace

EMOJI_NAME = re.compile(r"[\w+'-]+(::skin-tone-[2-6])?")


class ReactionRefused(Exception):
    """already_reacted, no_reaction or invalid_name."""


def add(workspace: Workspace, user_id: str, message: Message, name: str) -> Json:
    """Add a reaction and return its event; the lock must be held."""
    if not EMOJI_NAME.fullmatch(name):
        raise ReactionRefused("invalid_name")
    people = message.reactions.setdefault(name, [])
    if user_id in people:
        raise ReactionRefused("already_reacted")
    people.append(user_id)
    return _event(workspace, "reaction_added", user_id, message, name)


def remove(workspace: Workspace, user_id: str, message: Message, name: str) -> Json:
    """Take a reaction back and return its event; the lock must be held."""
    people = message.reactions.get(name, [])
    if user_id not in people:
        raise ReactionRefused("no_reaction")
    people.remove(user_id)
    if not people:
        del message.reactions[name]
    return _event(workspace, "reaction_removed", user_id, message, name)


def _event(workspace: Workspace, kind: str, user_id: str, message: Message, name: str) -> Json:
    workspace.touch()
    return payloads.reaction_event(workspace, kind, user_id, name, (message.channel, message.ts))
