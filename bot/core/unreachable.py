"""What to do where PostgreSQL cannot be reached: its container's state says most."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bot.core.errors import DatabaseUnavailable, TsbotError
from bot.core.models import Container, Target
from bot.core.ports import ContainerHost
from bot.core.wording import ended

CHECK = "“tsbot check” on the bot's machine says more."


@contextmanager
def explained(target: Target, host: ContainerHost) -> Iterator[None]:
    """Let what fails for want of the database say what to do about it.

    Raises:
        DatabaseUnavailable: libpq's sentence, the container's state, and where to look next.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        state = state_of(target, host)
        raise DatabaseUnavailable(f"{ended(str(error))} {state} {CHECK}") from error


def state_of(target: Target, host: ContainerHost) -> str:
    """Return in a sentence what the engine says about the database's container."""
    try:
        return sentence(host.find(target.container))
    except TsbotError as error:
        return ended(f"Its container cannot be looked at: {error}")


def sentence(container: Container) -> str:
    """Return a container's state and what follows from it."""
    if container.running:
        return f"Container {container.name} is running: see its log, and the target's dsn."
    return f"Container {container.name} is not running: start it."
