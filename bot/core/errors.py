"""Everything tsbot raises on purpose.

TsbotError
├── Refused                 a request that changes nothing: wrong input, no permission, busy
├── SettingsInvalid         a setting that cannot be used, named with its value
├── RunFailed               a run that began and could not go on
│   ├── PreflightFailed     a check before the first change failed or could not run
│   ├── StepFailed          one step failed; carries the tail of what it printed
│   ├── GateNotPassed       vetoed, expired, voided
│   └── RunCancelled        somebody asked to stop
├── Unavailable             a system outside gave no usable answer
│   ├── EngineUnavailable   Docker
│   ├── DatabaseUnavailable PostgreSQL
│   ├── ChatUnavailable     Slack
│   ├── AuditUnavailable    the audit log cannot be written or read
│   └── WitnessUnavailable  what keeps the log's heads elsewhere did not take one
├── EngineRefused           Docker answered, with an error
│   └── ContainerNotFound   no container, or several, under that name or service
└── DatabaseRefused         PostgreSQL answered, with an error
"""

from __future__ import annotations

from collections.abc import Sequence


class TsbotError(Exception):
    """The root: everything below is raised on purpose and reads as one sentence."""


class Refused(TsbotError):
    """A request that was turned down before anything changed.

    Args:
        code: a short stable word for the audit log, such as ``unknown_backup``.
        sentence: what is wrong and what would be right, for the person who asked.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class SettingsInvalid(TsbotError):
    """A setting that cannot be used; the message names key, value and what would be right."""


class RunFailed(TsbotError):
    """A run that began and could not go on."""


class PreflightFailed(RunFailed):
    """At least one check failed or could not run.

    Args:
        failures: one sentence a failed check, remedy included.
    """

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__("; ".join(failures))
        self.failures = tuple(failures)


class StepFailed(RunFailed):
    """A step failed.

    Args:
        sentence: what failed, in words for the channel.
        tail: the last lines of what it printed, for the thread and the log.
    """

    def __init__(self, sentence: str, tail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.tail = tail


class GateNotPassed(RunFailed):
    """The approval did not come.

    Args:
        reason: ``vetoed``, ``expired``, ``voided`` or ``cancelled``.
        sentence: who or what ended it.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class RunCancelled(RunFailed):
    """Somebody asked to stop; the run ended at a safe point."""


class Unavailable(TsbotError):
    """A system outside gave no usable answer; asking again later may help."""


class EngineUnavailable(Unavailable):
    """The Docker engine did not answer."""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL did not accept a connection, or dropped it."""


class ChatUnavailable(Unavailable):
    """Slack did not answer, or answered that it cannot."""


class AuditUnavailable(Unavailable):
    """The audit log cannot be written or read; nothing destructive may start."""


class WitnessUnavailable(Unavailable):
    """What keeps the log's heads elsewhere did not take one; the run goes on."""


class EngineRefused(TsbotError):
    """Docker answered with an error; the message is Docker's own."""


class ContainerNotFound(EngineRefused):
    """No container, or more than one, answers to that name or Compose service."""


class DatabaseRefused(TsbotError):
    """PostgreSQL answered with an error.

    Args:
        message: PostgreSQL's primary message; DETAIL and CONTEXT may hold row data and stay out.
        sqlstate: the five-character code, empty where there is none.
    """

    def __init__(self, message: str, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
