"""What people type, read into requests; wrong input gets one sentence and changes nothing."""

from __future__ import annotations

import difflib
import re
import secrets
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import Refused
from bot.core.models import Strategy
from bot.core.prepare import RestoreRequest
from bot.core.when import parse_since

MAX_TEXT = 500
"""Characters of a command that are read; nothing we take is longer."""

_RUN_ID = re.compile(r"[0-9a-f]{8}")
_JOB_ID = re.compile(r"[0-9]{1,9}")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """A refresh that somebody asked for; ``start`` and ``end`` are None for the safe default."""

    view: str
    target: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """A rollback that somebody asked for; without a ``run`` the newest kept database is meant."""

    target: str = ""
    run: str = ""
    reason: str = ""


def new_run_id() -> str:
    """Return an id that is short enough to read out and to fit in a database's name."""
    return secrets.token_hex(4)


def is_run_id(text: str) -> bool:
    """Whether a text is written as the id of a run is."""
    return _RUN_ID.fullmatch(text) is not None


def words(text: str) -> list[str]:
    """Split a command's text; quotes hold words together, also the curly ones Slack makes.

    An empty pair of quotes is no word.

    Raises:
        Refused: too long, or a quote is left open.
    """
    if len(text) > MAX_TEXT:
        raise Refused("too_long", f"That is {len(text)} characters; {MAX_TEXT} is the most.")
    try:
        return [word for word in shlex.split(text.translate(_QUOTES)) if word]
    except ValueError as error:
        raise Refused("open_quote", "A quote is left open; close it, or leave it out.") from error


def parse_restore(text: str, targets: Collection[str]) -> RestoreRequest:
    """Read ``[backup|latest] [target] [strategy=…] [drop-first] [dry-run] [reason=…]``.

    Args:
        text: what follows the command.
        targets: the names of all targets.

    Raises:
        Refused: a word too many, no backup, no such strategy, or ``dry-run`` behind the reason.
    """
    before, _, reason = text.partition("reason=")
    plain = words(before)
    dry_run = "dry-run" in plain
    strategy = _strategy(plain)
    options = {"dry-run", Strategy.DROP_FIRST.value}
    rest = [w for w in plain if w not in options and not w.startswith("strategy=")]
    if not rest:
        raise Refused(
            "no_backup", "Name a backup, or write “latest”: /restore latest. See /backups."
        )
    if len(rest) > 2:
        raise Refused(
            "too_many_words",
            f"I don't know what “{rest[2]}” is; write: /restore BACKUP TARGET dry-run reason=…",
        )
    if reason.split()[-1:] == ["dry-run"]:  # somebody believes that nothing will be changed
        raise Refused("dry_run_last", "Write dry-run before reason=…: all after it is the reason.")
    target = rest[1] if len(rest) == 2 else ""
    if target:
        known_target(target, targets)
    return RestoreRequest(target, rest[0], dry_run, _reason(reason), strategy)


def _reason(text: str) -> str:
    return text.translate(_QUOTES).strip(" \"'")[:200]


def _strategy(given: Sequence[str]) -> Strategy | None:
    """Return the strategy somebody asked for, None for the target's own.

    ``drop-first`` is written as a word of its own, so that nobody comes to it by completion.
    """
    named = {w.removeprefix("strategy=") for w in given if w.startswith("strategy=")}
    if Strategy.DROP_FIRST.value in given:
        named.add(Strategy.DROP_FIRST.value)
    if not named:
        return None
    known = [strategy.value for strategy in Strategy]
    if len(named) > 1:
        raise Refused("two_strategies", f"Name one strategy, not {' and '.join(sorted(named))}.")
    name = named.pop()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(known)}."
        raise Refused("unknown_strategy", f"There is no strategy “{name}”; {hint}")
    return Strategy(name)


def parse_rollback(text: str, targets: Collection[str]) -> RollbackRequest:
    """Read ``[target] [run] [reason=…]``; a word that is a target's name is that.

    Raises:
        Refused: a word too many, or one that is neither a target nor written as a run's id.
    """
    before, _, reason = text.partition("reason=")
    target = run = ""
    for word in words(before):
        if is_run_id(word.lower()) and word not in targets and not run:
            run = word.lower()
        elif not target:
            target = known_target(word, targets)
        else:
            raise Refused(
                "too_many_words",
                f"I don't know what “{word}” is; write: /rollback TARGET RUN reason=…",
            )
    return RollbackRequest(target, run, _reason(reason))


def parse_refresh(text: str, targets: Collection[str], now: datetime) -> RefreshRequest:
    """Read ``<view>|all [target] [from=…] [to=…]``.

    Raises:
        Refused: no view, a word too many, or a time that is none.
    """
    times = {"from": None, "to": None} | {
        key: parse_since(value, now)
        for key, eq, value in (w.partition("=") for w in words(text))
        if eq and key in {"from", "to"}
    }
    rest = [w for w in words(text) if not w.startswith(("from=", "to="))]
    if not rest:
        raise Refused("no_view", "Name a continuous aggregate, or write “all”: /refresh all.")
    if len(rest) > 2:
        raise Refused("too_many_words", f"I don't know what “{rest[2]}” is; write: /refresh VIEW.")
    target = known_target(rest[1], targets) if len(rest) == 2 else ""
    start, end = times["from"], times["to"]
    if start and end and start >= end:
        raise Refused("wrong_window", "from= must be before to=.")
    return RefreshRequest(rest[0], target, start, end)


def parse_runjob(text: str, targets: Collection[str]) -> tuple[int, str]:
    """Read ``<id> [target]``; return the job's number and the target, empty where none is named.

    Raises:
        Refused: no number, or a word too many.
    """
    found = words(text)
    if not found:
        raise Refused("no_job", "Name a job by its number: /runjob 1000. See /tsstatus.")
    if not _JOB_ID.fullmatch(found[0]):
        raise Refused("no_number", f"“{found[0]}” is no job's number; /tsstatus lists them.")
    if len(found) > 2:
        raise Refused("too_many_words", f"I don't know what “{found[2]}” is; write: /runjob ID.")
    return int(found[0]), known_target(found[1], targets) if len(found) == 2 else ""


def parse_target(text: str, targets: Collection[str]) -> str:
    """Read an optional target, empty where none is named.

    Raises:
        Refused: there is no such target, or a word too many.
    """
    found = words(text)
    if len(found) > 1:
        raise Refused("too_many_words", f"I don't know what “{found[1]}” is; name one target.")
    return known_target(found[0], targets) if found else ""


def known_target(name: str, targets: Collection[str]) -> str:
    """Return the name, which is one of the targets'.

    Raises:
        Refused: it is not.
    """
    if name in targets:
        return name
    near = difflib.get_close_matches(name, targets, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(sorted(targets))}."
    raise Refused("unknown_target", f"There is no target “{name}”; {hint}")
