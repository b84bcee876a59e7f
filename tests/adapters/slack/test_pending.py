from __future__ import annotations

from bot.adapters.slack.blocks import Look, section
from bot.adapters.slack.pending import Item, Notes, Pace, Paint, Pending, Post, Priority, method

PACE = Pace(post_every=1, update_every=2, note_every=5, most=3)


def look(text: str) -> Look:
    return Look(text, [section(text)])


def taken(pending: Pending, now: float, ts: str = "1.1") -> Item | None:
    """Send what is due now, as the lane would, and return it."""
    choice = pending.next(now, {})
    if choice is None or choice[0] > now:
        return None
    pending.sent(choice[1], now, ts)
    return choice[1]


def text_of(item: Item | None) -> str:
    assert isinstance(item, Paint | Post)
    return item.look.text


def test_only_the_newest_state_of_a_card_is_sent() -> None:
    pending = Pending(PACE)
    for text in ("one", "two", "three"):
        pending.paint("r1", look(text))
    assert text_of(taken(pending, 0)) == "three"
    assert pending.empty


def test_a_state_that_came_while_one_was_sent_is_not_lost() -> None:
    pending = Pending(PACE)
    pending.paint("r1", look("one"))
    choice = pending.next(0, {})
    assert choice is not None
    pending.paint("r1", look("two"))
    pending.sent(choice[1], 0, "1.1")
    assert text_of(taken(pending, 2)) == "two"


def test_a_card_is_posted_once_and_updated_at_most_every_two_seconds() -> None:
    pending = Pending(PACE)
    pending.paint("r1", look("one"))
    first = taken(pending, 0)
    pending.paint("r1", look("two"))
    assert taken(pending, 1.9) is None
    choice = pending.next(2, {})
    assert first is not None
    assert choice is not None
    assert (choice[0], method(choice[1])) == (2, "chat.update")


def test_new_messages_are_a_second_apart() -> None:
    pending = Pending(PACE)
    pending.post("r1", look("a"), Priority.DECISION)
    pending.post("r1", look("b"), Priority.DECISION)
    assert text_of(taken(pending, 0)) == "a"
    assert taken(pending, 0.9) is None
    assert text_of(taken(pending, 1)) == "b"


def test_failure_goes_before_decision_and_both_before_progress() -> None:
    pending = Pending(PACE)
    pending.paint("r1", look("card"))
    assert text_of(taken(pending, 0)) == "card"
    pending.paint("r1", look("progress"))
    pending.note("r1", "note", "")
    pending.post("r1", look("decision"), Priority.DECISION)
    pending.post("r1", look("failure"), Priority.FAILURE)
    order = [taken(pending, 10.0 + n) for n in range(4)]
    assert [text_of(item) for item in order[:3]] == ["failure", "decision", "progress"]
    assert isinstance(order[3], Notes)


def test_a_card_is_posted_before_what_belongs_into_its_thread() -> None:
    pending = Pending(PACE)
    pending.post("r1", look("failure"), Priority.FAILURE)
    pending.note("r1", "note", "")
    pending.paint("r1", look("card"))
    assert text_of(taken(pending, 0)) == "card"
    assert text_of(taken(pending, 1)) == "failure"


def test_a_card_slack_will_not_take_holds_nothing_up() -> None:
    pending = Pending(PACE)
    pending.paint("r1", look("card"))
    pending.card("r1").lost = True
    pending.post("r1", look("failure"), Priority.FAILURE)
    assert text_of(taken(pending, 0)) == "failure"


def test_notes_are_gathered_into_one_message_every_five_seconds() -> None:
    pending = Pending(PACE)
    pending.card("r1").ts = "1.1"
    pending.note("r1", "a", "")
    taken(pending, 0)
    pending.note("r1", "b", "")
    pending.note("r1", "c", "")
    assert taken(pending, 4.9) is None
    notes = taken(pending, 5)
    assert isinstance(notes, Notes)
    assert [title for title, _ in notes.pieces] == ["b", "c"]
    assert pending.empty


def test_in_a_hurry_nothing_but_slack_s_own_pace_counts() -> None:
    pending = Pending(PACE)
    pending.paint("r1", look("one"))
    taken(pending, 0)
    pending.paint("r1", look("two"))
    choice = pending.next(0.1, {}, hurry=True)
    assert choice is not None
    assert choice[0] == 0.1


def test_a_resting_method_leaves_the_other_free() -> None:
    pending = Pending(PACE)
    pending.paint("r1", look("one"))
    taken(pending, 0)
    pending.paint("r1", look("two"))
    pending.post("r1", look("failure"), Priority.FAILURE)
    choice = pending.next(10, {"chat.postMessage": 40})
    assert choice is not None
    assert text_of(choice[1]) == "two"
    choice = pending.next(10, {"chat.update": 40})
    assert choice is not None
    assert text_of(choice[1]) == "failure"


def test_memory_is_bounded_and_the_urgent_is_kept() -> None:
    pending = Pending(PACE)
    pending.post("r1", look("failure"), Priority.FAILURE)
    for n in range(9):
        pending.post("r1", look(f"p{n}"), Priority.PROGRESS)
        pending.note("r1", f"n{n}", "")
    assert pending.dropped == 13
    sent = [text_of(taken(pending, n * 10.0)) for n in range(3)]
    assert sent == ["failure", "p7", "p8"]


def test_cards_of_long_ago_are_forgotten() -> None:
    pending = Pending(PACE)
    for n in range(150):
        pending.paint(f"r{n}", look("done"))
        taken(pending, n * 10.0, f"1.{n}")
    assert pending.card("r149").ts == "1.149"
    assert pending.card("r0").ts == ""


def test_what_is_given_up_while_it_goes_out_takes_nothing_else_with_it() -> None:
    pending = Pending(PACE)
    pending.card("r1").ts = "1.1"
    for number in range(PACE.most):
        pending.post("r1", look(f"post {number}"), Priority.DECISION)
        pending.note("r1", f"note {number}", "")
    in_flight = pending.next(0, {})
    notes = Notes(pending.card("r1"), tuple(pending.card("r1").notes))
    assert in_flight is not None
    pending.post("r1", look("newest"), Priority.DECISION)
    pending.note("r1", "newest", "")
    pending.sent(in_flight[1], 0)
    pending.sent(notes, 0)
    left = [text_of(taken(pending, 10.0 * n)) for n in range(1, PACE.most + 1)]
    assert left == ["post 1", "post 2", "newest"]
    assert pending.card("r1").notes == [("newest", "")]
