"""Processes beside a container's main one: create, start, inspect."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from bot.sandbox.engine import views
from bot.sandbox.engine.container_routes import found
from bot.sandbox.engine.exec import ExecConfig
from bot.sandbox.engine.faults import bad_request, left_out, not_running
from bot.sandbox.engine.request import Answer, Reply, Request, Takeover
from bot.sandbox.engine.streams import MULTIPLEXED, RAW, FrameWriter

_LEFT_OUT = {
    "AttachStdin": "standard input for an exec",
    "Tty": "terminal for an exec",
    "Privileged": "privileged exec",
}


def create(request: Request) -> Reply:
    """POST /containers/{id}/exec."""
    container = found(request)
    config = _config(request.document())
    return Answer(HTTPStatus.CREATED, {"Id": container.create_exec(config).id})


def start(request: Request) -> Reply:
    """POST /exec/{id}/start."""
    each = request.engine.find_exec(request.names["id"])
    options = request.document()
    if options.get("Tty"):
        raise left_out(_LEFT_OUT["Tty"])
    if not request.engine.find(each.container_id).state.running:
        raise not_running(each.container_id)
    if options.get("Detach"):
        each.run_detached()
        return Answer()

    def run(client: socket.socket) -> None:
        each.run(FrameWriter(client).write)

    # Only who asks for the connection is told that its frames are multiplexed.
    told = request.upgrade and request.api >= (1, 42)
    return Takeover(MULTIPLEXED if told else RAW, request.upgrade, run)


def inspect(request: Request) -> Reply:
    """GET /exec/{id}/json."""
    return Answer(body=views.exec_details(request.engine.find_exec(request.names["id"])))


def _config(document: Mapping[str, Any]) -> ExecConfig:
    argv = _strings(document, "Cmd")
    if not argv:
        raise bad_request("No exec command specified")
    for key, what in _LEFT_OUT.items():
        if document.get(key):
            raise left_out(what)
    pairs = (entry.partition("=") for entry in _strings(document, "Env"))
    return ExecConfig(
        argv=argv,
        env={key: value for key, is_pair, value in pairs if is_pair and key},
        user=str(document.get("User") or ""),
        workdir=str(document.get("WorkingDir") or ""),
        stdout=bool(document.get("AttachStdout")),
        stderr=bool(document.get("AttachStderr")),
    )


def _strings(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = document.get(key) or []
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    kind = "string" if isinstance(values, str) else type(values).__name__
    field = f"ExecConfig.{key} of type []string"
    raise bad_request(f"json: cannot unmarshal {kind} into Go struct field {field}")
