"""The containers of one engine, found as Docker finds them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from bot.sandbox.engine.container import Container
from bot.sandbox.engine.exec import Exec
from bot.sandbox.engine.faults import EngineFault, bad_request, no_such_container, no_such_exec
from bot.sandbox.engine.spec import ContainerSpec, is_name
from bot.sandbox.engine.watchdog import Watchdog


class Engine:
    """Knows its containers by id, name and the beginning of an id; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._containers: dict[str, Container] = {}
        self._watchdog = Watchdog()

    def add(self, spec: ContainerSpec) -> Container:
        """Create a container.

        Raises:
            EngineFault: the name is taken.
        """
        with self._lock:
            self._refuse_taken(spec.name)
            made = Container(spec, self._watchdog)
            self._containers[made.id] = made
        return made

    def containers(self) -> list[Container]:
        """List all, the newest first."""
        with self._lock:
            return list(reversed(self._containers.values()))

    def find(self, reference: str) -> Container:
        """Return the container of that id, name, or beginning of one id alone.

        Raises:
            EngineFault: there is none, or several begin so.
        """
        with self._lock:
            if reference in self._containers:
                return self._containers[reference]
            name = reference.removeprefix("/")
            for container in self._containers.values():
                if container.name == name:
                    return container
            found = [each for key, each in self._containers.items() if key.startswith(reference)]
        if not found or not reference:
            raise no_such_container(reference)
        if len(found) > 1:
            message = f"Multiple IDs found with provided prefix: {reference}"
            raise EngineFault(HTTPStatus.INTERNAL_SERVER_ERROR, message)
        return found[0]

    def find_exec(self, exec_id: str) -> Exec:
        """Return a prepared or ended exec.

        Raises:
            EngineFault: there is none.
        """
        for container in self.containers():
            if (found := container.find_exec(exec_id)) is not None:
                return found
        raise no_such_exec(exec_id)

    def rename(self, container: Container, name: str) -> None:
        """Give it another name.

        Raises:
            EngineFault: the name is taken, or none.
        """
        if not name:
            raise bad_request("Neither old nor new names may be empty")
        if not is_name(name):
            allowed = "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            message = f"Invalid container name (/{name}), {allowed}"
            raise bad_request(f"Error when allocating new name: {message}")
        with self._lock:
            self._refuse_taken(name)
            container.name = name

    def remove(self, container: Container, *, force: bool) -> None:
        """Forget a container; *force* kills a running one first.

        Raises:
            EngineFault: it runs, and force was not asked for.
        """
        if container.state.running and not force:
            hint = "Stop the container before attempting removal or force remove"
            message = f"You cannot remove a running container {container.id}. {hint}"
            raise EngineFault(HTTPStatus.CONFLICT, message)
        container.close(0)
        with self._lock:
            self._containers.pop(container.id, None)

    def close(self, timeout: float | None) -> None:
        """Stop all containers at once, killing what still runs after *timeout* seconds, or after
        each one's own where it is None."""
        containers = self.containers()
        try:
            with ThreadPoolExecutor(max_workers=max(1, len(containers))) as pool:
                list(pool.map(lambda container: container.close(timeout), containers))
        finally:
            self._watchdog.close()

    def _refuse_taken(self, name: str) -> None:
        for other in self._containers.values():
            if other.name == name:
                message = (
                    f'Conflict. The container name "/{name}" is already in use by container '
                    f'"{other.id}". You have to remove (or rename) that container to be able to '
                    "reuse that name."
                )
                raise EngineFault(HTTPStatus.CONFLICT, message)
