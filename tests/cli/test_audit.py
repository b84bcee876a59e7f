"""`tsbot audit` shows, checks and exports the log without trusting anything written in it."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.audit_log import AuditStore
from bot.cli import audit
from bot.core.audit import Draft, Phase, Query, entry_hash
from bot.core.heads import head_of, line_of
from tests.adapters.audit import SteppingClock, without_triggers

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
Tsbot = Callable[..., tuple[int, str, str]]


def raw(text: str) -> str:
    """Cleans nothing: what an older bot, or an intruder, may have written."""
    return text


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    store = AuditStore(tmp_path / "audit.db", SteppingClock(), raw)
    kim = {"actor_id": "U1", "actor_name": "Kim 김"}
    log = store.log
    log.append(
        Draft("command", Phase.NOTE, "ok", "aa11", **kim, arguments="latest", target="shop")  # type: ignore[arg-type]
    )
    log.append(Draft("pg_restore", Phase.INTENT, "", "aa11", target="shop", backup="s.dump"))
    log.append(
        Draft(
            "pg_restore",
            Phase.OUTCOME,
            "failed",
            "aa11",
            target="shop",
            duration_ms=725_000,
            detail={"errors": 2, "empty": []},
            output_tail="creating TABLE\n\x1b[31mdisk full\x1b[0m",
        )
    )
    log.append(Draft("command", Phase.NOTE, "refused", "aa22", "U2", "Lee", arguments="=cmd|' /C'"))
    yield store
    store.close()


@pytest.fixture
def tsbot(store: AuditStore) -> Tsbot:
    def run(*argv: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser("tsbot")
        audit.register(parser.add_subparsers(dest="command"))
        out, err = io.StringIO(), io.StringIO()
        code = audit.run(parser.parse_args(["audit", *argv]), store.log, out, err, NOW)
        return code, out.getvalue(), err.getvalue()

    return run


def test_list_shows_one_aligned_line_an_entry_in_utc(tsbot: Tsbot) -> None:
    code, out, _ = tsbot("list")
    head, *lines = out.splitlines()
    assert (code, len(lines)) == (0, 4)
    assert head.split()[:4] == ["ENTRY", "UTC", "RUN", "WHO"]
    assert lines[0].startswith("1      2026-01-31 08:00:01  aa11  Kim 김 (U1)  command     note ")
    assert lines[1].startswith("2      2026-01-31 08:00:02  aa11  tsbot        pg_restore  intent ")


@pytest.mark.parametrize(
    ("argv", "numbers"),
    [
        (("--run", "aa11"), "123"),
        (("--run", "aa"), "1234"),
        (("--actor", "U1"), "1"),
        (("--actor", "@lee"), "4"),
        (("--actor", "tsbot", "--limit", "1"), "3"),
        (("--limit", "2"), "34"),
        (("--since", "2026-01-31T08:00:03"), "34"),
        (("--since", "24h"), "1234"),
    ],
)
def test_list_takes_run_person_time_and_amount(
    tsbot: Tsbot, argv: tuple[str, ...], numbers: str
) -> None:
    _, out, _ = tsbot("list", *argv)
    assert "".join(line[0] for line in out.splitlines()[1:]) == numbers


def test_list_says_why_a_command_was_refused_and_how_a_run_ended(
    tsbot: Tsbot, store: AuditStore
) -> None:
    why = {"sentence": "There is no backup “x” on shop."}
    store.log.append(
        Draft("command", Phase.NOTE, "refused", "", "U2", "Lee", arguments="/restore x", detail=why)
    )
    store.log.append(
        Draft("run", Phase.OUTCOME, "failed", "aa33", detail={"sentence": "It broke."})
    )
    refused, ended = tsbot("list", "--limit", "2")[1].splitlines()[1:]
    assert refused.endswith("/restore x -> There is no backup “x” on shop.")
    assert ended.endswith("It broke.")


def test_list_of_nothing_says_so(tsbot: Tsbot) -> None:
    assert tsbot("list", "--run", "zz")[:2] == (0, "No entries.\n")


def test_show_tells_the_story_of_a_run_with_durations_and_output(tsbot: Tsbot) -> None:
    code, out, _ = tsbot("show", "aa1")
    assert code == 0
    assert out.splitlines() == [
        "Run aa11, 3 entries, 2026-01-31 08:00:01 UTC + 2.0 s",
        "2026-01-31 08:00:01 -- command: ok [note 1, Kim 김 (U1)]",
        "    target: shop",
        "    arguments: latest",
        "2026-01-31 08:00:02 -> pg_restore [intent 2, tsbot]",
        "    target: shop",
        "    backup: s.dump",
        "2026-01-31 08:00:03 <- pg_restore: failed in 12 m 05 s [outcome 3, tsbot]",
        "    target: shop",
        "    errors: 2",
        "    | creating TABLE",
        "    | disk full",
    ]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("show", "zz"), "No entry belongs to a run “zz”."),
        (("show", ""), "No entry belongs to a run “”."),
        (("show", "aa"), "Several runs begin with “aa”: aa11, aa22."),
        (("list", "--since", "soon"), "“soon” is no time"),
        (("export", "--format", "csv", "--since", "2027-01-01"), "is still to come"),
        (("verify", "--head", "abc"), "“abc” is no head"),
        (("verify", "--head", "z" * 64), "is no head: it has 12 to 64 hexadecimal digits."),
        (("show", "\x1b[2Jzz"), "No entry belongs to a run “zz”."),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    tsbot: Tsbot, argv: tuple[str, ...], sentence: str
) -> None:
    code, out, err = tsbot(*argv)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("limit", ["0", "-1", "many", "²"])
def test_a_limit_that_is_no_amount_ends_with_exit_code_2(
    tsbot: Tsbot, limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        tsbot("list", f"--limit={limit}")
    assert caught.value.code == 2
    assert "is no amount: write a number from 1" in capsys.readouterr().err


def test_verify_of_an_untouched_log_ends_well_and_prints_the_head(
    tsbot: Tsbot, store: AuditStore
) -> None:
    head = store.log.verify().head
    assert tsbot("verify") == (0, f"Intact: 4 entries. Head {head}\n", "")
    assert tsbot("verify", "--head", head[:12])[0] == 0


def test_verify_names_the_first_row_that_does_not_fit_and_exits_with_1(
    tsbot: Tsbot, tmp_path: Path
) -> None:
    without_triggers(tmp_path / "audit.db", "UPDATE entries SET status = 'ok' WHERE id >= 3")
    code, out, _ = tsbot("verify")
    assert code == 1
    assert out.startswith("NOT INTACT: Entry 3 was changed after it was written.\n2 entries fit")


def test_verify_against_a_head_notices_a_cut_tail(
    tsbot: Tsbot, store: AuditStore, tmp_path: Path
) -> None:
    head = store.log.verify().head
    without_triggers(tmp_path / "audit.db", "DELETE FROM entries WHERE id = 4")
    assert tsbot("verify")[0] == 0
    code, out, _ = tsbot("verify", "--head", head)
    assert code == 1
    assert "cut off after entry 3" in out


def test_verify_holds_every_line_of_the_witness_against_the_log(
    tsbot: Tsbot, store: AuditStore, tmp_path: Path
) -> None:
    kept = tmp_path / "heads.txt"
    entries = store.log.entries(Query())
    kept.write_text("".join(f"{line_of(head_of(entries[n]))}\n" for n in (1, 3)))
    code, out, _ = tsbot("verify", f"--witness={kept}")
    assert (code, "and fits 2 heads of the witness" in out) == (0, True)
    without_triggers(tmp_path / "audit.db", "DELETE FROM entries WHERE id = 4")
    code, out, _ = tsbot("verify", f"--witness={kept}")
    assert code == 1
    assert "NOT INTACT: The log was cut off after entry 3: entry 4 was witnessed on" in out


def test_a_witness_that_cannot_be_read_is_wrong_input(tsbot: Tsbot, tmp_path: Path) -> None:
    code, _, err = tsbot("verify", f"--witness={tmp_path / 'nowhere'}")
    assert (code, "cannot be read: No such file" in err) == (2, True)
    (tmp_path / "notes.txt").write_text("buy milk\n")
    code, _, err = tsbot("verify", f"--witness={tmp_path / 'notes.txt'}")
    assert (code, "Line 1 of the witness is none that tsbot wrote" in err) == (2, True)


def test_exported_json_lines_hold_every_field_and_the_chain_can_be_recomputed(
    tsbot: Tsbot, store: AuditStore
) -> None:
    _, out, _ = tsbot("export", "--format", "jsonl")
    assert out.isascii()
    assert "\x1b" not in out
    for line in out.splitlines():
        row = json.loads(line)
        number, at = row.pop("id"), datetime.fromisoformat(row.pop("at"))
        prev_hash, digest = row.pop("prev_hash"), row.pop("hash")
        draft = Draft(**row | {"phase": Phase(row["phase"])})
        assert entry_hash(number, at, draft, prev_hash) == digest
    assert digest == store.log.verify().head


def test_an_exported_spreadsheet_has_a_header_and_runs_no_formula(tsbot: Tsbot) -> None:
    _, out, _ = tsbot("export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 4
    assert rows[3]["arguments"] == "'=cmd|' /C'"
    assert rows[2]["output_tail"] == "creating TABLE\ndisk full"
    assert rows[2]["detail"] == '{"empty":[],"errors":2}'
    assert (rows[1]["duration_ms"], rows[2]["duration_ms"]) == ("", "725000")


def test_an_export_takes_only_what_is_not_older(tsbot: Tsbot) -> None:
    _, out, _ = tsbot("export", "--format", "jsonl", "--since", "2026-01-31T08:00:04")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [4]


def test_what_somebody_wrote_reaches_no_terminal_as_an_escape(
    tsbot: Tsbot, store: AuditStore
) -> None:
    evil = "\x1b[2J\u202eevil\nnew line\x07"
    store.log.append(
        Draft(evil, Phase.NOTE, evil, "bb", evil, evil, evil, evil, evil, detail={evil: evil})
    )
    for argv in (("list",), ("show", "bb"), ("export", "--format", "csv")):
        _, out, _ = tsbot(*argv)
        assert not {"\x1b", "\u202e", "\x07"} & set(out)
    assert len(tsbot("list")[1].splitlines()) == 6


@pytest.mark.parametrize("command", [("list",), ("show", "aa11"), ("export", "--format", "csv")])
def test_a_terminal_without_utf8_gets_escapes_instead_of_an_error(
    store: AuditStore, command: tuple[str, ...]
) -> None:
    parser = argparse.ArgumentParser("tsbot")
    audit.register(parser.add_subparsers())
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    args = parser.parse_args(["audit", *command])
    assert audit.run(args, store.log, out, out, NOW) == 0
    out.seek(0)
    assert r"Kim \uae40" in out.read()
