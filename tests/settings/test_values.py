"""Single values by the hundred: times, ids and PostgreSQL URIs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.settings import dsn, values


def refusal(uri: str) -> str:
    """Why a URI is refused, empty where it is not."""
    try:
        dsn.parse(uri)
    except ValueError as error:
        return str(error)
    return ""


@given(st.integers(min_value=0, max_value=7 * 24 * 3600))
def test_every_duration_reads_back_as_written(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    assert values.duration(values.duration_text(value)) == value
    assert values.duration(seconds) == value


@given(st.one_of(st.text(), st.floats(), st.booleans(), st.integers(max_value=-1), st.none()))
def test_whatever_is_no_duration_is_refused_by_a_sentence(value: object) -> None:
    if isinstance(value, str):
        assume(not re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?", value, re.ASCII) or not value)
    with pytest.raises(ValueError, match="must be a time"):
        values.duration(value)


@given(st.one_of(st.integers(0, 1 << 29), st.integers(0, 1 << 29).map(lambda n: n << 10)))
def test_every_size_reads_back_as_written(count: int) -> None:
    assert values.size(values.size_text(count)) == count
    assert values.size(count) == count


@pytest.mark.parametrize(("text", "count"), [("500MB", 500 << 20), ("10GB", 10 << 30), ("7B", 7)])
def test_sizes_are_multiples_of_1024_as_postgresql_counts(text: str, count: int) -> None:
    assert values.size(text) == count


@pytest.mark.parametrize("value", ["", "1 GB", "1gb", "-1GB", "1.5GB", "GB", 1.5, True, -1, None])
def test_whatever_is_no_size_is_refused_by_a_sentence(value: object) -> None:
    with pytest.raises(ValueError, match='must be a size such as "500MB"'):
        values.size(value)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_password_survives_the_dsn(password: str) -> None:
    uri = dsn.with_password("postgresql://postgres@db:5432/postgres", password)
    assert dsn.password_of(uri) == password
    assert dsn.parse(uri) == dsn.Dsn("db", 5432, "postgres", "postgres", with_password=True)


@given(st.text())
def test_no_text_breaks_the_dsn_reader_or_is_repeated_by_it(text: str) -> None:
    assert "hunter2" not in refusal(f"postgresql://u:hunter2{text}")


@given(st.text(max_size=12))
def test_slack_ids_are_plain_ascii_of_their_kind(text: str) -> None:
    check = values.slack_id("channel")
    if re.fullmatch(r"[CG][A-Z0-9]{2,}", text):
        assert check(text) == text
    else:
        with pytest.raises(ValueError, match="id of a channel"):
            check(text)


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://postgres@db1,db2/postgres",
        "postgresql://postgres@db:99999/postgres",
        "postgresql://db/postgres",
        "postgresql://postgres@db",
        "postgresql://postgres@db/",
        "postgresql://postgres@/postgres",
        "postgresql://postgres@db/postgres?options=-csearch_path%3Devil",
        "postgresql://postgres@db/postgres?host=other",
        "postgresql://postgres@[::1/postgres",
        "postgresql://postgres@db/post gres",
    ],
)
def test_a_dsn_must_name_one_server_one_user_and_one_database(uri: str) -> None:
    with pytest.raises(ValueError, match=r"postgresql://|percent-encode"):
        dsn.parse(uri)


def test_a_dsn_may_name_a_socket_directory() -> None:
    found = dsn.parse("postgresql://postgres@/postgres?host=/run/postgresql&port=5433")
    assert (found.host, found.port) == ("/run/postgresql", 5433)


@pytest.mark.parametrize(
    "value",
    ["", "/mnt/share/heads.txt", "https://logs.example.org/t?key=1", "http://127.0.0.1:9/t"],
)
def test_a_witness_is_nowhere_a_file_or_an_address_nobody_on_the_way_can_read(value: str) -> None:
    assert values.witness(value) == value


@pytest.mark.parametrize(
    "value",
    ["heads.txt", "/mnt/../heads", "http://logs.example.org/", "https://u:p@logs.example.org/",
     "https://", "ftp://logs.example.org/", "file:///etc/passwd", "https://a b\n"],
)  # fmt: skip
def test_any_other_witness_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        values.witness(value)
