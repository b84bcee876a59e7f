"""Answers to one person: what was begun, the dumps, the history, the help."""

from __future__ import annotations

from collections.abc import Sequence

from bot.adapters.slack.blocks import (
    Json,
    Look,
    context,
    date,
    fit,
    header,
    name,
    paragraph,
    plain,
    words,
)
from bot.core.audit import Entry
from bot.core.history import History
from bot.core.models import BackupFile, Target
from bot.core.permissions import CommandSpec
from bot.core.redaction import safe_line
from bot.core.wording import counted, duration, shortened, size

_BACKUPS = 20
_ENTRIES = 40
_REFUSALS = {"refused", "failed"}


def said(sentence: str) -> Look:
    """Return one sentence of our own."""
    return Look(plain(sentence, 1500), [paragraph([words(sentence)])])


def begun(what: str, run_id: str) -> Look:
    """Return that a run has begun; its card follows in the channel.

    Args:
        what: does the run, such as ``The refresh``; a restore begins with its preflight only.
        run_id: its id.
    """
    row = [words(f"{what} has begun; its card is in the channel, run "), name(run_id)]
    return Look(f"{plain(what)} has begun: run {plain(run_id, 40)}.", [paragraph(row)])


def backups(target: Target, files: Sequence[BackupFile]) -> Look:
    """Return a target's dumps, the newest first."""
    title = f"{counted(len(files), 'backup')} of {target.name}"
    rows = [
        [date(f.modified), words("  "), name(f.name), words(f"  {_size(f)}")]
        for f in files[:_BACKUPS]
    ]
    none = [[words(f"There is nothing in {target.backup_dir}.")]]
    blocks = [header(title), paragraph(*(rows or none))]
    if len(files) > _BACKUPS:
        blocks.append(context(f"and {len(files) - _BACKUPS} older ones"))
    return fit(plain(title), blocks, "")


def _size(file: BackupFile) -> str:
    return "directory" if file.directory else size(file.size)


def entries(history: History) -> Look:
    """Return entries of the log, the oldest first."""
    found = history.entries
    shown = found[-_ENTRIES:]
    blocks: list[Json] = [header("Audit log")]
    blocks.append(paragraph([words(shortened(safe_line(history.title), 200), bold=True)]))
    if not found:
        blocks.append(paragraph([words("There are no entries.")]))
    else:
        blocks.append(paragraph(*(_row(entry) for entry in shown)))
    number, hidden = len(found), len(found) - len(shown)
    if history.older:
        cut = f"Only the newest {number} were read, of them {len(shown)} are shown."
        blocks.append(context(f"{cut} There are older ones: `tsbot audit list`"))
    elif hidden:
        blocks.append(context(f"{hidden} older ones: `tsbot audit list`"))
    what = f"the newest {number} entries" if history.older else counted(number, "entry", "entries")
    return fit(f"Audit log: {what}", blocks, "")


def _row(entry: Entry) -> list[Json]:
    draft = entry.draft
    took = f" in {duration(draft.duration_ms / 1000)}" if draft.duration_ms is not None else ""
    what = f"{draft.action} {draft.phase.value} {draft.status}".replace(" note ", " ").strip()
    said_of_it = (
        draft.arguments or draft.detail.get("summary") or draft.detail.get("sentence") or ""
    )
    if draft.status in _REFUSALS and draft.arguments and draft.detail.get("sentence"):
        said_of_it = f"{draft.arguments} → {draft.detail['sentence']}"
    return [
        words(f"{entry.id} ", code=True),
        date(entry.at),
        words(f"  {shortened(safe_line(draft.actor_name), 40)}: "),
        words(f"{what}{took}", bold=True),
        words(f"  {shortened(safe_line(str(said_of_it)), 160)}"),
        words(f"  {draft.run_id}" if draft.run_id else "", code=True),
    ]


def help_page(commands: Sequence[tuple[CommandSpec, bool]]) -> Look:
    """Return each command with whether this person may use it."""
    rows = [
        [
            words(f"{spec.name} {spec.usage}".strip(), code=True),
            words(f"  {spec.description}"),
            words("" if may else "  (not you)"),
        ]
        for spec, may in commands
    ]
    return fit("What you may do here", [header("What you may do here"), paragraph(*rows)], "")
