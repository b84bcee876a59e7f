"""`tsbot audit list|show|verify|export`: the log for reviewers, also while the bot is away."""

from __future__ import annotations

import argparse
import string
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bot.cli.audit_export import FORMATS
from bot.cli.columns import aligned, put
from bot.core.audit import Entry, Head, Phase, Query
from bot.core.errors import Refused
from bot.core.heads import read_lines
from bot.core.ports.audit import AuditLog
from bot.core.redaction import safe_line, safe_text
from bot.core.when import format_duration, format_utc, parse_since
from bot.core.wording import counted, shortened

if TYPE_CHECKING:
    # argparse's own type has parameters only in the type stubs
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

SHORTEST_HEAD = 12
"""Characters of a head that can be told from another one's beginning."""


def register(subparsers: Subparsers) -> None:
    """Add ``audit`` and its four subcommands; `run` then takes the parsed arguments."""
    audit = subparsers.add_parser("audit", help="read and check the audit log")
    actions = audit.add_subparsers(dest="audit_action", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="one line an entry, oldest first")
    listing.add_argument("--run", default="", metavar="ID", help="of this run (its beginning does)")
    listing.add_argument("--actor", default="", metavar="ID|NAME", help="by this person")
    _add_since(listing)
    listing.add_argument("--limit", type=_amount, default=50, metavar="N", help="the newest N (50)")

    show = actions.add_parser("show", help="the whole story of one run")
    show.add_argument("run", metavar="RUN", help="the run's id or its beginning")

    verify = actions.add_parser("verify", help="recompute the hash chain; exit 1 where it breaks")
    verify.add_argument("--head", default="", metavar="HASH", help="a hash that must be in it")
    verify.add_argument(
        "--witness",
        type=Path,
        metavar="FILE",
        help="the second witness's lines, all of which must fit",
    )

    export = actions.add_parser("export", help="every field, to standard output")
    export.add_argument("--format", choices=sorted(FORMATS), required=True)
    _add_since(export)


def run(args: argparse.Namespace, log: AuditLog, out: TextIO, err: TextIO, now: datetime) -> int:
    """Run the chosen subcommand and return the exit code: 2 and a sentence on wrong input.

    Args:
        args: as parsed by what `register` added.
        log: open for reading at least.
        out: for results.
        err: for the sentence.
        now: the time, aware, for ``--since 24h``.

    Raises:
        AuditUnavailable: the log cannot be read.
    """
    try:
        return _dispatch(args, log, out, now)
    except Refused as refused:
        put(err, f"tsbot audit: {safe_line(refused.sentence)}")
        return 2


def _dispatch(args: argparse.Namespace, log: AuditLog, out: TextIO, now: datetime) -> int:
    match args.audit_action:
        case "list":
            return list_entries(args, log, out, now)
        case "show":
            return show_run(args, log, out)
        case "verify":
            return verify_chain(args, log, out)
        case _:
            return export_entries(args, log, out, now)


def list_entries(args: argparse.Namespace, log: AuditLog, out: TextIO, now: datetime) -> int:
    """Print one line an entry."""
    # A name is no field of a query, so the newest are taken after looking for the person
    newest = None if args.actor else args.limit
    found = log.entries(Query(run_id=args.run, since=_since(args, now), newest=newest))
    wanted = args.actor.removeprefix("@").casefold()
    kept = [e for e in found if not wanted or wanted in _names(e)][-args.limit :]
    if not kept:
        put(out, "No entries.")
        return 0
    rows = [("ENTRY", "UTC", "RUN", "WHO", "ACTION", "PHASE", "STATUS", "TARGET", "WHAT")]
    for line in aligned([*rows, *(_row(entry) for entry in kept)]):
        put(out, line)
    return 0


def show_run(args: argparse.Namespace, log: AuditLog, out: TextIO) -> int:
    """Print all of one run's entries with durations and output."""
    found = log.entries(Query(run_id=args.run))
    runs = sorted({entry.draft.run_id for entry in found})
    if args.run in runs:
        runs = [args.run]
    if not runs or not args.run:
        raise Refused("unknown_run", f"No entry belongs to a run “{args.run}”.")
    if len(runs) > 1:
        several = ", ".join(runs[:5])
        raise Refused("unknown_run", f"Several runs begin with “{args.run}”: {several}.")
    story = [entry for entry in found if entry.draft.run_id == runs[0]]
    put(out, safe_line(f"Run {runs[0]}, {counted(len(story), 'entry', 'entries')}, {_span(story)}"))
    for entry in story:
        _tell(entry, out)
    return 0


