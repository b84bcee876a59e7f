"""Which function answers which request."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from bot.sandbox.engine import container_routes as containers
from bot.sandbox.engine import exec_routes as execs
from bot.sandbox.engine import views
from bot.sandbox.engine.faults import EngineFault, bad_request, left_out
from bot.sandbox.engine.request import Answer, Reply, Request

Route = Callable[[Request], Reply]

_VERSIONED = re.compile(r"(?:/v(?P<major>\d+)\.(?P<minor>\d+))?(?P<path>/.*)")


def ping(_request: Request) -> Reply:
    """HEAD and GET /_ping."""
    return Answer(body="OK")


def version(_request: Request) -> Reply:
    """GET /version."""
    return Answer(body=views.version())


def info(request: Request) -> Reply:
    """GET /info."""
    return Answer(body=views.info(request.engine.containers()))


def create_container(_request: Request) -> Reply:
    """Refuse POST /containers/create: containers are made by the program around the engine."""
    raise left_out("images to create containers from")


def events(_request: Request) -> Reply:
    """Refuse GET /events."""
    raise left_out("events")


_ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("HEAD", "/_ping", ping),
    ("GET", "/_ping", ping),
    ("GET", "/version", version),
    ("GET", "/info", info),
    ("GET", "/events", events),
    ("GET", "/containers/json", containers.list_containers),
    ("POST", "/containers/create", create_container),
    ("GET", "/containers/{name}/json", containers.inspect),
    ("GET", "/containers/{name}/logs", containers.logs),
    ("GET", "/containers/{name}/archive", containers.archive),
    ("HEAD", "/containers/{name}/archive", containers.archive),
    ("PUT", "/containers/{name}/archive", containers.archive),
    ("POST", "/containers/{name}/start", containers.start),
    ("POST", "/containers/{name}/stop", containers.stop),
    ("POST", "/containers/{name}/restart", containers.restart),
    ("POST", "/containers/{name}/kill", containers.kill),
    ("POST", "/containers/{name}/wait", containers.wait),
    ("POST", "/containers/{name}/rename", containers.rename),
    ("POST", "/containers/{name}/exec", execs.create),
    ("DELETE", "/containers/{name}", containers.remove),
    ("POST", "/exec/{id}/start", execs.start),
    ("GET", "/exec/{id}/json", execs.inspect),
)
_PATTERNS = tuple(
    (method, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)), route)
    for method, path, route in _ROUTES
)


def without_version(path: str) -> tuple[tuple[int, int], str]:
    """Split a path into the API version it names, the newest where none, and the rest.

    Raises:
        EngineFault: that version is not spoken here.
    """
    match = _VERSIONED.fullmatch(path)
    if match is None or match["major"] is None:
        return _numbers(views.API_VERSION), path
    asked = (int(match["major"]), int(match["minor"]))
    text = f"client version {asked[0]}.{asked[1]} is"
    if asked > _numbers(views.API_VERSION):
        supported = f"Maximum supported API version is {views.API_VERSION}"
        raise bad_request(f"{text} too new. {supported}")
    if asked < _numbers(views.MIN_API_VERSION):
        supported = f"Minimum supported API version is {views.MIN_API_VERSION}"
        hint = "please upgrade your client to a newer version"
        raise bad_request(f"{text} too old. {supported}, {hint}")
    return asked, match["path"]


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the function for a request, and the parts of the path that it leaves open.

    Raises:
        EngineFault: there is no such page.
    """
    for wanted, pattern, route in _PATTERNS:
        if wanted == method and (match := pattern.fullmatch(path)):
            return route, match.groupdict()
    raise EngineFault(HTTPStatus.NOT_FOUND, "page not found")


def _numbers(text: str) -> tuple[int, int]:
    major, minor = map(int, text.split("."))
    return major, minor
