"""pg_restore's lines: which errors are harmless, and what may be shown of them.

Harmless errors are in one table with the reason, all others are fatal. pg_restore ends with exit
code 1 for cosmetic and for fatal errors alike, so its lines decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.core.redaction import Secrets

_MESSAGE = re.compile(r"^(?:pg_restore:|HINT:|ERROR:|WARNING:|NOTICE:)")
_ROW_DATA = re.compile(r"^(?:DETAIL|CONTEXT|QUERY|STATEMENT):")
_COMMAND = re.compile(r"^Command was:")
_ERROR = re.compile(r"^pg_restore: (?:error|fatal): (?P<message>.*)$")

HARMLESS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r'schema "public" already exists'),
        "every new database has it; dumps of PostgreSQL 14 and older create it again",
    ),
    (
        re.compile(r'unrecognized configuration parameter "transaction_timeout"'),
        "a setting of pg_dump 17's own session; older servers have no such time-out to turn off",
    ),
    (
        re.compile(r'extension "plpgsql" already exists'),
        "every new database has it",
    ),
)


@dataclass(frozen=True, slots=True)
class RestoreErrors:
    """What pg_restore complained of."""

    harmless: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()


@dataclass
class ErrorCollector:
    """Takes pg_restore's lines one by one and keeps those that matter."""

    _harmless: list[str] = field(default_factory=list)
    _fatal: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        """Look at one line of standard error."""
        match = _ERROR.match(line)
        if match is None:
            return
        message = match["message"]
        known = any(pattern.search(message) for pattern, _ in HARMLESS)
        (self._harmless if known else self._fatal).append(message)

    def verdict(self, exit_code: int) -> RestoreErrors:
        """Return what was found; an exit code that no line explains is fatal as well.

        Ignored errors end in 1; a killed pg_restore ends in 128 and the signal, and says nothing.
        """
        fatal = list(self._fatal)
        explained = exit_code == 0 or (exit_code == 1 and bool(self._harmless))
        if not explained and not fatal:
            fatal.append(f"pg_restore ended with exit code {exit_code} and no message")
        return RestoreErrors(tuple(self._harmless), tuple(fatal))


@dataclass
class Discretion:
    """Keeps rows and passwords out of what is shown, line by line.

    DETAIL and CONTEXT quote rows, ``Command was:`` the statement; both may go on over many lines,
    until the next message.
    """

    _quoting: bool = False
    _secrets: Secrets = field(default_factory=Secrets)

    def shown(self, line: str) -> str:
        """Return what of a line may be shown, empty for nothing."""
        if _ROW_DATA.match(line):
            self._quoting = True
        elif _COMMAND.match(line):
            self._quoting = True
            return self._secrets.clean(line)
        elif _MESSAGE.match(line):
            self._quoting = False
        return "" if self._quoting else self._secrets.clean(line)