def verify_chain(args: argparse.Namespace, log: AuditLog, out: TextIO) -> int:
    """Recompute the chain and return 1 where it breaks."""
    head = args.head.strip().lower()
    if head and (not SHORTEST_HEAD <= len(head) <= 64 or set(head) - set(string.hexdigits)):
        raise Refused(
            "wrong_head",
            f"“{args.head}” is no head: it has {SHORTEST_HEAD} to 64 hexadecimal digits.",
        )
    witnessed = _witnessed(args.witness)
    found = log.verify(head, witnessed)
    if found.intact:
        holds = ", and holds the given head" if head else ""
        if args.witness:
            holds += f", and fits {counted(len(witnessed), 'head')} of the witness"
        put(out, f"Intact: {counted(found.entries, 'entry', 'entries')}{holds}. Head {found.head}")
        return 0
    put(out, f"NOT INTACT: {safe_line(found.problem)}")
    put(out, f"{found.entries} entries fit before that. Last good hash {found.head}")
    return 1


def _witnessed(path: Path | None) -> tuple[Head, ...]:
    if path is None:
        return ()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Refused("wrong_witness", f"{path} cannot be read: {error.strerror}.") from error
    return tuple(read_lines(text.splitlines()))


def export_entries(args: argparse.Namespace, log: AuditLog, out: TextIO, now: datetime) -> int:
    """Write every field of the entries as CSV or JSON lines."""
    FORMATS[args.format](log.entries(Query(since=_since(args, now))), out)
    return 0


def _add_since(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", default="", metavar="WHEN", help="24h, 7d, 2026-01-31 …, in UTC; all by default"
    )


def _amount(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise argparse.ArgumentTypeError(f"“{text}” is no amount: write a number from 1")
    return int(text)


def _since(args: argparse.Namespace, now: datetime) -> datetime | None:
    return parse_since(args.since, now) if args.since else None


def _names(entry: Entry) -> tuple[str, str]:
    return entry.draft.actor_id.casefold(), entry.draft.actor_name.casefold()


def _who(entry: Entry) -> str:
    draft = entry.draft
    if draft.actor_name in {"", draft.actor_id}:
        return draft.actor_id
    return f"{draft.actor_name} ({draft.actor_id})"


def _row(entry: Entry) -> tuple[str, ...]:
    draft = entry.draft
    return (
        str(entry.id),
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        draft.run_id or "-",
        _who(entry),
        draft.action,
        draft.phase,
        draft.status or "-",
        draft.target or "-",
        _what(entry),
    )


def _what(entry: Entry) -> str:
    """Return what was asked for, or what came of it."""
    draft = entry.draft
    named = draft.backup if draft.backup not in draft.arguments else ""
    asked = " ".join(filter(None, (draft.arguments, named)))
    said = draft.detail.get("summary") or draft.detail.get("sentence") or ""
    return " -> ".join(filter(None, (asked, shortened(safe_line(str(said)), 100))))


def _span(story: list[Entry]) -> str:
    passed = story[-1].at - story[0].at
    milliseconds = max(0, round(passed.total_seconds() * 1000))
    return f"{format_utc(story[0].at)} + {format_duration(milliseconds)}"


_MARKS = {Phase.INTENT: "->", Phase.OUTCOME: "<-", Phase.NOTE: "--"}


def _tell(entry: Entry, out: TextIO) -> None:
    draft = entry.draft
    took = f" in {format_duration(draft.duration_ms)}" if draft.duration_ms is not None else ""
    status = f": {draft.status}" if draft.status else ""
    put(
        out,
        safe_line(
            f"{entry.at:%Y-%m-%d %H:%M:%S} {_MARKS[draft.phase]} {draft.action}{status}{took}"
            f" [{draft.phase} {entry.id}, {_who(entry)}]"
        ),
    )
    named = (("target", draft.target), ("backup", draft.backup), ("arguments", draft.arguments))
    facts = [*named, ("digest", draft.digest), *draft.detail.items()]
    for name, value in facts:
        if value not in ("", None, [], {}):
            put(out, "    " + safe_line(f"{name}: {value}"))
    for line in safe_text(draft.output_tail).splitlines():
        put(out, f"    | {line}")
