"""views.open, views.push, views.update and views.publish."""

from __future__ import annotations

import uuid
from typing import Any

from bot.sandbox.slack.api.arguments import ApiError, Call, invalid
from bot.sandbox.slack.api.blocks import VIEW_BLOCKS, checked_blocks
from bot.sandbox.slack.api.dispatch import method
from bot.sandbox.slack.api.elements import check_text
from bot.sandbox.slack.markup import stored_blocks
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.state import Workspace
from bot.sandbox.slack.views import View


@method("views.open")
def views_open(call: Call) -> Json:
    """Open a modal for the person whose trigger_id it is."""
    view = checked_view(call.parsed("view", "invalid_arguments"), "modal")
    return _shown(call, open_view(call.workspace, _exchange(call), view))


@method("views.push")
def views_push(call: Call) -> Json:
    """Open a modal on top of the one that is open."""
    return views_open(call)


@method("views.update")
def views_update(call: Call) -> Json:
    """Replace a view by view_id or external_id; with `hash`, only if nobody was faster."""
    key = call.text("view_id", "") or call.text("external_id")
    open_views = [v for v in call.workspace.views.values() if v.is_open]
    found = next((v for v in open_views if key in (v.id, v.shown.get("external_id"))), None)
    if found is None:
        raise ApiError("not_found")
    if call.text("hash", found.hash) != found.hash:
        raise ApiError("hash_conflict")
    wanted = found.shown["type"]
    replace_view(
        call.workspace, found, checked_view(call.parsed("view", "invalid_arguments"), wanted)
    )
    return _shown(call, found)


@method("views.publish")
def views_publish(call: Call) -> Json:
    """Put up a person's Home tab."""
    user = call.user("user_id")
    shown = checked_view(call.parsed("view", "invalid_arguments"), "home")
    homes = [v for v in call.workspace.views.values() if v.user == user.id]
    home = next((v for v in homes if v.shown["type"] == "home"), None)
    if home is None:
        return _shown(call, open_view(call.workspace, user.id, shown))
    if call.text("hash", home.hash) != home.hash:
        raise ApiError("hash_conflict")
    replace_view(call.workspace, home, shown)
    return _shown(call, home)


def checked_view(view: Any, kind: str) -> Json:
    """Return a view that keeps Slack's limits, or raise invalid_arguments, invalid_blocks."""
    if not isinstance(view, dict) or view.get("type") != kind:
        raise invalid(f"must be a view of type {kind} [json-pointer:/view]")
    blocks = checked_blocks(view.get("blocks"), VIEW_BLOCKS)
    if kind == "modal":
        _check_modal(view, blocks)
    if len(view.get("private_metadata") or "") > 3000:
        raise invalid("must be less than 3001 characters [json-pointer:/view/private_metadata]")
    return view


def open_view(workspace: Workspace, user_id: str, shown: Json) -> View:
    """Show a view to a person; the lock must be held."""
    view = View(f"V{uuid.uuid4().hex[:10].upper()}", user_id, {}, "")
    workspace.views[view.id] = view
    replace_view(workspace, view, shown)
    return view


def replace_view(workspace: Workspace, view: View, shown: Json) -> None:
    """Give a view a new content and a new hash; what was typed into blocks that stay is kept."""
    view.shown = {**shown, "blocks": stored_blocks(shown["blocks"])}
    view.hash = f"{workspace.new_ts()}.{uuid.uuid4().hex[:8]}"
    view.errors = {}
    workspace.touch()


def _check_modal(view: Json, blocks: list[Json]) -> None:
    problems = list(check_text(view.get("title"), 24, "/view/title", plain=True))
    for part in ("submit", "close"):
        if view.get(part) is not None:
            problems += check_text(view[part], 24, f"/view/{part}", plain=True)
    if not view.get("submit") and any(block["type"] == "input" for block in blocks):
        problems.append("must define `submit` to use an `input` block [json-pointer:/view]")
    if problems:
        raise invalid("; ".join(problems))


def _exchange(call: Call) -> str:
    trigger = call.workspace.triggers.get(call.text("trigger_id"))
    if trigger is None:
        raise ApiError("invalid_trigger_id")
    if trigger.used:
        raise ApiError("exchanged_trigger_id")
    if call.workspace.now() > trigger.expires_at:
        raise ApiError("expired_trigger_id")
    trigger.used = True
    return trigger.user


def _shown(call: Call, view: View) -> Json:
    workspace = call.workspace
    return {"view": view.as_json(workspace.team_id, workspace.app_id, workspace.bot_id)}
