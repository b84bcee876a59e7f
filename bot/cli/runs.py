"""`tsbot runs`: what became of interrupted runs, and what to do about them without Slack."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from bot.app import Base, base, witnessing
from bot.cli.columns import aligned, put
from bot.cli.operating import OperatorGate, cancel_by_signal, refusal_logged, settled, whoever
from bot.cli.process_log import log_to_stderr
from bot.cli.terminal import TerminalPresenter
from bot.core import events as ev
from bot.core.aftermath import standing
from bot.core.audit import Claim, Draft, Phase
from bot.core.bench import Bench, choose
from bot.core.by_hand import chores
from bot.core.claiming import is_free
from bot.core.errors import Refused
from bot.core.interrupted import Unfinished, read_run, require_intact
from bot.core.journal import Journal
from bot.core.models import Decision
from bot.core.past import Past
from bot.core.plan import Plan
from bot.core.recovery import account, offers, require_answers
from bot.core.redaction import Secrets, safe_line
from bot.core.retention import armable
from bot.core.survey import Survey, in_short, survey
from bot.core.taking_up_any import taken_up
from bot.core.when import format_utc
from bot.settings import Settings, secret_values

EXIT_OK, EXIT_FAILED = 0, 1

_ACTIONS = {
    "resume": (Decision.RESUME, "go on with a run whose process died"),
    "undo": (Decision.UNDO, "take back what a run had begun when its process died"),
    "abandon": (Decision.ABANDON, "close an interrupted run and leave everything as it is"),
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `tsbot runs` and its subcommands to the command line."""
    parser = subparsers.add_parser("runs", help="interrupted runs, and what to do about them")
    actions = parser.add_subparsers(dest="runs_action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the runs that hold a target")
    show = actions.add_parser("show", help="what a run left, and the next commands for a person")
    show.add_argument("run", metavar="RUN", help="the run's id")
    for name, (_, told) in _ACTIONS.items():
        action = actions.add_parser(name, help=told)
        action.add_argument("run", metavar="RUN", help="the run's id")
        if name == "resume":
            action.add_argument(
                "--yes", action="store_true", help="approve it yourself; goes to the log"
            )
    parser.set_defaults(with_settings=runs)


