"""The progress card: one message a run, painted over while it goes on."""

from __future__ import annotations

from collections.abc import Callable

from bot.adapters.slack.blocks import (
    Json,
    Look,
    context,
    date,
    emoji,
    fit,
    header,
    link,
    log_head,
    name,
    paragraph,
    plain,
    preformatted,
    who,
    words,
)
from bot.adapters.slack.blocks_buttons import cancel_button
from bot.adapters.slack.blocks_interrupted import decisions
from bot.core.cancelling import effect, too_late
from bot.core.redaction import safe_line
from bot.core.run_view import GateState, GateView, RunView, StepState, StepView
from bot.core.wording import bar, counted, duration, rough, share, shortened

Permalink = Callable[[str, str], str]
"""From channel and ts to a message's address, empty where that is unknown."""

OUTCOMES = {
    "succeeded": "white_check_mark",
    "unverified": "warning",
    "failed": "x",
    "cancelled": "black_square_for_stop",
    "not approved": "no_entry_sign",
    "refused": "no_entry",
    "dry run": "eyes",
    "interrupted": "rotating_light",
}
"""Emoji of a run's outcomes."""

_STATES = {
    StepState.PENDING: "white_circle",
    StepState.RUNNING: "hourglass_flowing_sand",
    StepState.DONE: "white_check_mark",
    StepState.FAILED: "x",
    StepState.UNDONE: "leftwards_arrow_with_hook",
}


def card(view: RunView, permalink: Permalink) -> Look:
    """Return the card of a run as it stands."""
    blocks = [header(f"{view.operation.capitalize()} of {view.target or 'a target'}"), _facts(view)]
    if view.steps:
        blocks.append(paragraph(*(_step_row(step) for step in view.steps)))
    blocks += _progress(view.current)
    if view.gate is not None and not view.finished:
        blocks.append(_gate(view.gate, permalink))
    if view.delay and not view.finished:
        blocks.append(_delay(view.delay))
    if view.finished:
        blocks.append(_outcome(view))
    elif view.stalled is not None:
        blocks += decisions(view.stalled)
    else:
        blocks += _cancelling(view)
    kept = f" · {log_head(view.head)}" if view.head else ""
    blocks.append(context(f"Run `{plain(view.run_id, 40)}`{kept}"))
    return fit(summary(view), blocks, view.run_id)


def summary(view: RunView) -> str:
    """Return where a run stands in one sentence, for notifications and screen readers."""
    what = f"{plain(view.operation, 20).capitalize()} of {plain(view.target, 80) or 'a target'}"
    if view.finished:
        return f"{what}: {plain(view.outcome, 40)}. {plain(view.sentence, 400)}"
    if view.stalled is not None:
        return f"{what} was interrupted. {plain(view.stalled.sentence, 400)}"
    step = view.current
    if step is not None:
        left = f", {rough(step.left)} left" if step.left is not None else ""
        done = f" {share(step.done)}" if step.done is not None else ""
        return f"{what}: {step.spec.title}{done}{left}"
    if view.gate is not None and view.gate.state is GateState.OPEN:
        return f"{what} waits for {counted(view.gate.missing, 'approval')}"
    return f"{what} is under way"


def _facts(view: RunView) -> Json:
    backup = [words("Backup "), name(view.backup)] if view.backup else []
    asked = [words("Asked for by "), who(view.requester)] if view.requester else []
    if asked and view.started_at:
        asked += [words(" · "), date(view.started_at)]
    return paragraph(backup, asked)


def _step_row(step: StepView) -> list[Json]:
    number = f"{step.spec.number}. " if step.spec.number else ""
    busy = step.state is StepState.RUNNING
    row = [emoji(_STATES[step.state]), words(f" {number}{step.spec.title}", bold=busy)]
    if step.spec.destructive and step.state is StepState.PENDING:
        row.append(words(" (destructive)"))
    if step.state is StepState.PENDING or busy:
        return row
    told = shortened(safe_line(step.summary), 160)
    return [*row, words(f" · {duration(step.seconds)}" + (f" · {told}" if told else ""))]


def _progress(step: StepView | None) -> list[Json]:
    """The bar has a block of its own: in a fixed-width font its length does not jump."""
    if step is None or step.done is None:
        return []
    left = f" · {rough(step.left)} left" if step.left is not None else ""
    note = shortened(safe_line(step.note), 120)
    lines = [f"{bar(step.done)} {share(step.done)}{left}", *([note] if note else [])]
    return [preformatted("\n".join(lines))]


def _gate(gate: GateView, permalink: Permalink) -> Json:
    url = permalink(gate.channel, gate.ts)
    where = [words(" · "), link(url, "vote here")] if url else []
    if gate.state is GateState.OPEN:
        have = gate.quorum - gate.missing
        waits = f" Waiting: {have} of {counted(gate.quorum, 'approval')}, until "
        row = [emoji("raised_hand"), words(waits, bold=True), date(gate.expires_at), *where]
    elif gate.state is GateState.GRACE:
        stops = [words(", a cross still stops it"), *where]
        start = [date(gate.starts_at)] if gate.starts_at else []
        row = [emoji("stopwatch"), words(" Approved; starts ", bold=True), *start, *stops]
    elif gate.outcome == "approved":
        row = [emoji("ballot_box_with_ballot"), words(" Approved", bold=True)]
    else:
        row = [emoji("ballot_box_with_ballot"), words(f" {shortened(gate.sentence, 300)}")]
    return paragraph([*row, *_approvers(gate)])


def _approvers(gate: GateView) -> list[Json]:
    row: list[Json] = []
    for person in gate.approvers[:20]:
        row += [words(", " if row else " · by "), who(person)]
    return row


def _delay(reason: str) -> Json:
    told = " Votes can't be counted now, so the gate stays shut: "
    return paragraph([emoji("warning"), words(told), words(shortened(safe_line(reason), 300))])


def _cancelling(view: RunView) -> list[Json]:
    """What cancelling would do now stands beside the button; too late, there is no button."""
    if view.cancelled_by is not None:
        row = [emoji("octagonal_sign"), words(" Cancelled by "), who(view.cancelled_by)]
        return [paragraph([*row, words("; it stops at its next safe point.")])]
    if late := too_late(view):
        return [paragraph([words(f"It cannot be cancelled any more: {late}")])]
    now = effect(view)
    return [cancel_button(view.run_id, now), paragraph([words(f"Cancelling now: {now}")])]


def _outcome(view: RunView) -> Json:
    sign = emoji(OUTCOMES.get(view.outcome, "grey_question"))
    headline = [
        sign,
        words(f" {view.outcome.capitalize()} after {duration(view.seconds)}", bold=True),
    ]
    return paragraph(headline, [words(shortened(view.sentence, 1000))])
