"""The workspace's state: people, channels, views, tokens, and everything that happened.

One lock guards all of it; `changed` is notified after each change, so that tests can wait for
what they expect instead of sleeping.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import TypeVar

from bot.sandbox.slack.channels import Channel, Message
from bot.sandbox.slack.deliveries import Deliveries
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.people import Json, User, UserGroup
from bot.sandbox.slack.records import ApiCall, ResponseHook, Token, Trigger, Upload
from bot.sandbox.slack.views import View

T = TypeVar("T")

BOT_SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "reactions:read",
        "reactions:write",
        "users:read",
        "usergroups:read",
        "app_mentions:read",
        "channels:read",
        "groups:read",
        "channels:history",
        "groups:history",
        "im:history",
        "files:write",
    }
)
EVENTS = frozenset({"reaction_added", "reaction_removed", "app_mention", "app_home_opened"})
TRIGGER_SECONDS = 3.0
POLL_SECONDS = 0.02  # what is waited for may lie outside the workspace, where nobody notifies


class Workspace:
    """A local stand-in for one Slack workspace with one app installed.

    `commands` are the slash commands the app declared (None: any); `now` gives seconds since the
    epoch and may be replaced to let trigger_ids and response_urls expire.
    """

    def __init__(
        self,
        name: str = "sandbox",
        team_id: str = "T0SANDBOX",
        *,
        bot_token: str = "xoxb-sandbox",
        app_token: str = "xapp-sandbox",
        signing_secret: str = "sandbox-signing-secret",
        bot_scopes: Iterable[str] = BOT_SCOPES,
        commands: Iterable[str] | None = None,
        events: Iterable[str] = EVENTS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.team_id, self.now = name, team_id, now
        self.app_id, self.bot_user, self.bot_id = "A0TSBOT", "U0TSBOT", "B0TSBOT"
        self.signing_secret = signing_secret
        self.commands = None if commands is None else frozenset(commands)
        self.events = frozenset(events)
        self.base_url = "http://127.0.0.1:0"
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.faults = Faults()
        self.deliveries = Deliveries(self.changed, self.faults)
        self.users: dict[str, User] = {}
        self.usergroups: dict[str, UserGroup] = {}
        self.channels: dict[str, Channel] = {}
        self.views: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.hooks: dict[str, ResponseHook] = {}
        self.uploads: dict[str, Upload] = {}
        self.tokens: dict[str, Token] = {}
        self.tickets: set[str] = set()
        self.log: list[ApiCall] = []
        self.revision = 0
        self._last_ts = 0
        self.add_user("tsbot", id=self.bot_user, is_bot=True)
        self.add_token(bot_token, bot_scopes)
        self.add_token(app_token, {"connections:write"}, kind="app")

    def add_user(self, name: str, *, id: str | None = None, **flags: str | bool) -> User:
        """Add an account; `flags` are the other fields of `User`, e.g. is_restricted=True."""
        with self.lock:
            user_id = id or f"U0{name.upper().replace('.', '')}"
            fields: Json = {"real_name": name.title(), "team_id": self.team_id, **flags}
            self.users[user_id] = User(user_id, name, **fields)
            self.touch()
            return self.users[user_id]

    def add_usergroup(self, handle: str, users: Iterable[str], id: str | None = None) -> UserGroup:
        """Add a usergroup of people given by id or name."""
        group_id = id or f"S0{handle.upper()}"
        with self.lock:
            members = [self.user(user).id for user in users]
            self.usergroups[group_id] = UserGroup(group_id, handle, self.team_id, members)
            self.touch()
            return self.usergroups[group_id]

    def add_channel(
        self,
        name: str,
        members: Iterable[str] | None = None,
        *,
        id: str | None = None,
        with_bot: bool = True,
        is_private: bool = False,
    ) -> Channel:
        """Add a channel; `members` by id or name, None for everybody there is now."""
        with self.lock:
            people = list(self.users) if members is None else [self.user(m).id for m in members]
            inside = [p for p in people if p != self.bot_user] + [self.bot_user] * with_bot
            channel_id = id or f"C0{name.upper().replace('-', '')}"
            self.channels[channel_id] = Channel(channel_id, name, inside, is_private)
            self.touch()
            return self.channels[channel_id]

    def add_token(
        self, value: str, scopes: Iterable[str], *, kind: str = "bot", user: str | None = None
    ) -> Token:
        """Add a token of our bot, or of another app whose bot account `user` names."""
        user_id = self.bot_user if user is None else self.user(user).id
        bot_id = self.bot_id if user is None else f"B{user_id[1:]}"
        self.tokens[value] = Token(value, kind, user_id, bot_id, frozenset(scopes))
        return self.tokens[value]

    def user(self, key: str) -> User:
        """Find an account by id or name; raises LookupError."""
        return _find(self.users, key, "person")

    def usergroup(self, key: str) -> UserGroup:
        """Find a usergroup by id; raises LookupError."""
        group = next((g for g in self.usergroups.values() if key in (g.id, g.handle)), None)
        if group is None:
            raise LookupError(f"no usergroup {key!r} in the sandbox workspace")
        return group

    def channel(self, key: str) -> Channel:
        """Find a channel by id or name (with or without #); raises LookupError."""
        return _find(self.channels, key.removeprefix("#"), "channel")

    def direct_channel(self, user_id: str) -> Channel:
        """Return the direct message channel between a person and the bot, made on first use."""
        key = f"D{user_id[1:]}"
        if key not in self.channels:
            members = [user_id, self.bot_user]
            self.channels[key] = Channel(key, f"dm-{user_id}", members, is_im=True)
        return self.channels[key]

    def message(self, channel: str, ts: str) -> Message:
        """Find a message; raises LookupError."""
        found = self.channel(channel).messages.get(ts)
        if found is None:
            raise LookupError(f"no message {ts} in {channel}")
        return found

    def messages(self, channel: str) -> list[Message]:
        """Return all messages of a channel, thread replies too, oldest first."""
        with self.lock:
            return list(self.channel(channel).messages.values())

    def calls(self, method: str | None = None) -> list[ApiCall]:
        """Return the Web API calls so far, oldest first, of one method or all."""
        with self.lock:
            return [call for call in self.log if method in (None, call.method)]

    def tamper(
        self, channel: str, ts: str, text: str | None = None, blocks: list[Json] | None = None
    ) -> None:
        """Change a message behind its author's back, as somebody with the stolen token would."""
        with self.lock:
            message = self.message(channel, ts)
            message.change(
                message.text if text is None else text,
                message.blocks if blocks is None else blocks,
            )
            self.touch()

    def new_ts(self) -> str:
        """Return a message timestamp that no other has, in rising order."""
        with self.lock:
            self._last_ts = max(self._last_ts + 1, int(self.now() * 1_000_000))
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_trigger(self, user_id: str) -> str:
        """Return a fresh trigger_id for something a person did."""
        with self.lock:
            trigger_id = f"{len(self.triggers) + 1}.{self.team_id}.{uuid.uuid4().hex}"
            self.triggers[trigger_id] = Trigger(user_id, self.now() + TRIGGER_SECONDS)
            return trigger_id

    def new_response_url(self, user_id: str, channel_id: str, ts: str | None = None) -> str:
        """Return a fresh response_url; `ts` is the message it may replace."""
        with self.lock:
            key = uuid.uuid4().hex
            expires = self.now() + 30 * 60
            self.hooks[key] = ResponseHook(user_id, channel_id, expires, ts)
            return f"{self.base_url}/response/{key}"

    def touch(self) -> None:
        """Note a change and wake whoever waits."""
        with self.changed:
            self.revision += 1
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], T], timeout: float = 5.0, what: str = "") -> T:
        """Wait until `condition()` is truthy and return its value; TimeoutError after seconds.

        The lock is not held meanwhile, so that a condition may call the server itself.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            seen = self.revision
            if found := condition():
                return found
            with self.changed:
                if self.revision == seen:
                    self.changed.wait(POLL_SECONDS)
        recent = [f"{call.method}{'' if call.error is None else '!'}" for call in self.log[-8:]]
        raise TimeoutError(f"{what or 'nothing'} within {timeout} s; last calls: {recent}")


K = TypeVar("K", User, Channel)


def _find(table: dict[str, K], key: str, what: str) -> K:
    if key in table:
        return table[key]
    for item in table.values():
        if item.name == key:
            return item
    raise LookupError(f"no {what} {key!r} in the sandbox workspace")
