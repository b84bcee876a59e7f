"""Everything below /containers, execs aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from bot.sandbox.engine import filters, views
from bot.sandbox.engine.container import Container
from bot.sandbox.engine.faults import bad_request, left_out
from bot.sandbox.engine.logs import LogQuery
from bot.sandbox.engine.process import ERR, OUT
from bot.sandbox.engine.request import DONE, NOTHING_TO_DO, Answer, Parts, Reply, Request
from bot.sandbox.engine.spec import signal_number
from bot.sandbox.engine.streams import MULTIPLEXED, RAW, frame

_NS = 10**9


def found(request: Request) -> Container:
    """Return the container that the path names. Raises EngineFault."""
    return request.engine.find(request.names["name"])


def list_containers(request: Request) -> Reply:
    """GET /containers/json."""
    wanted = filters.parse(request.query.get("filters", ""))
    limit = request.number("limit")
    everything = request.flag("all") or bool(limit and limit > 0)
    rows = [
        views.row(each)
        for each in request.engine.containers()
        if filters.passes(each, wanted, everything=everything)
    ]
    return Answer(body=rows[:limit] if limit and limit > 0 else rows)


def inspect(request: Request) -> Reply:
    """GET /containers/{id}/json."""
    return Answer(body=views.details(found(request)))


def start(request: Request) -> Reply:
    """POST /containers/{id}/start."""
    return DONE if found(request).start() else NOTHING_TO_DO


def stop(request: Request) -> Reply:
    """POST /containers/{id}/stop."""
    container = found(request)
    return DONE if container.stop(request.number("t"), _signal(request)) else NOTHING_TO_DO


def restart(request: Request) -> Reply:
    """POST /containers/{id}/restart."""
    found(request).restart(request.number("t"), _signal(request))
    return DONE


def kill(request: Request) -> Reply:
    """POST /containers/{id}/kill."""
    found(request).kill(signal_number(request.query.get("signal") or "SIGKILL"))
    return DONE


def rename(request: Request) -> Reply:
    """POST /containers/{id}/rename."""
    request.engine.rename(found(request), request.query.get("name", ""))
    return DONE


def remove(request: Request) -> Reply:
    """DELETE /containers/{id}."""
    request.engine.remove(found(request), force=request.flag("force"))
    return DONE


def wait(request: Request) -> Reply:
    """POST /containers/{id}/wait; the headers are sent before the waiting, as Docker does."""
    container = found(request)
    condition = request.query.get("condition") or "not-running"
    if condition == "removed":
        raise left_out("waiting for a removal")
    if condition not in {"not-running", "next-exit"}:
        raise bad_request(f"invalid condition: {condition}")

    def result() -> Iterator[bytes]:
        code = container.wait(next_exit=condition == "next-exit")
        yield json.dumps({"Error": None, "StatusCode": code}).encode()

    return Parts(result())


def logs(request: Request) -> Reply:
    """GET /containers/{id}/logs."""
    container = found(request)
    streams = {OUT: request.flag("stdout"), ERR: request.flag("stderr")}
    wanted = frozenset(number for number, is_wanted in streams.items() if is_wanted)
    if not wanted:
        raise bad_request("Bad parameters: you must choose at least one stream")
    tail = request.query.get("tail", "")
    until = _time(request, "until")
    query = LogQuery(
        wanted, int(tail) if tail.isdecimal() else None, _time(request, "since"), until or None
    )
    follow, stamped = request.flag("follow"), request.flag("timestamps")

    def frames() -> Iterator[bytes]:
        for line in container.log.read(query, follow=follow):
            stamp = f"{views.rfc3339(line.at)} ".encode() if stamped else b""
            yield frame(line.stream, stamp + line.data)

    return Parts(frames(), MULTIPLEXED if request.api >= (1, 42) else RAW)


def archive(_request: Request) -> Reply:
    """Refuse /containers/{id}/archive: there is no file system to copy to or from."""
    raise left_out("file system of its own: paths in its containers are paths of this machine")


def _signal(request: Request) -> int | None:
    name = request.query.get("signal")
    return signal_number(name) if name else None


def _time(request: Request, name: str) -> int:
    """Read seconds since 1970, with a fraction, as nanoseconds; 0 where there are none."""
    text = request.query.get(name) or "0"
    try:
        return int(Decimal(text) * _NS)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise bad_request(f'invalid value for "{name}": {text}') from error
