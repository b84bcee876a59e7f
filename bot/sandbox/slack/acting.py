"""What people do: say commands, react, click, fill in modals. One `Person` is one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack import payloads, posting, reacting, responses
from bot.sandbox.slack.api.arguments import ApiError
from bot.sandbox.slack.api.views import checked_view, open_view, replace_view
from bot.sandbox.slack.channels import Channel, Ephemeral, Message
from bot.sandbox.slack.deliveries import ACK_SECONDS, Delivery
from bot.sandbox.slack.people import Json, User
from bot.sandbox.slack.records import ResponseHook
from bot.sandbox.slack.state import Workspace
from bot.sandbox.slack.views import View


class ActionRefused(Exception):
    """The person's client would not do this: not a member, no such button, an empty input."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a modal somebody submitted.

    `response_action` is "clear", "update", "push" or "errors" as the app answered, "close" for a
    plain ack, and "timeout" when no ack came within three seconds.
    """

    delivery: Delivery
    response_action: str
    errors: dict[str, str]


class Person:
    """One person of the workspace, by id or name; everything here is what a client lets them do."""

    def __init__(self, workspace: Workspace, key: str) -> None:
        self.workspace = workspace
        self.user: User = workspace.user(key)

    @property
    def id(self) -> str:
        """The user id."""
        return self.user.id

    def command(
        self, line: str, channel: str, timeout: float = ACK_SECONDS, **forged: Any
    ) -> Delivery:
        """Say a slash command and wait for its ack (seconds); a text in the ack is shown.

        `forged` replaces fields of the payload, e.g. team_id, to try what the app makes of it.
        """
        workspace = self.workspace
        with workspace.lock:
            place = self._inside(channel)
            name = line.split(" ", 1)[0]
            if workspace.commands is not None and name not in workspace.commands:
                raise ActionRefused(f"{name} is not a valid command")
            payload = payloads.slash_command(workspace, self.user, place, line) | forged
        delivery = workspace.deliveries.send(payloads.SLASH, payload)
        if workspace.deliveries.wait_for_ack(delivery, timeout) and delivery.ack:
            hook = ResponseHook(self.id, place.id, expires_at=0)
            with workspace.lock:
                responses.show(workspace, hook, delivery.ack)
        return delivery

    def react(self, emoji: str, channel: str, ts: str) -> Delivery | None:
        """React with any emoji name; returns the event's delivery, None if the app isn't told."""
        with self.workspace.lock:
            self._inside(channel)
            message = self.workspace.message(channel, ts)
            event = reacting.add(self.workspace, self.id, message, emoji)
        return payloads.send_event(self.workspace, event)

    def unreact(self, emoji: str, channel: str, ts: str) -> Delivery | None:
        """Take a reaction back."""
        with self.workspace.lock:
            message = self.workspace.message(channel, ts)
            event = reacting.remove(self.workspace, self.id, message, emoji)
        return payloads.send_event(self.workspace, event)

    def post(self, text: str, channel: str, thread_ts: str | None = None) -> Message:
        """Write a message; mentioning the bot sends app_mention."""
        workspace = self.workspace
        with workspace.lock:
            place = self._inside(channel)
            message = posting.post_as_person(workspace, self.id, place, text, thread_ts)
            event = posting.message_event(workspace, message)
        payloads.send_event(workspace, event)
        if f"<@{workspace.bot_user}>" in text:
            mention = {k: v for k, v in event.items() if k != "channel_type"}
            payloads.send_event(workspace, {**mention, "type": "app_mention"})
        return message

    def mention(self, text: str, channel: str, thread_ts: str | None = None) -> Message:
        """Write a message that begins with the bot's name."""
        return self.post(f"<@{self.workspace.bot_user}> {text}", channel, thread_ts)

    def open_home(self) -> Delivery | None:
        """Open the app's Home tab."""
        workspace = self.workspace
        with workspace.lock:
            channel = workspace.direct_channel(self.id)
            event = {
                "type": "app_home_opened",
                "user": self.id,
                "channel": channel.id,
                "tab": "home",
                "event_ts": workspace.new_ts(),
            }
        return payloads.send_event(workspace, event)

    def click(
        self,
        action_id: str,
        channel: str,
        ts: str,
        value: str | None = None,
        *,
        version: int = -1,
    ) -> Delivery:
        """Press a button, or choose `value` in a select, of a message or an ephemeral.

        `version` presses it as the message stood after that many edits: a client that has not
        repainted yet.
        """
        workspace = self.workspace
        with workspace.lock:
            place = self._inside(channel)
            blocks, container = self._clickable(place, ts, version)
            action = _action(blocks, action_id, value)
            container["channel"] = {"id": place.id, "name": place.name}
            container["response_url"] = workspace.new_response_url(self.id, place.id, ts)
            payload = payloads.block_actions(workspace, self.user, action, container)
        return self._interact(payload)

    def click_in_view(self, action_id: str, value: str | None = None) -> Delivery:
        """Press a button in the open modal or, without one, in the Home tab."""
        workspace = self.workspace
        with workspace.lock:
            view = self.modal or self.home
            if view is None:
                raise ActionRefused(f"{self.user.name} has no view open")
            action = _action(view.shown["blocks"], action_id, value)
            shown = view.as_json(workspace.team_id, workspace.app_id, workspace.bot_id)
            place: Json = {"container": {"type": "view", "view_id": view.id}, "view": shown}
            payload = payloads.block_actions(workspace, self.user, action, place)
        return self._interact(payload)

    def submit(
        self, values: dict[str, dict[str, Any]] | None = None, timeout: float = ACK_SECONDS
    ) -> Submission:
        """Fill in the open modal ({block_id: {action_id: value}}) and submit it."""
        workspace = self.workspace
        with workspace.lock:
            view = self._open_modal()
            view.fill(values or {})
            if missing := view.missing():
                raise ActionRefused(f"please complete these required fields: {missing}")
            payload = payloads.view_event(workspace, self.user, view, "view_submission")
        delivery = workspace.deliveries.send(payloads.INTERACTIVE, payload)
        if not workspace.deliveries.wait_for_ack(delivery, timeout):
            return Submission(delivery, "timeout", {})
        with workspace.lock:
            return self._settle(view, delivery)

    def close_modal(self) -> None:
        """Close the open modal; the app hears of it if it asked to (notify_on_close)."""
        workspace = self.workspace
        with workspace.lock:
            view = self._open_modal()
            view.is_open = False
            workspace.touch()
            payload = payloads.view_event(workspace, self.user, view, "view_closed")
        if view.shown.get("notify_on_close"):
            self._interact(payload)

    @property
    def modal(self) -> View | None:
        """The modal on top, None when there is none."""
        return next((view for view in self._views("modal") if view.is_open), None)

    @property
    def home(self) -> View | None:
        """The Home tab, None before the app has published it."""
        return next(iter(self._views("home")), None)

    def ephemerals(self, channel: str) -> list[Ephemeral]:
        """Return the ephemeral messages this person sees in a channel, oldest first."""
        with self.workspace.lock:
            place = self.workspace.channel(channel)
            return [e for e in place.ephemerals if e.user == self.id]

    def _views(self, kind: str) -> list[View]:
        """Return this person's views of a kind, the newest first."""
        with self.workspace.lock:
            mine = [v for v in self.workspace.views.values() if v.user == self.id]
            return [view for view in reversed(mine) if view.shown["type"] == kind]

    def _open_modal(self) -> View:
        view = self.modal
        if view is None:
            raise ActionRefused(f"{self.user.name} has no modal open")
        return view

    def _inside(self, key: str) -> Channel:
        channel = self.workspace.channel(key)
        if self.user.deleted:
            raise ActionRefused(f"{self.user.name} is deactivated")
        if self.id not in channel.members:
            raise ActionRefused(f"{self.user.name} is not in #{channel.name}")
        return channel

    def _clickable(self, place: Channel, ts: str, version: int) -> tuple[list[Json], Json]:
        workspace = self.workspace
        container: Json = {"type": "message", "message_ts": ts, "channel_id": place.id}
        whispered = next((e for e in self.ephemerals(place.id) if e.ts == ts), None)
        if whispered is not None:
            return whispered.blocks, {"container": {**container, "is_ephemeral": True}}
        message = workspace.message(place.id, ts)
        look = message.versions[version]
        shown = message.as_json(workspace.team_id) | {"text": look.text, "blocks": look.blocks}
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        return look.blocks, {"container": {**container, "is_ephemeral": False}, "message": shown}

    def _interact(self, payload: Json) -> Delivery:
        delivery = self.workspace.deliveries.send(payloads.INTERACTIVE, payload)
        self.workspace.deliveries.wait_for_ack(delivery)
        return delivery

    def _settle(self, view: View, delivery: Delivery) -> Submission:
        """Do what the app's ack of a view_submission asks for."""
        ack = delivery.ack or {}
        action = ack.get("response_action", "close")
        if action == "errors":
            view.errors = dict(ack.get("errors", {}))
            _check_errors(view)
        elif action == "update":
            replace_view(self.workspace, view, checked_view(ack.get("view"), "modal"))
        elif action == "push":
            open_view(self.workspace, self.id, checked_view(ack.get("view"), "modal"))
        else:
            closing = self._views("modal") if action == "clear" else [view]
            for shown in closing:
                shown.is_open = False
        self.workspace.touch()
        return Submission(delivery, action, view.errors)


