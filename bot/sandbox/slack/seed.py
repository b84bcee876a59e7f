"""A workspace from a small JSON file: who is there, in which channels."""

from __future__ import annotations

import json
from pathlib import Path

from bot.sandbox.slack.people import Json
from bot.sandbox.slack.state import Workspace

SAMPLE: Json = {
    "workspace": {"name": "sandbox"},
    "users": [
        {"name": "ana", "real_name": "Ana Requester"},
        {"name": "ben", "real_name": "Ben Approver"},
        {"name": "cho", "real_name": "Cho Approver"},
    ],
    "usergroups": [{"handle": "dba", "users": ["ben", "cho"]}],
    "channels": [{"name": "ops"}],
}


def seeded(data: Json) -> Workspace:
    """Build a workspace; the keys are the arguments of `Workspace` and its add_… methods.

    Raises TypeError for keys that don't exist, LookupError for people who don't.
    """
    workspace = Workspace(**data.get("workspace", {}))
    for user in data.get("users", []):
        workspace.add_user(**user)
    for group in data.get("usergroups", []):
        workspace.add_usergroup(**group)
    for channel in data.get("channels", []):
        workspace.add_channel(**channel)
    return workspace


def from_file(path: Path) -> Workspace:
    """Build a workspace from a JSON file; OSError and ValueError as json raises them."""
    return seeded(json.loads(path.read_text(encoding="utf-8")))
