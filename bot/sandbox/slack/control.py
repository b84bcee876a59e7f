"""POST /control/<verb>: acting as people and reading the workspace, from another process.

The body is a JSON object of arguments; the answer is {"ok": true, "result": …}, or ok=false with
a sentence. Verbs that act as somebody take `as`, a user's id or name. `VERBS` is the whole list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.acting import ActionRefused, Person
from bot.sandbox.slack.api.arguments import ApiError
from bot.sandbox.slack.deliveries import Delivery
from bot.sandbox.slack.page.look import look
from bot.sandbox.slack.people import Json, User
from bot.sandbox.slack.reacting import ReactionRefused
from bot.sandbox.slack.state import Workspace

if TYPE_CHECKING:
    from typing import Protocol

    from bot.sandbox.slack.socket_mode import SocketHub

    class Host(Protocol):
        """What runs the verbs: the server."""

        workspace: Workspace
        sockets: SocketHub

        def sever(self) -> None:
            """Cut all connections."""


MOST_WAIT = 25.0
USER_FIELDS = {field.name for field in fields(User)} - {"id"}


def run(host: Host, verb: str, args: Json) -> tuple[HTTPStatus, Json]:
    """Run a verb; errors of the caller come back as 400 with a sentence."""
    try:
        if verb in ACTS:
            person = Person(host.workspace, args.pop("as"))
            return HTTPStatus.OK, {"ok": True, "result": ACTS[verb](person, **args)}
        if verb in VERBS:
            return HTTPStatus.OK, {"ok": True, "result": VERBS[verb](host, **args)}
    except (LookupError, TypeError, ValueError, ActionRefused, ReactionRefused, ApiError) as error:
        sentence = f"{type(error).__name__}: {error}"
        return HTTPStatus.BAD_REQUEST, {"ok": False, "error": sentence}
    return HTTPStatus.NOT_FOUND, {"ok": False, "error": f"no verb {verb!r}"}


def _sent(delivery: Delivery | None) -> Json | None:
    return None if delivery is None else delivery.as_json()


def _submit(person: Person, **args: Any) -> Json:
    done = person.submit(**args)
    action = done.response_action
    return {"response_action": action, "errors": done.errors, "delivery": _sent(done.delivery)}


def _click_in_view(
    person: Person, values: dict[str, dict[str, Any]] | None = None, **args: Any
) -> Json | None:
    """What was typed so far goes along, as `view.state` does on Slack."""
    if values and person.modal is not None:
        person.modal.fill(values)
    return _sent(person.click_in_view(**args))


def _view(person: Person, kind: str = "modal") -> Json | None:
    view = person.home if kind == "home" else person.modal
    if view is None:
        return None
    return {"id": view.id, "errors": view.errors, **view.shown}


ACTS: dict[str, Callable[..., Any]] = {
    "command": lambda person, **args: _sent(person.command(**args)),
    "react": lambda person, **args: _sent(person.react(**args)),
    "unreact": lambda person, **args: _sent(person.unreact(**args)),
    "click": lambda person, **args: _sent(person.click(**args)),
    "click_in_view": _click_in_view,
    "submit": _submit,
    "close_modal": lambda person: person.close_modal(),
    "post": lambda person, **args: person.post(**args).ts,
    "mention": lambda person, **args: person.mention(**args).ts,
    "home": lambda person: _sent(person.open_home()),
    "view": _view,
    "look": look,
    "ephemerals": lambda person, channel: [asdict(e) for e in person.ephemerals(channel)],
}


def _messages(host: Host, channel: str, since: str = "") -> list[Json]:
    workspace = host.workspace
    with workspace.lock:
        place = workspace.channel(channel)
        return [
            place.message_json(m, workspace.team_id)
            | {"edits": m.edits, "versions": [asdict(version) for version in m.versions]}
            for m in place.messages.values()
            if m.ts > since
        ]


def _people(host: Host) -> Json:
    workspace = host.workspace
    with workspace.lock:
        return {
            "users": [asdict(user) for user in workspace.users.values()],
            "usergroups": [asdict(group) for group in workspace.usergroups.values()],
            "channels": [
                {"id": c.id, "name": c.name, "members": c.members, "is_private": c.is_private}
                for c in workspace.channels.values()
            ],
        }


def _user(host: Host, key: str, **values: Any) -> Json:
    if unknown := values.keys() - USER_FIELDS:
        raise ValueError(f"no such fields of a user: {sorted(unknown)}")
    with host.workspace.lock:
        user = host.workspace.user(key)
        for name, value in values.items():
            setattr(user, name, value)
        host.workspace.touch()
        return asdict(user)


def _usergroup(host: Host, key: str, users: list[str]) -> Json:
    with host.workspace.lock:
        group = host.workspace.usergroup(key)
        group.users = [host.workspace.user(user).id for user in users]
        host.workspace.touch()
        return asdict(group)


def _wait(host: Host, revision: int, timeout: float = MOST_WAIT) -> int:
    """Return the workspace's revision as soon as it differs from the caller's, or after a while."""
    workspace = host.workspace
    with workspace.changed:
        longest = min(timeout, MOST_WAIT)
        workspace.changed.wait_for(lambda: workspace.revision != revision, longest)
        return workspace.revision


def _fault(host: Host, switch: str, **args: Any) -> None:
    faults = host.workspace.faults
    with host.workspace.lock:
        if switch in ("dead", "silent", "zombie", "twice"):
            setattr(faults, switch, bool(args.get("on", True)))
        elif switch in ("rate_limit", "fail", "drop", "skip_event", "duplicate", "clear"):
            getattr(faults, switch)(**args)
        else:
            raise LookupError(f"no fault switch {switch!r}")
    if switch == "dead" and faults.dead:
        host.sever()


def _redeliver(host: Host, envelope_id: str, attempt: int = 1) -> Json:
    records = host.workspace.deliveries.records
    found = next((d for d in records if d.envelope_id == envelope_id), None)
    if found is None:
        raise LookupError(f"no delivery {envelope_id}")
    return host.workspace.deliveries.redeliver(found, attempt).as_json()


def _tamper(host: Host, **args: Any) -> None:
    host.workspace.tamper(**args)


VERBS: dict[str, Callable[..., Any]] = {
    "messages": _messages,
    "people": _people,
    "user": _user,
    "usergroup": _usergroup,
    "calls": lambda host, method=None: [asdict(c) for c in host.workspace.calls(method)],
    "deliveries": lambda host: [d.as_json() for d in host.workspace.deliveries.records],
    "wait": _wait,
    "fault": _fault,
    "tamper": _tamper,
    "redeliver": _redeliver,
    "disconnect": lambda host, reason="warning": host.sockets.disconnect(reason),
    "sever": lambda host: host.sever(),
}
