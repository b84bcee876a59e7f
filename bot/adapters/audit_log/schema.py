"""The tables, and the triggers that keep `entries` append-only."""

from __future__ import annotations

from sqlite_utils import Database

APPLICATION_ID = 0x7473_6231
"""``tsb1``, in the file's header, so that another program's database is never written to."""

VERSION = 1
"""``PRAGMA user_version`` of the schema below."""

TRIGGERS = {
    "entries_no_update": """
        BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: no UPDATE'); END""",
    "entries_no_delete": """
        BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: no DELETE'); END""",
    # REPLACE deletes without firing a DELETE trigger unless recursive_triggers is on. Before the
    # first entry stand the 64 zeros of GENESIS.
    "entries_in_order": """
        BEFORE INSERT ON entries
        WHEN NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM entries)
          OR NEW.prev_hash <> coalesce(
               (SELECT hash FROM entries ORDER BY id DESC LIMIT 1), printf('%064d', 0))
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: this does not follow'); END""",
}

_TEXTS = [
    *("action", "phase", "status", "run_id", "actor_id", "actor_name", "channel", "target"),
    *("backup", "digest", "arguments", "detail", "output_tail", "prev_hash", "hash"),
]


def create(db: Database) -> None:
    """Create everything; called inside a transaction."""
    _create_entries(db)
    db.table("claims").create(
        {"target": str, "run_id": str, "holder": str, "since": str},
        pk="target",
        not_null={"run_id", "holder", "since"},
    )
    db.table("deliveries").create({"delivery": str, "at": str}, pk="delivery", not_null={"at"})
    db.table("deliveries").create_index(["at"])
    db.table("deadlines").create(
        {"key": str, "run_id": str, "at": str}, pk="key", not_null={"run_id", "at"}
    )
    for name, body in TRIGGERS.items():
        db.execute(f"CREATE TRIGGER {name} {body}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def _create_entries(db: Database) -> None:
    columns: dict[str, type] = {"id": int, "at": str, "duration_ms": int}
    entries = db.table("entries").create(
        columns | dict.fromkeys(_TEXTS, str), pk="id", not_null={"at", *_TEXTS}
    )
    for column in ("run_id", "actor_id", "at"):
        entries.create_index([column])


def problem(db: Database) -> str:
    """Return why a file is not an audit log this version reads; empty where it is."""
    application = _pragma(db, "application_id")
    version = _pragma(db, "user_version")
    if application != APPLICATION_ID:
        return "is not a tsbot audit log"
    if version != VERSION:
        return f"has schema version {version}, written by another tsbot; this one reads {VERSION}"
    return ""


def is_empty(db: Database) -> bool:
    """Whether nothing was ever written to this file."""
    return (
        not _pragma(db, "application_id")
        and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    )


def not_the_table(db: Database) -> str:
    """Return that `entries` is gone or something else, such as a view; empty where it is a table.

    What is written to a view goes wherever somebody's trigger says.
    """
    # by the statement, for a virtual table counts as a table in the column `type`
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'entries' AND sql LIKE 'CREATE TABLE%'"
    if db.execute(query).fetchone()[0]:
        return ""
    return "The log's `entries` is not the table that tsbot made: it is gone, or something else."


def wrong_triggers(db: Database) -> str:
    """Return which triggers are gone, altered or not ours; empty where they are as they should be.

    Those of the other tables count, for they could write to `entries` too.
    """
    ours = {name: _words(f"CREATE TRIGGER {name} {body}") for name, body in TRIGGERS.items()}
    there = [(trigger.name, _words(trigger.sql)) for trigger in sorted(db.triggers)]
    gone = [name for name, words in ours.items() if (name, words) not in there]
    foreign = [name for name, words in there if name not in gone and words != ours.get(name)]
    parts = {
        "The triggers that forbid changes were removed or altered": gone,
        "The log has triggers that are not tsbot's": foreign,
    }
    return " ".join(f"{text}: {', '.join(names)}." for text, names in parts.items() if names)


def _words(sql: str) -> list[str]:
    return sql.split()


def _pragma(db: Database, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
