"""From a method's name to its answer: token, scope, faults of the arguments, the call log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.slack.api.arguments import ApiError, Call
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.records import ApiCall, Token
from bot.sandbox.slack.state import Workspace

Method = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Registered:
    """A method, the scopes of which one is needed, and the kind of token it takes."""

    run: Method
    scopes: tuple[str, ...]
    kind: str


METHODS: dict[str, Registered] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller, and the events to send afterwards."""

    body: Json
    scopes: frozenset[str]
    events: list[Json]


def method(name: str, *scopes: str, kind: str = "bot") -> Callable[[Method], Method]:
    """Register a function as a Web API method."""

    def register(run: Method) -> Method:
        METHODS[name] = Registered(run, scopes, kind)
        return run

    return register


def call(workspace: Workspace, name: str, token: str | None, args: Json) -> Answer:
    """Run a method under the workspace's lock; every call ends up in the log."""
    with workspace.lock:
        events: list[Json] = []
        known = workspace.tokens.get(token or "")
        try:
            body = {"ok": True, **_run(workspace, name, token, known, args, events)}
        except ApiError as error:
            events.clear()
            body = {"ok": False, "error": error.code, **error.extra}
        workspace.log.append(ApiCall(name, args, workspace.now(), body.get("error")))
        workspace.touch()
        return Answer(body, known.scopes if known else frozenset(), events)


def _run(
    workspace: Workspace,
    name: str,
    token: str | None,
    known: Token | None,
    args: Json,
    events: list[Json],
) -> Json:
    registered = METHODS.get(name)
    if registered is None:
        raise ApiError("unknown_method", req_method=name)
    if not token:
        raise ApiError("not_authed")
    if known is None:
        raise ApiError("invalid_auth")
    if registered.kind not in ("any", known.kind):
        raise ApiError("not_allowed_token_type")
    if workspace.users[known.user_id].deleted:
        raise ApiError("account_inactive")
    current = Call(workspace, known, args, events)
    if registered.scopes:
        current.require_scope(*registered.scopes)
    return registered.run(current)
