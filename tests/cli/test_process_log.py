"""What the process itself logs holds no secret and moves no cursor, whoever wrote it."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.process_log import VERBOSE, CleanFormatter
from bot.core.redaction import Secrets

PASSWORD = "hunter2-of-the-superuser"
TOKEN = "xoxb-1234567890-abcdef"
ROOT = Path(__file__).parents[2]


def written(message: str, *args: object, error: Exception | None = None) -> str:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, message, args, exc_info)
    return CleanFormatter(VERBOSE, Secrets([PASSWORD])).format(record)


def refuse(secret: str) -> None:
    raise ValueError(f"could not use {secret}")


@pytest.mark.parametrize(
    "secret",
    [
        PASSWORD,
        f"postgresql://postgres:{PASSWORD}@db/postgres",
        "postgresql://postgres:unknown-to-us@db/postgres",
        "password=unknown-to-us",
        TOKEN,
        "xapp-1-A0-1234567890-abcdef",
        "https://hooks.slack.com/services/T0/B0/unknown-to-us",
    ],
)
def test_a_secret_goes_from_message_arguments_and_traceback(secret: str) -> None:
    with pytest.raises(ValueError, match="could not use") as caught:
        refuse(secret)
    text = written(f"trying {secret} and %s", secret, error=caught.value)
    assert "Traceback" in text
    for part in (PASSWORD, "unknown-to-us", TOKEN, "abcdef"):
        assert part not in text


def test_an_escape_in_a_record_reaches_no_terminal() -> None:
    assert "\x1b" not in written("named %s", "\x1b[2J\x1b]0;owned\x07.dump")


def test_an_ordinary_record_stays_as_it_is() -> None:
    assert written("run %s broke off", "44d494fb").endswith(" ERROR x: run 44d494fb broke off")


SCRIPT = """
import logging, threading
from bot.cli.process_log import log_to_stderr
from bot.core.redaction import Secrets

log_to_stderr(Secrets(["{password}"]), verbose=True)
logging.getLogger("slack_bolt").warning("headers: %s", "{password}")
thread = threading.Thread(target=lambda: 1 / len("{password}"[99:]))
thread.start()
thread.join()
raise RuntimeError("connect to postgresql://u:{password}@db failed")
"""


def test_uncaught_errors_are_logged_and_cleaned_like_all_else() -> None:
    script = SCRIPT.format(password=PASSWORD)
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "headers: [redacted]" in ended.stderr
    assert "a thread broke off" in ended.stderr
    assert "ZeroDivisionError" in ended.stderr
    assert "postgresql://u:[redacted]@db failed" in ended.stderr
    assert PASSWORD not in ended.stderr
