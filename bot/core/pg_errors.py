"""pg_restore's error lines: what each means for the restored data, and what may be shown of them.

pg_restore ends with exit code 1 for cosmetic and for fatal errors alike, so its lines decide. Those
that are known stand in one table with the reason; any other is fatal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.core.redaction import Secrets

_MESSAGE = re.compile(r"^(?:pg_restore:|HINT:|ERROR:|WARNING:|NOTICE:)")
_ROW_DATA = re.compile(r"^(?:DETAIL|CONTEXT|QUERY|STATEMENT):")
_COMMAND = re.compile(r"^Command was: ?")
# Several processes write a line each in pieces, so that its beginning may stand elsewhere.
_ERROR = re.compile(r"^(?:pg_restore:|\s)*(?:error|fatal): (?P<message>.*)$")
_BARE = re.compile(r"^(?P<message>could not execute query: ERROR: .*)$")
_ROUTINE = re.compile(r"^(?:launching|finished|skipping|creating|processing|executing) ")
_IGNORED = re.compile(r"^pg_restore: warning: errors ignored on restore: (?P<count>\d+)$")


class Severity(StrEnum):
    """What an error means for what was restored."""

    HARMLESS = "harmless"
    REPAIRABLE = "repairable"  # all rows are there; a person can add what is missing afterwards
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class KnownError:
    """One row of the table.

    Args:
        severity: what it means.
        message: found in the error's first line.
        reason: why it is classed so.
        command: found at the beginning of the statement that failed; any where it is empty.
        remedy: what to do; may name ``{role}`` and the like, found by ``message``.
        again: kinds of entries to restore again afterwards, as an extended regular expression;
            doing so does no harm to those that were restored.
    """

    severity: Severity
    message: re.Pattern[str]
    reason: str
    command: re.Pattern[str] = re.compile("")
    remedy: str = ""
    again: str = ""


def _fatal(message: str, reason: str, remedy: str = "") -> KnownError:
    return KnownError(Severity.FATAL, re.compile(message), reason, remedy=remedy)


def _harmless(message: str, reason: str) -> KnownError:
    return KnownError(Severity.HARMLESS, re.compile(message), reason)


def _repairable(
    message: str, command: str, reason: str, remedy: str, again: str = ""
) -> KnownError:
    pattern, started = re.compile(message), re.compile(command)
    return KnownError(Severity.REPAIRABLE, pattern, reason, started, remedy, again)


KNOWN: tuple[KnownError, ...] = (
    _fatal(
        "No space left on device",
        "the server's disk is full",
        "free room on it, then ask again",
    ),
    _fatal(
        "terminating connection due to|server closed the connection|connection to server .* failed",
        "the session was ended, or the server went away",
        "find out by whom in PostgreSQL's log, then ask again",
    ),
    _fatal(
        "could not (?:read from input file|uncompress data|find block)|unexpected end of file",
        "the dump cannot be read to its end",
        "choose another backup",
    ),
    _fatal(
        "unsupported version",
        "a newer pg_dump made the dump",
        "restore it into that version of PostgreSQL or a newer one",
    ),
    _fatal(
        'extension "[^"]+" is not available|could not open extension control file',
        "what needs the extension is missing",
        "install it in the image, then ask again",
    ),
    _fatal(
        "could not create unique index|is violated by some row|violates foreign key constraint",
        "the dump's own rows contradict its constraint, which is missing now",
        "mend the rows where the dump comes from, or choose another backup",
    ),
    _fatal("COPY failed for table", "rows of the table are missing"),
    _harmless(
        'schema "public" already exists',
        "every new database has it; dumps of PostgreSQL 14 and older create it again",
    ),
    _harmless(
        'unrecognized configuration parameter "transaction_timeout"',
        "a setting of pg_restore 17's own session; older servers have no such time-out to turn off",
    ),
    _harmless('extension "plpgsql" already exists', "every new database has it"),
    _repairable(
        'role "(?P<role>[^"]+)" does not exist',
        "(?:GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) ",
        "owners and rows are right, but this access list was not granted, to other roles neither",
        'CREATE ROLE "{role}"; then restore all access lists again',
        "(DEFAULT )?ACL",
    ),
    _repairable(
        'invalid value for parameter "default_tablespace": "(?P<space>[^"]+)"',
        "",
        "everything is there, but in another tablespace",
        'create the tablespace {space}, then ALTER TABLE or INDEX … SET TABLESPACE "{space}"',
    ),
    _repairable(
        "could not execute query: ERROR:",
        "REFRESH MATERIALIZED VIEW ",
        "its rows are made of other tables' rows, which are there; it cannot be read until then",
        "mend what the error names, then: {command}",
    ),
    _fatal(
        'role "[^"]+" does not exist',
        "what the role should own would belong to the restoring superuser",
        "create the role, then ask again",
    ),
)
"""Every error that is known, the first that fits counts."""

UNKNOWN = _fatal("", "nobody knows what it means for the data")


@dataclass(frozen=True, slots=True)
class Repair:
    """An error that a person can mend after the restore.

    Args:
        error: as pg_restore said it.
        reason: what is missing, and what is not.
        remedy: what to do.
        again: kinds of entries to restore again afterwards, empty for none.
        times: how often it was said.
    """

    error: str
    reason: str
    remedy: str
    again: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class RestoreErrors:
    """What pg_restore complained of, by what it means."""

    harmless: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()
    repairable: tuple[Repair, ...] = ()

    def __add__(self, other: RestoreErrors) -> RestoreErrors:
        """Return both together."""
        return RestoreErrors(
            self.harmless + other.harmless,
            self.fatal + other.fatal,
            self.repairable + other.repairable,
        )


@dataclass
class _Seen:
    """One error as it was printed."""

    message: str
    command: list[str] = field(default_factory=list)

    def known(self) -> KnownError:
        """Return the table's row for it."""
        command = "\n".join(self.command)
        return next(
            (k for k in KNOWN if k.message.search(self.message) and k.command.match(command)),
            UNKNOWN,
        )

    def sentence(self, known: KnownError) -> str:
        """Say what is wrong, and what to do where that is known."""
        return f"{self.message}: {known.reason}" + (f"; {known.remedy}" * bool(known.remedy))

    def repair(self, known: KnownError) -> Repair:
        """Fill in what the remedy names."""
        found = known.message.search(self.message)
        named = {**(found.groupdict() if found else {}), "command": " ".join(self.command)}
        return Repair(self.message, known.reason, known.remedy.format(**named), known.again)