def runs(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run the chosen subcommand and return the exit code.

    Raises:
        Refused: there is no such run, it is at work, or what was asked for is not possible.
        AuditUnavailable: the log cannot be read or written.
    """
    log_to_stderr(Secrets(secret_values(settings)), verbose=False)
    with base(settings) as parts:
        log, action = parts.store.log, arguments.runs_action
        if action == "list":
            return _list(parts)
        if action == "show":
            return _show(parts, read_run(log, arguments.run))
        decision, _ = _ACTIONS[action]
        with refusal_logged(log, whoever(), f"runs {action}"):
            run = read_run(log, arguments.run)
            return _decide(parts, run, decision, yes=getattr(arguments, "yes", False))


def _list(parts: Base) -> int:
    rows = [("RUN", "TARGET", "HOLDER", "SINCE", "STATE")]
    for claim in parts.store.claims.held():
        state = "at work" if parts.store.claims.alive(claim.run_id) else "interrupted"
        since = format_utc(claim.since)
        rows.append((claim.run_id, claim.target, claim.holder, since, state))
    for line in aligned(rows):
        put(sys.stdout, line)
    return EXIT_OK


def _show(parts: Base, run: Unfinished) -> int:
    """Print what the log says, what is there now, and what to type."""
    for line in _story(parts, run):
        put(sys.stdout, safe_line(line))
    return EXIT_OK


def _story(parts: Base, run: Unfinished) -> Iterator[str]:
    chain = parts.store.log.verify()
    if not chain.intact:
        yield f"DO NOT RELY ON THIS: the audit log does not verify. {chain.problem}"
    ended = [e for e in run.events if isinstance(e, ev.RunFinished)]
    past, asked = run.past, run.asked
    if ended:
        yield f"Run {run.run_id} ended: {ended[-1].outcome}. {ended[-1].sentence}"
    if asked is None or past is None:
        if not ended:
            yield f"Run {run.run_id} came to no plan; nothing was changed."
        return
    bench = choose(parts.benches, asked.target)
    if not ended:
        yield f"Run {run.run_id} of {asked.target} was {in_short(past)} when it was last heard of."
    found = survey(past, bench)
    yield from (f"  found: {finding}" for finding in found.findings)
    if not ended:
        for name, (decision, told) in _ACTIONS.items():
            if decision in offers(past, found):
                yield f"  tsbot runs {name} {run.run_id}    # {told}"
    if isinstance(past.plan, Plan):
        yield from _commands(run, past, past.plan, bench, found)


def _commands(
    run: Unfinished, past: Past, plan: Plan, bench: Bench, found: Survey
) -> Iterator[str]:
    left = standing(run.events)
    todo = chores(plan, left, turned=found.turned, paused=armable(past))
    for number, chore in enumerate(todo if left else (), 1):
        yield f"By hand, {number}: {chore.what}"
        yield f"  {chore.line(plan.container.name, bench.target)}"


def _decide(parts: Base, run: Unfinished, decision: Decision, *, yes: bool) -> int:
    asked, past, person = run.asked, run.past, whoever()
    if asked is None or past is None or run.ended:
        raise Refused("nothing_to_decide", f"Run {run.run_id} does not wait for a decision.")
    if decision is not Decision.ABANDON:
        require_intact(parts.store.log)
    bench = choose(parts.benches, asked.target)
    _require_dead(parts, run, bench, decision)
    found = survey(past, bench)
    require_answers(found, decision)
    if decision not in offers(past, found):
        there = "; ".join(found.findings)
        raise Refused("not_possible", f"To {decision.value} is not possible: {there}.")
    _take(parts, run, bench, person.id)
    with witnessing(parts, TerminalPresenter()) as witness:
        draft = Draft("run", Phase.NOTE, channel=asked.origin.channel, target=asked.target)
        journal = Journal(parts.store.log, TerminalPresenter(), draft, parts.clock, witness)
        now = parts.clock.now()
        journal.record(
            ev.DecisionTaken(run_id=run.run_id, at=now, person=person, decision=decision)
        )
        if decision is Decision.ABANDON:
            finished = _abandoned(run, asked, account(run, found.turned), journal)
        else:
            with cancel_by_signal() as cancelled:
                gate = OperatorGate(journal, yes, person)
                log = parts.store.log
                execute = taken_up(
                    asked, past, decision, bench, gate, journal, log, cancelled.is_set
                )
                finished = execute()
                settled(journal, cancelled)
        parts.store.claims.release(asked.target, run.run_id)
    good = {"succeeded"} if decision is Decision.RESUME else {"cancelled", "interrupted"}
    return EXIT_OK if finished.outcome in good else EXIT_FAILED


def _require_dead(parts: Base, run: Unfinished, bench: Bench, decision: Decision) -> None:
    """Raise Refused where the run's process lives, or another run has taken the target.

    Who abandons a run touches nothing on the server, which may be away, or keep a dead one's lock.
    """
    held = [c for c in parts.store.claims.held() if c.target == bench.target.name]
    if held and held[0].run_id != run.run_id:
        raise Refused("taken_over", f"Run {held[0].run_id} has taken {bench.target.name} since.")
    if parts.store.claims.alive(run.run_id):
        raise Refused("at_work", f"Run {run.run_id} is at work.")
    if decision is not Decision.ABANDON and not is_free(bench):
        raise Refused("at_work", f"Run {run.run_id} is at work, or PostgreSQL can't be asked.")


def _take(parts: Base, run: Unfinished, bench: Bench, holder: str) -> None:
    """Let this process be the one that works on the run: a bot leaves it alone then.

    Raises:
        Refused: another run has taken the target since, or another process this run.
    """
    parts.store.claims.take(Claim(bench.target.name, run.run_id, holder, parts.clock.now()))


def _abandoned(
    run: Unfinished, asked: ev.RunRequested, sentence: str, journal: Journal
) -> ev.RunFinished:
    now = journal.clock.now()
    finished = ev.RunFinished(
        run_id=run.run_id,
        at=now,
        outcome="interrupted",
        sentence=sentence,
        seconds=(now - asked.at).total_seconds(),
        requester=asked.origin.person,
    )
    journal.record(finished)
    return finished
