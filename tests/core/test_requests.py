"""Whatever people type is either a request or one sentence that says what would be right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.errors import Refused
from bot.core.prepare import RestoreRequest
from bot.core.requests import (
    MAX_TEXT,
    RefreshRequest,
    RollbackRequest,
    new_run_id,
    parse_refresh,
    parse_restore,
    parse_rollback,
    parse_target,
    words,
)

T = TypeVar("T")
TARGETS = ("prod", "staging")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPED = st.text() | st.lists(
    st.sampled_from(
        ["latest", "prod", "dry-run", "reason=", "from=24h", "to=", "“", '"', "'", "\\", "", "all"]
    )
).map(" ".join)


def refusal(text: str) -> Refused:
    with pytest.raises(Refused) as caught:
        parse_restore(text, TARGETS)
    return caught.value


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("latest", RestoreRequest("", "latest", dry_run=False, reason="")),
        ("a.dump prod", RestoreRequest("prod", "a.dump", dry_run=False, reason="")),
        ("dry-run latest prod", RestoreRequest("prod", "latest", dry_run=True, reason="")),
        ("latest prod dry-run", RestoreRequest("prod", "latest", dry_run=True, reason="")),
        ('"my backup.dump" prod', RestoreRequest("prod", "my backup.dump", False, "")),
        ("“my backup.dump” prod", RestoreRequest("prod", "my backup.dump", False, "")),
        ("‘my backup.dump’", RestoreRequest("", "my backup.dump", False, "")),
        ("latest reason=wrong rows", RestoreRequest("", "latest", False, "wrong rows")),
        ("latest reason=“bob’s import”", RestoreRequest("", "latest", False, "bob's import")),
        ('latest reason="x"', RestoreRequest("", "latest", False, "x")),
    ],
)
def test_a_restore_is_read_with_its_words_in_any_order(text: str, request_: RestoreRequest) -> None:
    assert parse_restore(text, TARGETS) == request_


def test_words_after_the_reason_belong_to_the_reason() -> None:
    request = parse_restore("latest reason=no dry-run wanted prod", TARGETS)
    assert (request.dry_run, request.reason) == (False, "no dry-run wanted prod")


def test_a_reason_is_cut_to_what_a_message_can_show() -> None:
    assert len(parse_restore("latest reason=" + "x" * 400, TARGETS).reason) == 200


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "no_backup", "latest"),
        ("dry-run", "no_backup", "latest"),
        ('""', "no_backup", "latest"),
        ("latest prod extra", "too_many_words", "“extra”"),
        ("latest prd", "unknown_target", "did you mean prod?"),
        ("latest zzz", "unknown_target", "there is: prod, staging."),
        ("“latest", "open_quote", "quote is left open"),
        ('latest reason="let me see" dry-run', "dry_run_last", "before reason="),
        ("x" * (MAX_TEXT + 1), "too_long", str(MAX_TEXT)),
    ],
)
def test_wrong_input_is_refused_with_what_would_be_right(text: str, code: str, says: str) -> None:
    refused = refusal(text)
    assert refused.code == code
    assert says in refused.sentence


def accepted(parse: Callable[[], T]) -> T | None:
    """What was read, None where it was refused; any other error is a failure."""
    try:
        return parse()
    except Refused:
        return None


@given(TYPED)
@example('"" latest ""')
@example("latest \\")
def test_any_text_is_a_restore_or_is_refused(text: str) -> None:
    request = accepted(lambda: parse_restore(text, TARGETS))
    assert request is None or (request.backup and request.target in {"", *TARGETS})


@given(TYPED)
def test_any_text_is_a_refresh_or_is_refused(text: str) -> None:
    request = accepted(lambda: parse_refresh(text, TARGETS, NOW))
    assert request is None or (request.view and request.target in {"", *TARGETS})
    if request and request.start and request.end:
        assert request.start < request.end


@given(TYPED)
def test_any_text_names_a_target_or_none_or_is_refused(text: str) -> None:
    assert accepted(lambda: parse_target(text, TARGETS)) in {None, "", *TARGETS}


@given(TYPED)
def test_no_word_is_empty(text: str) -> None:
    assert all(accepted(lambda: words(text)) or [])


def test_a_refresh_takes_a_window_in_any_order() -> None:
    request = parse_refresh("from=2026-01-01 metrics_1m to=24h prod", TARGETS, NOW)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert request == RefreshRequest("metrics_1m", "prod", start, NOW - timedelta(hours=24))


def test_a_refresh_without_a_window_leaves_the_safe_default() -> None:
    assert parse_refresh("all", TARGETS, NOW) == RefreshRequest("all")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no_view"),
        ("from=24h", "no_view"),
        ("all prod extra", "too_many_words"),
        ("all nowhere", "unknown_target"),
        ("all from=yesterday-ish", "wrong_since"),
        ("all from=", "wrong_since"),
        ("all to=2030-01-01", "wrong_since"),
        ("all from=1h to=2h", "wrong_window"),
        ("all from=1h to=1h", "wrong_window"),
    ],
)
def test_a_wrong_refresh_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_refresh(text, TARGETS, NOW)
    assert caught.value.code == code


def test_a_target_may_be_left_out_but_not_doubled() -> None:
    assert parse_target("", TARGETS) == ""
    assert parse_target(" staging ", TARGETS) == "staging"
    with pytest.raises(Refused, match="name one target"):
        parse_target("prod staging", TARGETS)


def test_run_ids_are_short_distinct_and_fit_a_databases_name() -> None:
    ids = {new_run_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(run_id) == 8 and int(run_id, 16) >= 0 for run_id in ids)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("", RollbackRequest()),
        ("prod", RollbackRequest("prod")),
        ("44D494FB", RollbackRequest("", "44d494fb")),
        ("44d494fb prod", RollbackRequest("prod", "44d494fb")),
        ("prod 44d494fb reason=“wrong dump”", RollbackRequest("prod", "44d494fb", "wrong dump")),
    ],
)
def test_a_rollback_takes_a_target_and_a_run_in_any_order(
    text: str, request_: RollbackRequest
) -> None:
    assert parse_rollback(text, TARGETS) == request_


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("prud", "did you mean prod?"),
        ("44d494f", "There is no target"),
        ("prod staging", "I don't know what “staging” is"),
        ("44d494fb 55d494fb 66d494fb", "no target “55d494fb”"),
    ],
)
def test_a_rollback_of_something_else_is_refused_with_what_would_be_right(
    text: str, right: str
) -> None:
    with pytest.raises(Refused, match=right):
        parse_rollback(text, TARGETS)


def test_a_target_whose_name_looks_like_a_run_is_still_a_target() -> None:
    assert parse_rollback("deadbeef", ("deadbeef",)) == RollbackRequest("deadbeef")
