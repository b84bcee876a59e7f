"""Heads posted to a webhook, such as a log service's or another chat's."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import urlsplit

from bot.core.audit import Head
from bot.core.errors import WitnessUnavailable
from bot.core.heads import line_of


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would lead to an address that is not in the settings, without the body."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002 - the base class's
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: http.client.HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


@dataclass(frozen=True, slots=True)
class WebhookWitness:
    """Posts each head as a small JSON object; ``text`` makes chat webhooks show it.

    Args:
        url: where to; it may hold a secret, so no message repeats more of it than its host.
        timeout: seconds for each of connecting, sending and answering.
    """

    url: str = field(repr=False)
    timeout: float = 5.0

    def take(self, head: Head) -> None:
        """Post a head.

        Raises:
            WitnessUnavailable: the other side did not answer with success.
        """
        request = urllib.request.Request(  # noqa: S310 - the settings take https alone
            self.url,
            json.dumps(_payload(head)).encode(),
            {"Content-Type": "application/json", "User-Agent": "tsbot"},
            method="POST",
        )
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=self.timeout):
                pass  # urllib raises for all but success
        except urllib.error.HTTPError as error:
            error.close()
            raise self._unavailable(f"it answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise self._unavailable(f"{reason or type(error).__name__}") from None

    def _unavailable(self, why: str) -> WitnessUnavailable:
        return WitnessUnavailable(f"{urlsplit(self.url).hostname}: {why}")


def _payload(head: Head) -> Mapping[str, object]:
    line = line_of(head)
    at, run, _, _ = line.split()
    body = {"time": at, "run": run, "entry": head.entry, "head": head.hash, "line": line}
    return body | {"text": f"Head of tsbot's audit log: {line}"}
