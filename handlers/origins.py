"""Who asked, and where, as Slack's payloads say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.core.models import Origin, Person

Payload = Mapping[str, Any]


def of_command(body: Payload) -> Origin:
    """Return the origin of a slash command."""
    person = Person(str(body["user_id"]), str(body.get("user_name") or body["user_id"]))
    return Origin(
        person,
        str(body.get("channel_id", "")),
        str(body.get("channel_name", "")),
        str(body.get("trigger_id", "")),
    )


def of_action(body: Payload) -> Origin:
    """Return the origin of a click on one of our messages."""
    user, channel = body["user"], body.get("channel") or {}
    name = str(user.get("username") or user.get("name") or user["id"])
    return Origin(
        Person(str(user["id"]), name),
        str(channel.get("id", "")),
        str(channel.get("name", "")),
        str(body.get("trigger_id", "")),
    )


def label_and_value(body: Payload) -> tuple[str, str]:
    """Return what a clicked button said, empty where it said nothing, and what it is about."""
    action = body["actions"][0]
    label = action.get("text") or {}
    return str(label.get("text", "")), str(action.get("value", ""))


def of_event(body: Payload) -> Origin:
    """Return the origin of an event that has a user and a channel."""
    event = body["event"]
    user = str(event.get("user", ""))
    delivery = str(body.get("event_id", ""))
    return Origin(Person(user, user), str(event.get("channel", "")), delivery=delivery)


def delivery_id(body: Payload) -> str:
    """Return what two deliveries of one thing have in common, empty where nothing does."""
    return str(body.get("event_id") or body.get("trigger_id") or "")
