"""What is said once: results, decisions, failures, checklists, refusals and thread notes."""

from __future__ import annotations

from collections.abc import Sequence

from bot.adapters.slack.blocks import (
    SECTION_CHARS,
    Json,
    Look,
    context,
    emoji,
    fit,
    header,
    log_head,
    mention,
    mention_of,
    name,
    paragraph,
    plain,
    plain_sentence,
    pointer,
    preformatted,
    rich_sentence,
    section,
    who,
    words,
)
from bot.adapters.slack.blocks_buttons import buttons
from bot.adapters.slack.blocks_card import OUTCOMES
from bot.adapters.slack.blocks_change import body as plan_body
from bot.core.events import ApprovalForeseen
from bot.core.findings import REFRESH_ALL as REFRESH_ALL_COMMAND
from bot.core.models import Check, Person, Verdict
from bot.core.permissions import ARM_RETENTION, REFRESH_ALL, ROLL_BACK
from bot.core.plan import Plan, StepName
from bot.core.redaction import safe_line, safe_text, tail
from bot.core.repair import REPAIR
from bot.core.run_view import GateView, RunView, StepState, StepView
from bot.core.wording import duration, rough, shortened

_VERDICTS = {
    Verdict.OK: "white_check_mark",
    Verdict.WARNING: "warning",
    Verdict.FAILED: "x",
    Verdict.UNKNOWN: "grey_question",
}
_CHECKS = 30


def result(view: RunView) -> Look:
    """Return how a run ended, with its evidence, for the channel."""
    name_of_it = f"{view.operation.capitalize()} of {view.target or 'a target'}: {view.outcome}"
    sign = emoji(OUTCOMES.get(view.outcome, "grey_question"))
    blocks = [
        header(name_of_it),
        paragraph([sign, words(" "), *_for(view.requester), words(shortened(view.sentence, 1500))]),
        _numbers(view),
        *_evidence(view),
        *_offers(view),
        *_dry_run(view),
        context(f"Run `{plain(view.run_id, 40)}`. {pointer(view.run_id)}"),
        context(log_head(view.head)),
    ]
    to = f"{mention_of(view.requester)} " if view.requester else ""
    return fit(f"{to}{plain(name_of_it)}. {plain(view.sentence, 600)}", blocks, view.run_id)


def decision(view: RunView, gate: GateView) -> Look:
    """Return how a gate ended, for the channel."""
    approved = gate.outcome == "approved"
    sign = emoji("white_check_mark" if approved else "no_entry_sign")
    what = f"{gate.outcome.capitalize()}: {view.operation} of {view.target}."
    if approved:  # whose sentence says so by itself
        what = f"{view.operation.capitalize()} of {view.target}:"
    row = [sign, words(" "), *_for(view.requester), words(what, bold=True)]
    told = paragraph([*row, words(f" {shortened(gate.sentence, 600)}")])
    to = f"{mention_of(view.requester)} " if view.requester else ""
    blocks = [told, context(log_head(view.head))] if approved else [told]
    return fit(f"{to}{plain(what)} {plain(gate.sentence, 600)}", blocks, view.run_id)


def unwitnessed(view: RunView, entry: int, sentence: str) -> Look:
    """Return that the second witness is away, for the channel."""
    what = f"The second witness has not taken entry {entry} of the audit log yet: "
    row = [emoji("warning"), words(f" {what}"), words(shortened(safe_line(sentence), 300))]
    told = paragraph(row, [words("It is tried again; no run waits for it.")])
    return fit(f"{what}{plain(sentence, 300)}", [told], view.run_id)


def failure(view: RunView, step: StepView) -> Look:
    """Return that a step failed and what happens next, for the channel."""
    number = f"step {step.spec.number}, " if step.spec.number else ""
    of = view.target or "a target"
    what = f"{view.operation.capitalize()} of {of} failed at {number}{step.spec.title}: "
    row = [emoji("rotating_light"), words(" "), *_for(view.requester), words(what, bold=True)]
    told = paragraph([*row, words(shortened(step.summary, 1500))])
    blocks = [told, context(pointer(view.run_id))]
    to = f"{mention_of(view.requester)} " if view.requester else ""
    return fit(f"{to}{plain(what)} {plain(step.summary, 600)}", blocks, view.run_id)


