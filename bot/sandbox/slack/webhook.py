"""HTTP mode: the same payloads, signed, posted to the app's request URL."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

from bot.sandbox.slack.deliveries import ACK_SECONDS, Deliveries, Delivery
from bot.sandbox.slack.people import Json


def signature(secret: str, timestamp: str, body: str) -> str:
    """Return X-Slack-Signature, version v0, of a request body."""
    base = f"v0:{timestamp}:{body}".encode()
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Webhook:
    """Posts deliveries to one request URL and takes the HTTP answer as the ack."""

    def __init__(self, request_url: str, signing_secret: str, deliveries: Deliveries) -> None:
        self.request_url = request_url
        self._secret = signing_secret
        self._deliveries = deliveries
        # no proxy from the environment: the app under test is on this machine
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def carry(self, delivery: Delivery) -> bool:
        """Post a delivery; any answer but 2xx leaves it without an ack."""
        content_type, body = encoded(delivery)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "tsbot-slack-sandbox (a local stand-in, not Slack)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._secret, timestamp, body),
        }
        if delivery.attempt:
            headers["X-Slack-Retry-Num"] = str(delivery.attempt)
            headers["X-Slack-Retry-Reason"] = "http_timeout"
        request = urllib.request.Request(self.request_url, body.encode(), headers)
        try:
            with self._opener.open(request, timeout=ACK_SECONDS) as response:
                answer = response.read().decode()
        except urllib.error.HTTPError as refused:
            refused.close()
            return True
        except (OSError, http.client.HTTPException):
            return False
        self._deliveries.acknowledge(delivery.envelope_id, _ack(answer), self.request_url)
        return True


def encoded(delivery: Delivery) -> tuple[str, str]:
    """Return content type and body: forms for commands and interactions, JSON for events."""
    if delivery.kind == "events_api":
        return "application/json", json.dumps(delivery.payload)
    form = delivery.payload
    if delivery.kind == "interactive":
        form = {"payload": json.dumps(delivery.payload)}
    return "application/x-www-form-urlencoded", urlencode(form)


def _ack(answer: str) -> Json | None:
    if not answer:
        return None
    try:
        return dict(json.loads(answer))
    except ValueError:
        return {"text": answer}
