"""What leaves `redaction` can hurt nobody, and says what it said otherwise."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.redaction import (
    REDACTED,
    Secrets,
    for_csv,
    for_slack,
    safe_line,
    safe_text,
    tail,
)

PASSWORD = "correct horse'battery"
TOKEN = "xoxb-1234567890-abcdefghij"


@pytest.mark.parametrize(
    ("given_text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b(Bplain\x1bc", "plain"),
        ("a\x00b\x08c\x7fd\x85e", "abcd\ne"),
        ("progress 1\rprogress 2\r\n", "progress 1\nprogress 2\n"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("a\u2066b\u2069c\u200bd\ufeff", "abcd"),
        ("\x1b", ""),
        ("tab\tand\nline stay", "tab\tand\nline stay"),
        ("한국어 ✅ é", "한국어 ✅ é"),
        ("broken \udc80 name", "broken \ufffd name"),
    ],
)
def test_escapes_and_invisible_characters_go_and_text_stays(given_text: str, plain: str) -> None:
    assert safe_text(given_text) == plain


def test_an_escape_without_its_end_hides_nothing_after_it() -> None:
    assert safe_text("\x1b]0;DROP DATABASE shop") == "0;DROP DATABASE shop"


@given(st.text(st.characters(codec=None), max_size=200))
def test_whatever_comes_in_what_goes_out_is_clean_and_stays_so(text: str) -> None:
    plain = safe_text(text)
    assert safe_text(plain) == plain
    assert all(char >= " " or char in "\n\t" for char in plain)
    plain.encode()


def test_a_safe_line_has_no_line_break_and_no_run_of_spaces() -> None:
    assert safe_line(" one\n\ttwo\u2028three\r\n") == "one two three"


def test_slack_sees_no_broadcast_mention_or_link_in_outside_text() -> None:
    shown = for_slack("<!channel> <@U1> <https://evil|bank> A&B")
    assert shown == "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil|bank&gt; A&amp;B"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "\n+", "＝", "\x00="])
def test_no_cell_is_a_formula(start: str) -> None:
    cell = for_csv(f"{start}cmd|' /C calc'!A0")
    assert cell.startswith("'")


def test_an_ordinary_cell_is_left_alone() -> None:
    assert for_csv("shop-2026.dump, 3 = 3") == "shop-2026.dump, 3 = 3"


def test_a_tail_keeps_the_last_lines_and_says_that_some_are_missing() -> None:
    assert tail("a\nb\nc\nd\n", lines=2, chars=100) == "…\nc\nd"
    assert tail("a\nb\n", lines=2, chars=100) == "a\nb"
    assert tail("", lines=2, chars=100) == ""


def test_a_tail_that_is_too_long_loses_whole_lines_first() -> None:
    assert tail("first line\nsecond\nthird", lines=9, chars=16) == "…\nsecond\nthird"
    assert tail("0123456789", lines=9, chars=5) == "…6789"


@given(st.text(max_size=300), st.integers(1, 9), st.integers(1, 60))
def test_a_tail_is_never_longer_than_allowed(text: str, lines: int, chars: int) -> None:
    assert len(tail(text, lines, chars)) <= chars


@pytest.mark.parametrize(
    "text",
    [
        f"password is {PASSWORD}",
        "ALTER ROLE app PASSWORD 'correct horse''battery'",
        "postgresql://app@db/x?password=correct%20horse%27battery",
        r"host=db password='correct horse\'battery'",
        "correct\x1b[0m horse'battery",
    ],
)
def test_a_known_secret_goes_however_it_is_written(text: str) -> None:
    cleaned = Secrets([PASSWORD]).clean(text)
    assert "battery" not in cleaned
    assert REDACTED in cleaned


def test_a_secret_with_a_newline_from_its_file_is_known_all_the_same() -> None:
    assert "s3cretvalue" not in Secrets(["s3cretvalue\n"]).clean("it is s3cretvalue!")


def test_empty_and_very_short_secrets_do_not_destroy_the_text() -> None:
    assert Secrets(["", "  ", "abc"]).clean("abc of the alphabet") == "abc of the alphabet"


def test_a_short_secret_goes_as_a_word_and_leaves_longer_names_alone() -> None:
    assert Secrets(["tsdb"]).clean("tsdb_prod by tsdb") == f"tsdb_prod by {REDACTED}"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"token {TOKEN} used", "abcdefghij"),
        ("xapp-1-A0B-99-deadbeef", "deadbeef"),
        ("xoxe.xoxp-1-SECRETPART", "SECRETPART"),
        ("https://hooks.slack.com/services/T0/B0/SECRETPART", "SECRETPART"),
        ("postgresql://app:hunter2@db:5432/shop", "hunter2"),
        ("postgres://app:p@ss:w0rd@db/shop", "w0rd"),
        ("host=db password=hunter2 dbname=shop", "hunter2"),
        ("PGPASSWORD = hunter2 psql", "hunter2"),
        ("host=db password='two words' user=a", "words"),
        ('{"password": "hunter2"}', "hunter2"),
        ("ALTER ROLE app WITH PASSWORD 'hunter2' LOGIN", "hunter2"),
        ("alter role app encrypted password E'hun\\'ter2' login", "ter2"),
        ("CREATE USER MAPPING … OPTIONS (user 'x', password 'hunter2')", "hunter2"),
        ("CONNECTION 'host=db password=''hunter2'' user=x'", "hunter2"),
        ("ALTER ROLE app PASSWORD $x$hunter2$x$ LOGIN", "hunter2"),
        ("ALTER ROLE app PASSWORD 'cut off in hunter2", "hunter2"),
        ("SCRAM-SHA-256$4096:c2FsdA==$a2V5:c2lnbg==", "a2V5"),
    ],
)
def test_what_looks_like_a_secret_goes_though_nobody_named_it(text: str, secret: str) -> None:
    cleaned = Secrets().clean(text)
    assert secret not in cleaned
    assert REDACTED in cleaned


@pytest.mark.parametrize(
    "text",
    [
        'FATAL: password authentication failed for user "app"',
        "postgresql://app@db:5432/shop",
        "backup 2026-01-31.dump of shop: 12 s",
        'syntax error at or near token "FROM"',
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert Secrets().clean(text) == text


def test_cleaning_twice_changes_nothing_more() -> None:
    once = Secrets([PASSWORD]).clean("password=hunter2 PASSWORD 'x' postgres://a:b@c")
    assert Secrets([PASSWORD]).clean(once) == once


def test_a_failed_command_keeps_its_first_words_and_no_literal() -> None:
    output = (
        "pg_restore: error: could not execute query: ERROR:  role exists\n"
        "Command was: CREATE FUNCTION public.f() RETURNS text LANGUAGE sql\n"
        "    AS $$ select 'private' $$;\n"
        "\n"
        "pg_restore: warning: errors ignored on restore: 1\n"
    )
    assert Secrets().clean(output) == (
        "pg_restore: error: could not execute query: ERROR:  role exists\n"
        "Command was: CREATE FUNCTION public.f() RETURNS text LANGUAGE …\n"
        "pg_restore: warning: errors ignored on restore: 1\n"
    )
    cut = Secrets().clean("Command was: COMMENT ON TABLE t IS 'private';")
    assert cut == "Command was: COMMENT ON TABLE t IS …"


@pytest.mark.parametrize("piece", ["a", "\x1b]", "'", "PASSWORD '", "Command was: x\n", "x://"])
def test_hostile_text_is_cleaned_in_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.perf_counter()
    Secrets([PASSWORD]).clean(text)
    assert time.perf_counter() - began < 5
