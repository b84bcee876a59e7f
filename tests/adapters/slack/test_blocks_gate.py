from __future__ import annotations

from dataclasses import replace

from bot.adapters.slack.blocks_gate import gate
from bot.core.models import Container, Person
from bot.core.plan import Loss
from tests.adapters.slack.rendering import page, seen
from tests.core.run_samples import a_backup, a_notice, a_plan


def test_the_gate_says_what_from_which_backup_onto_which_target() -> None:
    shown = page(gate(a_notice()))
    assert "Target: demo · database tsdb in container db" in shown
    assert "Backup: tsdb_2026-02-28.dump · 3.2 GiB · taken 2026-03-01 02:20 UTC" in shown
    assert "SHA-256: abababababab\n" in shown
    assert "PostgreSQL 17.4 and TimescaleDB 2.19.3 into PostgreSQL 17.4" in shown


def test_the_gate_says_what_the_dump_holds() -> None:
    holds = ("1 hypertable, 31 chunks, 3 456 000 rows in 41 tables", "9 extensions, 13 grants")
    shown = page(gate(a_notice(a_plan(contents=holds))))
    for line in holds:
        assert f"Holds: {line}\n" in shown
    assert "Holds:" not in page(gate(a_notice()))


def test_the_gate_says_who_asked_and_why() -> None:
    shown = page(gate(a_notice()))
    assert "Asked for by <@U0ANA>" in shown
    assert "Reason: the importer wrote rubbish since midnight" in shown
    assert "Reason: none given" in page(gate(a_notice(a_plan(reason=""))))


def test_the_gate_says_what_would_be_lost() -> None:
    shown = page(gate(a_notice()))
    assert "Would be lost: everything written in the 6 h 10 min since the dump." in shown
    assert "Newest row in the live database: 2026-03-01 08:29 UTC" in shown
    assert "The old database is kept as tsdb_before_r7f3a2" in shown


def test_an_unknown_loss_is_never_shown_as_none() -> None:
    shown = page(gate(a_notice(a_plan(loss=Loss(None, None)))))
    assert "everything written since the dump, whose time is unknown" in shown
    assert "Newest row in the live database: not known quickly" in shown


def test_a_database_that_does_not_exist_yet_loses_nothing() -> None:
    shown = page(gate(a_notice(a_plan(live=None))))
    assert "Nothing is lost: the database does not exist yet." in shown
    assert "is kept as" not in shown


def test_destructive_steps_are_marked_and_the_others_are_not() -> None:
    shown = page(gate(a_notice()))
    assert ":warning: 1. Stop applications (destructive)" in shown
    assert ":warning: 8. Restart PostgreSQL (destructive)" in shown
    assert "· 6. Restore the dump\n" in shown
    assert "Stopped and started again: grafana" in shown


def test_warnings_and_retention_jobs_are_named() -> None:
    shown = page(gate(a_notice()))
    assert "PostgreSQL restarts; 3 sessions of other databases end" in shown
    assert "policy_retention on public.metrics" in shown
    bare = page(gate(a_notice(a_plan(warnings=(), retention=()))))
    assert "Warnings" not in bare
    assert "Retention" not in bare


def test_the_approvers_are_mentioned_with_what_is_missing_and_until_when() -> None:
    shown = page(gate(a_notice()))
    assert "<@U0BEN> <!subteam^S0DBA>\nReact with :white_check_mark: to approve or :x:" in shown
    assert "*2 approvals missing*" in shown
    assert "<@U0ANA>'s own does not count" in shown
    assert "<!date^1772355600^" in shown
    assert "does not count" not in page(gate(a_notice(self_approval=True)))


def test_the_whole_digest_stands_on_the_gate() -> None:
    notice = a_notice()
    assert notice.digest in page(gate(notice))


def test_a_locked_phone_says_who_wants_what_what_is_lost_and_how_to_vote() -> None:
    text = gate(a_notice()).text
    assert text.startswith("Ana wants to restore demo from tsdb_2026-02-28.dump (3.2 GiB")
    assert "lost: everything written in the 6 h 10 min since the dump" in text
    assert "React :white_check_mark: to approve or :x: to stop it" in text
    assert a_notice().digest[:12] in text
    assert text.endswith("<@U0BEN> <!subteam^S0DBA>")


def test_a_closed_gate_says_how_it_ended_and_no_longer_asks() -> None:
    look = gate(a_notice(), "vetoed: stopped by <!here> Ben")
    assert ":ballot_box_with_ballot: vetoed: stopped by <!here> Ben" in page(look)
    assert "React with" not in seen(look.blocks)
    assert look.text == "Closed: vetoed: stopped by &lt;!here&gt; Ben"


def test_the_same_notice_always_gives_the_same_message() -> None:
    assert gate(a_notice()) == gate(a_notice())


def test_nothing_in_names_gets_out_of_its_place() -> None:
    plan = a_plan(
        backup=a_backup("`<!channel>` ✅.dump"), reason="<!here> `x` *y*", warnings=("<!channel>",)
    )
    notice = replace(a_notice(plan), requester=Person("cli:<!channel>", "<!everyone>"))
    look = gate(notice)
    page(look)
    assert "<!channel>" not in look.text
    assert "<!everyone>" not in look.text
    mrkdwn = seen([b for b in look.blocks if b["type"] in ("section", "context")])
    assert "<!every" not in mrkdwn
    assert "<!chan" not in mrkdwn


def test_the_longest_plan_still_shows_every_step_and_the_digest() -> None:
    container = Container("x", "n" * 300, "image", running=True)
    plan = a_plan(
        backup=a_backup("b" * 255),
        reason="r" * 5000,
        warnings=("w" * 900,) * 60,
        retention=("j" * 900,) * 60,
        applications=(container,) * 60,
    )
    shown = page(gate(a_notice(plan, approvers=tuple(f"U0{n:09}" for n in range(90)))))
    assert "and 50 more" in shown
    assert "and 40 more" in shown
    assert "Checklist" in shown
    assert a_notice(plan).digest in shown
