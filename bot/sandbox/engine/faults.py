"""What the engine refuses, with the status and the words a Docker engine answers with.

The wording is that of Docker 20.10 on API 1.41: clients and people search for it.

EngineFault            any refusal: an HTTP status and a message
NotStarted             a process could not be started, in runc's words
"""

from __future__ import annotations

from http import HTTPStatus


class EngineFault(Exception):
    """A request is refused.

    Args:
        status: what the HTTP answer carries.
        message: one sentence, as the engine words it.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NotStarted(Exception):
    """A process could not be started; the text is the reason, in runc's words.

    Args:
        reason: such as ``exec: "x": executable file not found in $PATH``.
        exit_code: what a container that cannot start is left with; an exec always gets 126.
    """

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class NoSuchUser(NotStarted):
    """The user is not in the container's table; refused before runc is asked."""

    def __init__(self, user: str) -> None:
        super().__init__(f"unable to find user {user}: no matching entries in passwd file", 128)


def no_such_container(reference: str) -> EngineFault:
    """Make the answer to an unknown name or id."""
    return EngineFault(HTTPStatus.NOT_FOUND, f"No such container: {reference}")


def no_such_exec(exec_id: str) -> EngineFault:
    """Make the answer to an unknown exec, or one whose container has stopped before it ran."""
    return EngineFault(HTTPStatus.NOT_FOUND, f"No such exec instance: {exec_id}")


def not_running(container_id: str) -> EngineFault:
    """Make the answer to what only a running container can do."""
    return EngineFault(HTTPStatus.CONFLICT, f"Container {container_id} is not running")


def bad_request(message: str) -> EngineFault:
    """Make the answer to a request that makes no sense."""
    return EngineFault(HTTPStatus.BAD_REQUEST, message)


def left_out(what: str) -> EngineFault:
    """Make the answer to what a real engine does and this stand-in does not."""
    return EngineFault(
        HTTPStatus.NOT_IMPLEMENTED, f"the tsbot sandbox engine (a stand-in) has no {what}"
    )