def checklist(title: str, checks: Sequence[Check]) -> list[Json]:
    """Return blocks of checks with their evidence, and the remedy where one is needed."""
    shown = [paragraph([words(title, bold=True)], *(_check_row(c) for c in checks[:_CHECKS]))]
    hidden = len(checks) - _CHECKS
    return [*shown, context(f"and {hidden} more checks")] if hidden > 0 else shown


def refusal(sentence: str) -> Look:
    """Return the one sentence a refused request is answered with."""
    told = shortened(safe_line(sentence), 1500)
    return Look(
        plain_sentence(told, 1500), [paragraph([emoji("no_entry"), *rich_sentence(f" {told}")])]
    )


def note(pieces: Sequence[tuple[str, str]]) -> Look:
    """Return one thread message of several notes, each a title and perhaps output.

    Output keeps its end; older notes are cut first.
    """
    blocks: list[Json] = []
    room = SECTION_CHARS
    for title, body in reversed(pieces):
        shown = tail(safe_text(body), 60, max(room, 0)) if body else ""
        room -= len(title) + len(shown)
        if room < 0 and blocks:
            break
        told = [preformatted(shown)] if shown else []
        blocks = [paragraph([words(shortened(safe_line(title), 300))]), *told, *blocks]
    title = pieces[-1][0] if pieces else ""
    return fit(plain(title, 300), blocks[-40:], "")


def foreseen(event: ApprovalForeseen) -> Look:
    """Return what tells approvers, at the start, that they will be needed."""
    plan = event.plan
    ids = " ".join(map(mention, event.approvers[:40]))
    when = f"in {rough(event.seconds)}, when" if event.seconds is not None else "once"
    told = (
        f"{ids} run `{plain(event.run_id, 40)}` restores {plain(plan.target.name, 80)} beside the "
        f"live database, which serves on. You will be asked here {when} the copy is compared."
    )
    return fit(told, [section(told)], event.run_id)


def _for(person: Person | None) -> list[Json]:
    return [who(person), words(" ")] if person else []


def _offers(view: RunView) -> list[Json]:
    """Return what may be done next: after a restore whose database serves, or a repair."""
    if view.operation == REPAIR:
        return _offers_of_repair(view)
    restored = view.step(StepName.CUT_OVER)
    if view.operation != "restore" or restored is None or restored.state is not StepState.DONE:
        return []
    armed = [(ARM_RETENTION, view.run_id)] if view.waiting else []
    kept = isinstance(view.plan, Plan) and view.plan.replaced is not None
    back = [(ROLL_BACK, view.run_id)] if kept else []
    return [buttons((REFRESH_ALL, view.target), *armed, *back)]


def _offers_of_repair(view: RunView) -> list[Json]:
    checks = view.checks.get(StepName.CHECKLIST, ())
    empty = any(c.remedy == REFRESH_ALL_COMMAND and not c.passed for c in checks)
    refresh = [(REFRESH_ALL, view.target)] if empty else []
    armed = [(ARM_RETENTION, view.waiting_since or view.run_id)] if view.waiting else []
    return [buttons(*refresh, *armed)] if refresh or armed else []


def _dry_run(view: RunView) -> list[Json]:
    """Return the plan: it is all that a dry run is for."""
    plan = view.plan
    if plan is None or view.outcome != "dry run":
        return []
    digest = context(f"Digest `{plain(plan.digest(), 64)}`")
    return [*plan_body(plan, view.requester, view.updated_at), digest]


def _numbers(view: RunView) -> Json:
    took = [words(f"Took {duration(view.seconds)}")]
    backup = [words("From "), name(view.backup)] if view.backup else []
    counts = ", ".join(f"{number} {kind}" for kind, number in view.counts.items())
    return paragraph(took, backup, [words(f"Now there: {counts}" if counts else "")])


def _evidence(view: RunView) -> list[Json]:
    preflight = [c for c in view.checks.get(StepName.PREFLIGHT, ()) if c.verdict is not Verdict.OK]
    points = view.checks.get(StepName.CHECKLIST, ())
    blocks = checklist("Preflight", preflight) if preflight else []
    return blocks + (checklist("Checklist", points) if points else [])


def _check_row(check: Check) -> list[Json]:
    row = [emoji(_VERDICTS[check.verdict]), words(f" {shortened(safe_line(check.name), 80)}: ")]
    row.append(words(shortened(safe_line(check.evidence), 200) or "–"))
    remedy = shortened(safe_line(check.remedy), 200)
    if remedy and check.verdict is not Verdict.OK:
        row.append(words(f" → {remedy}"))
    return row
