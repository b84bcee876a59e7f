from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.adapters.slack.blocks import (
    MESSAGE_BLOCKS,
    TOTAL_CHARS,
    Look,
    bullets,
    date_text,
    divider,
    fit,
    header,
    mention,
    mention_of,
    mentions_only,
    name,
    paragraph,
    plain,
    preformatted,
    section,
    who,
    words,
)
from bot.core.models import Person
from tests.adapters.slack.rendering import page, seen

HOSTILE = "<!channel> <@U0BEN> <https://evil|ok> `code` *bold* & \x1b[31mred\u202e :x:"


def test_text_from_outside_cannot_mention_link_or_format_in_mrkdwn() -> None:
    made = plain(HOSTILE)
    assert "<" not in made
    assert ">" not in made
    assert "`" not in made
    assert "*" not in made
    assert "&lt;!channel&gt;" in made


def test_text_from_outside_is_literal_in_rich_text() -> None:
    piece = words(HOSTILE)
    assert piece["type"] == "text"
    assert piece["text"].startswith("<!channel> <@U0BEN>")


@pytest.mark.parametrize("hidden", ["\x1b[31m", "\u202e", "\x00", "\u200b"])
def test_control_and_invisible_characters_are_gone(hidden: str) -> None:
    made = [
        words(f"a{hidden}b")["text"],
        plain(f"a{hidden}b"),
        header(f"a{hidden}b")["text"]["text"],
    ]
    assert made == ["ab", "ab", "ab"]


def test_emoji_from_outside_become_boxes_because_slack_would_rename_them() -> None:
    assert words("ok ✅ 👍 ⚠️")["text"] == "ok □ □ □"


def test_our_own_signs_are_no_emoji() -> None:
    ours = "█░ · – … → ∗ 31 °C"
    assert words(ours)["text"] == ours


def test_a_name_is_one_line_however_it_was_given() -> None:
    assert name("a\nb")["text"] == "a b"
    assert name("")["text"] == "–"


def test_only_ids_of_slack_are_mentioned() -> None:
    assert mention("U0BEN") == "<@U0BEN>"
    assert mention("S0DBA") == "<!subteam^S0DBA>"
    assert mention("<!here>") == "&lt;!here&gt;"
    assert mention_of(Person("cli:root", "root")) == "root"
    assert who(Person("cli:root", "root"))["text"] == "root"
    assert who(Person("U0BEN", "Ben")) == {"type": "user", "user_id": "U0BEN"}


def test_mentions_work_in_answers_and_nothing_else_does() -> None:
    told = mentions_only("<@U0BEN> and <!subteam^S0DBA>: <!channel> <http://x|y> a & b")
    assert told.startswith("<@U0BEN> and <!subteam^S0DBA>: ")
    assert told.endswith("&lt;!channel&gt; &lt;http://x|y&gt; a &amp; b")


def test_a_date_shows_in_each_reader_s_zone_and_in_utc_elsewhere() -> None:
    at = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert date_text(at) == ("<!date^1772353800^{date_short_pretty} {time}|2026-03-01 08:30 UTC>")


def test_empty_pieces_which_slack_refuses_are_left_out() -> None:
    block = paragraph([words("")], [words("a"), words("")], [])
    assert seen(block).strip() == "a"
    assert seen(paragraph()).strip() == "–"


def test_a_long_list_ends_with_how_much_is_missing() -> None:
    shown = seen(bullets([f"item {n}" for n in range(5)], most=2, chars=20))
    assert shown == "item 0\nitem 1\n… and 3 more in the audit log\n\n"


def test_each_block_keeps_its_own_limit() -> None:
    long = "x" * 5000
    look = Look("t", [header(long), section(long), preformatted("")])
    assert "…" in page(look)


def test_too_many_blocks_end_in_a_pointer_to_the_log() -> None:
    look = fit("t", [divider() for _ in range(60)], "r1")
    assert len(look.blocks) == MESSAGE_BLOCKS
    assert page(look) == "More is in the thread and in `tsbot audit show r1`.\n"


def test_too_much_text_is_cut_below_slack_s_total() -> None:
    look = fit("t" * 9000, [section("y" * 2900) for _ in range(10)], "r1")
    shown = page(look)
    assert len(shown) < TOTAL_CHARS
    assert shown.endswith("`tsbot audit show r1`.\n")
    assert look.text.endswith("…")


def test_what_fits_is_left_alone() -> None:
    blocks = [section("a"), divider()]
    assert fit("t", blocks, "r1") == Look("t", blocks)