def _check_errors(view: View) -> None:
    """Slack shows an error only below an input block; others make the submission fail."""
    blocks = {b["block_id"] for b in view.shown["blocks"] if b["type"] == "input"}
    if not view.errors or not blocks.issuperset(view.errors):
        raise ApiError("invalid_errors", blocks=sorted(set(view.errors) - blocks))


def _action(blocks: list[Json], action_id: str, value: str | None) -> Json:
    """Return the entry of `actions` for an element that is really there."""
    for block in blocks:
        for element in [block.get("accessory"), *block.get("elements", []), block.get("element")]:
            if not element or element.get("action_id") != action_id:
                continue
            if value is not None and element["type"] == "button" and element.get("value") != value:
                continue
            return {**_chosen(element, value), "block_id": block["block_id"]}
    raise ActionRefused(f"there is no {action_id!r} to press")


def _chosen(element: Json, value: str | None) -> Json:
    kept: Json = {
        k: element[k] for k in ("type", "action_id", "text", "value", "style") if k in element
    }
    if element["type"] in ("static_select", "radio_buttons", "overflow"):
        option = next((o for o in element["options"] if o["value"] == value), None)
        if option is None:
            raise ActionRefused(f"there is no option {value!r}")
        return {**kept, "selected_option": option}
    if element["type"] == "users_select":
        return {**kept, "selected_user": value}
    return kept
