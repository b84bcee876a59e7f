"""Fault switches: what goes wrong with Slack, on demand."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ApiFault:
    """What the next calls of a method meet.

    `status` 0 means the connection is dropped without an answer; with `after`, the method does its
    work first and only the answer is lost. `times` None means until `Faults.clear()`.
    """

    method: str
    status: int
    times: int | None = 1
    retry_after: int = 0
    after: bool = False

    def fits(self, method: str) -> bool:
        """Tell whether the fault concerns a method and is not used up."""
        return self.method in ("*", method) and self.times != 0


@dataclass(slots=True)
class Faults:
    """All switches of a workspace; guarded by the workspace's lock."""

    api: list[ApiFault] = field(default_factory=list)
    dead: bool = False
    """Every HTTP request and every new socket is cut off without an answer."""
    silent: bool = False
    """Every HTTP request is taken, and cut off without an answer once this is switched off."""
    zombie: bool = False
    """Sockets stay open and answer pings, but no envelope is sent."""
    twice: bool = False
    """Every delivery is sent twice."""
    skipped: dict[str, int] = field(default_factory=dict)
    duplicated: dict[str, int] = field(default_factory=dict)

    def rate_limit(self, method: str, times: int | None = 1, retry_after: int = 1) -> None:
        """Answer the next calls of `method` ("*": any) with 429 and Retry-After in seconds."""
        self.api.append(ApiFault(method, 429, times, retry_after))

    def fail(self, method: str = "*", times: int | None = 1, status: int = 500) -> None:
        """Answer the next calls with an HTTP status; the call has no effect."""
        self.api.append(ApiFault(method, status, times))

    def drop(self, method: str = "*", times: int | None = 1, *, after: bool = False) -> None:
        """Cut the connection of the next calls; with `after`, once the call has had its effect."""
        self.api.append(ApiFault(method, 0, times, after=after))

    def skip_event(self, kind: str, times: int = 1) -> None:
        """Lose the next events of a type, e.g. reaction_added."""
        self.skipped[kind] = self.skipped.get(kind, 0) + times

    def duplicate(self, kind: str, times: int = 1) -> None:
        """Send the next deliveries twice; `kind` is an envelope type such as events_api."""
        self.duplicated[kind] = self.duplicated.get(kind, 0) + times

    def clear(self) -> None:
        """Switch everything off."""
        self.api.clear()
        self.skipped.clear()
        self.duplicated.clear()
        self.dead = self.silent = self.zombie = self.twice = False

    def next_for(self, method: str) -> ApiFault | None:
        """Take the fault the next call of `method` meets, if any."""
        fault = next((f for f in self.api if f.fits(method)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
        return fault

    def take_skip(self, kind: str) -> bool:
        """Tell whether this event is to be lost, and count it."""
        return _take(self.skipped, kind)

    def take_duplicate(self, kind: str) -> bool:
        """Tell whether this delivery is to be sent twice, and count it."""
        return self.twice or _take(self.duplicated, kind)


def _take(counts: dict[str, int], kind: str) -> bool:
    left = counts.get(kind, 0)
    if left:
        counts[kind] = left - 1
    return left > 0
