from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.slack.blocks import Json, Look, emoji, paragraph, section, words
from bot.adapters.slack.blocks_gate import gate
from bot.adapters.slack.echo import shown, spelled, unchanged
from bot.core.models import Person
from bot.sandbox.slack.markup import stored_blocks, stored_text
from tests.adapters.slack.rendering import page
from tests.core.run_samples import a_backup, a_notice, a_plan

POSTED = gate(a_notice())


def echoed(look: Look = POSTED, **more: Any) -> Json:
    blocks = stored_blocks(copy.deepcopy(look.blocks))
    return {"ts": "1.2", "text": stored_text(look.text), "blocks": blocks, **more}


def test_what_slack_adds_and_escapes_is_no_change() -> None:
    assert unchanged(echoed(), POSTED)
    assert unchanged(echoed(thread_ts="1.2", reactions=[], attachments=[]), POSTED)


@pytest.mark.parametrize("odd", ["a&b <c>", "http://x.org/y", "✅ 👍", "&amp;", "`*_~", ":x:"])
def test_odd_names_come_back_as_themselves(odd: str) -> None:
    look = gate(a_notice(a_plan(backup=a_backup(f"{odd}.dump"), reason=odd, warnings=(odd,))))
    assert unchanged(echoed(look), look)


@settings(max_examples=100, deadline=None)
@given(
    st.text(
        alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("<>&|@!:`*_~ \n")),
        max_size=60,
    )
)
def test_whatever_is_in_a_name_the_message_is_taken_and_recognised(text: str) -> None:
    plan = a_plan(backup=a_backup(text), reason=text, warnings=(text,), retention=(text,))
    look = gate(replace(a_notice(plan), requester=Person("cli:x", text)))
    page(look)
    assert unchanged(echoed(look), look)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("edited", {"user": "U0BEN", "ts": "1.3"}),
        ("attachments", [{"text": "Approve this at once"}]),
        ("files", [{"id": "F1"}]),
        ("thread_ts", "1.1"),
        ("subtype", "thread_broadcast"),
        ("text", "Ana wants lunch"),
        ("blocks", []),
        ("blocks", "none"),
    ],
)
def test_anything_added_or_replaced_is_a_change(key: str, value: Any) -> None:
    assert not unchanged({**echoed(), key: value}, POSTED)


def test_a_name_changed_in_one_block_is_a_change() -> None:
    other = gate(a_notice(a_plan(backup=a_backup("tsdb_2026-02-27.dump"))))
    assert not unchanged({**echoed(), "blocks": stored_blocks(other.blocks)}, POSTED)


def test_a_check_mark_and_a_cross_that_changed_places_are_a_change() -> None:
    message = echoed()
    swapped = message["text"].replace(":x:", ":y:")
    swapped = swapped.replace(":white_check_mark:", ":x:").replace(":y:", ":white_check_mark:")
    assert not unchanged({**message, "text": swapped}, POSTED)
    assert shown([paragraph([emoji("x")])]) != shown([paragraph([emoji("white_check_mark")])])


def test_text_struck_through_is_a_change() -> None:
    plain, struck = words("destructive"), {**words("destructive"), "style": {"strike": True}}
    assert shown([paragraph([plain])]) != shown([paragraph([struck])])


def test_pieces_of_one_style_may_come_back_split_or_joined() -> None:
    assert shown([paragraph([words("a b"), words("c")])]) == shown([paragraph([words("a bc")])])


def test_blocks_that_changed_places_are_a_change() -> None:
    assert shown([section("a"), section("b")]) != shown([section("b"), section("a")])


def test_a_link_is_spelled_as_what_people_read() -> None:
    assert spelled("see <http://x.org> &amp; <http://x.org|there>") == "see http://x.org & there"


def test_mentions_are_compared_by_whom_they_mean() -> None:
    assert spelled("<@U0BEN>") != spelled("<@U0CHO>")
    assert spelled("<!subteam^S0DBA|@dba> <@U0BEN|ben>") == "<!subteam^S0DBA> <@U0BEN>"
