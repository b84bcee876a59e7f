"""What the workspace sends to the app, on whichever road, and what came back as an ack."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from threading import Condition
from typing import Protocol

from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.people import Json

ACK_SECONDS = 3.0
"""Slack tells the person that the app did not answer after this long."""


@dataclass(slots=True, eq=False)
class Delivery:
    """One payload on its way; `attempt` counts Slack's retries, `carrier` names the socket."""

    kind: str
    payload: Json
    attempt: int = 0
    envelope_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent: bool = False
    sent_at: float = 0.0
    carrier: str | None = None
    acked_at: float | None = None
    ack: Json | None = None

    @property
    def acked(self) -> bool:
        """Whether the app has acknowledged it."""
        return self.acked_at is not None

    @property
    def latency(self) -> float | None:
        """Seconds from sending to the ack, None before the ack."""
        return None if self.acked_at is None else self.acked_at - self.sent_at

    def as_json(self) -> Json:
        """Return the delivery for the control interface."""
        return {
            "envelope_id": self.envelope_id,
            "type": self.kind,
            "payload": self.payload,
            "attempt": self.attempt,
            "sent": self.sent,
            "acked": self.acked,
            "ack": self.ack,
            "latency": self.latency,
        }


class Transport(Protocol):
    """A road to the app: Socket Mode or a request URL."""

    def carry(self, delivery: Delivery) -> bool:
        """Hand a delivery over; False when nobody is there to take it."""
        ...


class Deliveries:
    """Sends payloads, keeps the record of all of them, and takes the acks in."""

    def __init__(self, changed: Condition, faults: Faults) -> None:
        self.transport: Transport | None = None
        self.records: list[Delivery] = []
        self._changed = changed
        self._faults = faults

    def send(self, kind: str, payload: Json, attempt: int = 0) -> Delivery:
        """Send a payload once, or as the fault switches say; must not be called under the lock.

        Slack keeps nothing for an app that is away: an undelivered event stays `sent=False`.
        """
        delivery, lost = self._sent(kind, payload, attempt)
        with self._changed:
            twice = not lost and self._faults.take_duplicate(kind)
        if twice:
            self._sent(kind, payload, attempt=0)
        return delivery

    def _sent(self, kind: str, payload: Json, attempt: int) -> tuple[Delivery, bool]:
        """Send a payload; return its delivery, and whether a fault has lost it."""
        delivery = Delivery(kind, payload, attempt)
        event_type = payload.get("event", {}).get("type", "")
        with self._changed:
            self.records.append(delivery)
            lost = self._faults.zombie or self._faults.take_skip(event_type)
        if not lost:
            self._carry(delivery)
        return delivery, lost

    def redeliver(self, delivery: Delivery, attempt: int = 1) -> Delivery:
        """Send the same payload (event_id, trigger_id) again in a new envelope."""
        return self.send(delivery.kind, delivery.payload, attempt)

    def acknowledge(self, envelope_id: str, ack: Json | None, carrier: str) -> None:
        """Record an ack; an unknown or second ack changes nothing."""
        with self._changed:
            for delivery in reversed(self.records):
                if delivery.envelope_id == envelope_id and not delivery.acked:
                    delivery.acked_at = time.monotonic()
                    delivery.ack = ack
                    delivery.carrier = carrier
                    break
            self._changed.notify_all()

    def wait_for_ack(self, delivery: Delivery, timeout: float = ACK_SECONDS) -> bool:
        """Wait until the delivery is acknowledged; False when time runs out (seconds)."""
        with self._changed:
            return self._changed.wait_for(lambda: delivery.acked, timeout)

    def _carry(self, delivery: Delivery) -> None:
        delivery.sent_at = time.monotonic()
        transport = self.transport
        delivery.sent = transport is not None and transport.carry(delivery)
        with self._changed:
            self._changed.notify_all()
