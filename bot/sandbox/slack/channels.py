"""Channels and what stands in them: messages with their history, reactions, ephemerals."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.sandbox.slack.people import Json


@dataclass(frozen=True, slots=True)
class Version:
    """How a message looked from one edit to the next."""

    text: str
    blocks: list[Json]


@dataclass(slots=True)
class Message:
    """A message in a channel; `versions` keeps every look it had, the newest last."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    bot_id: str | None = None
    app_id: str | None = None
    thread_ts: str | None = None
    reply_broadcast: bool = False
    edited: Json | None = None
    metadata: Json | None = None
    files: list[Json] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.versions.append(Version(self.text, self.blocks))

    @property
    def edits(self) -> int:
        """How often the message was changed since it was posted."""
        return len(self.versions) - 1

    def change(self, text: str, blocks: list[Json]) -> None:
        """Give the message a new look and remember the old one."""
        self.text, self.blocks = text, blocks
        self.versions.append(Version(text, blocks))

    def reactions_json(self, *, full: bool = True, cut: int = 2) -> list[Json]:
        """Return the reactions; unless `full`, at most `cut` people each, the count staying true.

        Slack cuts the list too (docs.slack.dev/reference/methods/reactions.get), at a length it
        does not promise; a short one shows a bot that trusts it sooner.
        """
        return [
            {"name": name, "users": users[:] if full else users[:cut], "count": len(users)}
            for name, users in self.reactions.items()
        ]

    def as_json(self, team_id: str) -> Json:
        """Return the message object of the Web API, without thread counts and reactions."""
        shown: Json = {
            "type": "message",
            "user": self.user,
            "text": self.text,
            "ts": self.ts,
            "team": team_id,
        }
        optional: Json = {
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "thread_ts": self.thread_ts,
            "edited": self.edited,
            "metadata": self.metadata,
            "blocks": self.blocks,
            "files": self.files,
        }
        if self.reply_broadcast:
            shown["subtype"] = "thread_broadcast"
        return shown | {key: value for key, value in optional.items() if value}


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A message only one person sees; Slack keeps it nowhere, so apps cannot read or edit it."""

    channel: str
    user: str
    ts: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None


@dataclass(slots=True)
class Channel:
    """A public or private channel, or a direct message between a person and the bot."""

    id: str
    name: str
    members: list[str] = field(default_factory=list)
    is_private: bool = False
    is_archived: bool = False
    is_im: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: list[Ephemeral] = field(default_factory=list)

    def thread(self, parent_ts: str) -> list[Message]:
        """Return the replies under a message, oldest first, without the parent."""
        return [m for m in self.messages.values() if m.thread_ts == parent_ts and m.ts != parent_ts]

    def timeline(self) -> list[Message]:
        """Return what stands in the channel itself (no thread replies), oldest first."""
        return [
            m for m in self.messages.values() if m.thread_ts in (None, m.ts) or m.reply_broadcast
        ]

    def message_json(self, message: Message, team_id: str) -> Json:
        """Return a message as history shows it: with reactions and the thread's counts."""
        shown = message.as_json(team_id)
        if message.reactions:
            shown["reactions"] = message.reactions_json()
        replies = self.thread(message.ts)
        if replies:
            shown |= {
                "thread_ts": message.ts,
                "reply_count": len(replies),
                "reply_users": sorted({reply.user for reply in replies}),
                "latest_reply": replies[-1].ts,
            }
        return shown

    def as_json(self, viewer: str) -> Json:
        """Return the conversation object as `viewer` sees it."""
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private and not self.is_im,
            "is_group": self.is_private,
            "is_im": self.is_im,
            "is_private": self.is_private or self.is_im,
            "is_archived": self.is_archived,
            "is_member": viewer in self.members,
            "is_ext_shared": False,
        }
