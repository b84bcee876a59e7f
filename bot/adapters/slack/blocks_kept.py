"""What of earlier runs is still on a target's server: kept databases, and what dead runs left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot.adapters.slack.blocks import Json, date, name, paragraph, words
from bot.core.kept import Kept, KeptReport
from bot.core.models import Target
from bot.core.redaction import safe_line
from bot.core.wording import duration, shortened, size

_ROWS = 15


def kept_section(report: KeptReport, target: Target, now: datetime) -> list[Json]:
    """Return the kept databases with age, size and run, and the left-overs with what to do."""
    if report.problem:
        why = shortened(safe_line(report.problem), 300)
        return [paragraph([words(f"Kept databases: could not be looked up: {why}")])]
    rows = [*_put_back(report), *(_row(one, target, now) for one in report.kept)]
    rows += [_left_over(left) for left in report.left_over]
    if not rows:
        return []
    more = [[words(f"and {len(rows) - _ROWS} more")]] if len(rows) > _ROWS else []
    return [paragraph([words("Kept databases", bold=True)], *rows[:_ROWS], *more)]


def _put_back(report: KeptReport) -> Iterator[list[Json]]:
    if report.put_back is not None:
        run = name(report.put_back.run_id)
        yield [words("The live one was put back "), date(report.put_back.at), words(", run "), run]


def _row(one: Kept, target: Target, now: datetime) -> list[Json]:
    age = duration((now - one.exchange.at).total_seconds())
    row = [
        name(one.facts.name),
        words(f"  {size(one.facts.size)}, set aside {age} ago by run "),
        name(one.run_id),
    ]
    if one.facts.allows_connections:
        return [*row, words("; accepts connections: shut it, its jobs run", bold=True)]
    until = one.until(target)
    asked = "; kept until " if until > now else "; approvers are asked to drop it since "
    return [*row, words(asked), date(until), words(", and longer without their word")]


def _left_over(left: str) -> list[Json]:
    return [
        name(left),
        words("  left over: its run is not at work; once you are sure, "),
        words(f'DROP DATABASE "{left}" WITH (FORCE)', code=True),
    ]