def _counted(repairs: Iterable[Repair]) -> tuple[Repair, ...]:
    """Say once what was said of many objects, such as of every chunk."""
    return tuple(replace(repair, times=n) for repair, n in Counter(repairs).items())


@dataclass
class ErrorCollector:
    """Takes the lines of one pg_restore one by one and keeps those that matter."""

    _seen: list[_Seen] = field(default_factory=list)
    _ignored: int = 0
    _quoting: bool = False

    def take(self, line: str) -> None:
        """Look at one line of standard error."""
        error = _ERROR.match(line) or _BARE.match(line)
        if error is not None and not _ROUTINE.match(error["message"]):
            self._seen.append(_Seen(error["message"]))
            self._quoting = False
        elif _COMMAND.match(line) and self._seen:
            self._quoting = True
            self._seen[-1].command = [_COMMAND.sub("", line)]
        elif _MESSAGE.match(line):
            self._quoting = False
            ignored = _IGNORED.match(line)
            self._ignored = int(ignored["count"]) if ignored else self._ignored
        elif self._quoting and line.strip():
            self._seen[-1].command.append(line)

    def verdict(self, exit_code: int) -> RestoreErrors:
        """Return what was found; what no line explains is fatal as well.

        Ignored errors end in 1; a killed pg_restore ends in 128 and the signal, and says nothing.
        """
        by: dict[Severity, list[tuple[_Seen, KnownError]]] = {s: [] for s in Severity}
        for seen in self._seen:
            known = seen.known()
            by[known.severity].append((seen, known))
        fatal = [seen.sentence(known) for seen, known in by[Severity.FATAL]]
        explained = exit_code == 0 or (exit_code == 1 and bool(self._seen))
        if not explained and not fatal:
            fatal.append(f"pg_restore ended with exit code {exit_code} and no message")
        if self._ignored > len(self._seen):
            fatal.append(f"pg_restore ignored {self._ignored} errors and named {len(self._seen)}")
        return RestoreErrors(
            tuple(seen.message for seen, _ in by[Severity.HARMLESS]),
            tuple(fatal),
            _counted(seen.repair(known) for seen, known in by[Severity.REPAIRABLE]),
        )


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
