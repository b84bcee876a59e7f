"""The demo's world on the page: two people restore a database and see what became of it.

With TSBOT_PICTURES=1 the README's pictures are made anew, in docs/.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.keys import Keys

from bot.core.models import Strategy
from bot.core.plan import ORDER, SPECS
from bot.sandbox.demo.world import TARGET, World, world
from bot.sandbox.sample import DATABASE, VIEWS
from tests.browser.page import Open, Page
from tests.browser.pictures import picture, screen

PICTURES_VARIABLE = "TSBOT_PICTURES"
LARGEST = 300_000
"""Bytes of a picture: the README is read on slow lines too."""

RUN_SECONDS = 60.0
REASON = "this morning's import overwrote yesterday's readings"
RESULT = f"Restore of {TARGET}: "
STEPS = tuple(
    f"{spec.number}. {spec.title}" if spec.number else spec.title
    for spec in (SPECS[name] for name in ORDER[Strategy.SWAP])
)
POINTS = (
    "timescaledb.restoring is off",
    "background workers are running",
    "every job has a next start",
    "continuous aggregates hold data",
    "applications are running",
)
Actor = Callable[[str], Page]


@pytest.fixture(scope="module")
def made(chromium: Chrome) -> Iterator[World]:
    """One world for all tests of this module; without a browser none is made."""
    with world() as running:
        yield running


@pytest.fixture
def acting(pages: Open, made: World) -> Actor:
    """Open the world's page as somebody."""
    return lambda name: pages(name, server=made.slack)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go: into the repository only when asked for."""
    return Path(__file__).parents[2] / "docs" if os.environ.get(PICTURES_VARIABLE) else tmp_path


def command(person: Page, line: str) -> None:
    """Type the beginning of a command, take what is offered, type the rest."""
    name, _, rest = line.partition(" ")
    person.write(name[:5] + Keys.TAB)
    person.press(rest, Keys.ESCAPE, Keys.ENTER)


def approve(person: Page) -> str:
    """React with the check mark below the approval message and return what that says."""
    return click_below(person, "Approval needed", ".reaction", "✅")


def click_below(person: Page, title: str, selector: str, label: str) -> str:
    """Click on what stands below the newest message of a title, and return the message."""

    def clicked() -> str:
        message = person.message(title)
        told = message.text
        for found in message.find_elements("css selector", selector):  # it comes after the message
            if label in found.text:
                found.click()
                return told
        return ""

    return person.wait(clicked, f"{label!r} below {title!r}", RUN_SECONDS)


def card(person: Page, backup: str, holding: str) -> str:
    """Wait until the newest card of a backup's restore holds a text, and return the card's."""

    def shown() -> str:
        texts = [e.text for e in person.all("#messages article")]
        cards = [t for t in texts if f"Restore of {TARGET}\nBackup {backup}" in t]
        return cards[-1] if cards and holding in cards[-1] else ""

    return person.wait(shown, f"a card of {backup} with {holding!r}", RUN_SECONDS)


def result(person: Page, backup: str) -> str:
    """Wait for the newest result in the channel, whatever it is."""

    def told() -> str:
        texts = [e.text for e in person.all("#messages article")]
        return next((t for t in reversed(texts) if RESULT in t and f"From {backup}" in t), "")

    return person.wait(told, f"a result of {backup}", RUN_SECONDS)


def told_green(person: Page, backup: str) -> None:
    told = result(person, backup)
    assert f"{RESULT}succeeded" in told
    assert [point for point in POINTS if f"✅ {point}: " not in told] == []


def readings_of_the_last_hours(made: World) -> int:
    """Ask the live database itself: readings of yesterday's last hours are not in the older dump.

    The demo's writer goes on adding rows, dated now; those are left out.
    """
    target = tomllib.loads(made.settings.read_text("utf-8"))["targets"][TARGET]
    password = made.environment[f"TSBOT_TARGET_{TARGET.upper()}_PASSWORD"]
    span = "time BETWEEN now() - interval '20 hours' AND now() - interval '1 hour'"
    with psycopg.connect(make_conninfo(target["dsn"], dbname=DATABASE, password=password)) as there:
        found = there.execute(f"SELECT count(*) FROM influx_data WHERE {span}").fetchone()
    assert found is not None
    return int(found[0])


def taken(page: Page, file: Path, width: int, height: int, scheme: str = "light") -> None:
    """Take a picture, twice as fine as CSS pixels, with the mouse out of the way."""
    ActionChains(page.turn().browser).move_to_element(page.one(".brand")).perform()
    picture(page.browser, file, width, height, scheme=scheme, scale=2)
    assert file.read_bytes().startswith(b"\x89PNG")
    assert file.stat().st_size < LARGEST


def picture_of_the_gate(ben: Page, file: Path) -> None:
    with screen(ben.turn().browser, 390, 780, scale=2):
        ben.browser.execute_script("arguments[0].scrollIntoView()", ben.message("Approval needed"))
        taken(ben, file, 390, 780)


def pictures_of_the_run(ana: Page, directory: Path) -> None:
    """Show the result in the channel, beside the card in its thread."""
    ana.click(".replies")
    ana.one("#thread-messages article", "Succeeded after")
    for scheme in ("light", "dark"):
        with screen(ana.browser, 1280, 960, scheme=scheme, scale=2):
            end = "const all = document.getElementById('scroll'); all.scrollTop = all.scrollHeight"
            ana.browser.execute_script(end)
            taken(ana, directory / f"restored-{scheme}.png", 1280, 960, scheme)


def test_one_asks_another_approves_and_both_watch_the_restore_end_green(
    acting: Actor, made: World, pictures: Path
) -> None:
    ana, ben = acting("ana"), acting("ben")
    newest = made.dumps.newest.name
    for person in (ana, ben):
        person.turn().browser.execute_script("window.same = true")
    command(ana, f"/restore latest reason={REASON}")
    card(ana, newest, "Waiting: 0 of 1 approval")
    ben.message("Approval needed")
    picture_of_the_gate(ben, pictures / "approval.png")
    asked = approve(ben)
    assert f"Reason: {REASON}" in asked
    assert "Would be lost: everything written in the" in asked
    card(ben, newest, "✅ 1. Stop applications")
    for person in (ana, ben):
        told_green(person, newest)
        shown = card(person, newest, "✅ Succeeded after")
        assert [step for step in STEPS if f"✅ {step} · " not in shown] == []
        assert person.browser.execute_script("return window.same") is True
    pictures_of_the_run(ana, pictures)
    told_everywhere(ana, newest)


def told_everywhere(ana: Page, backup: str) -> None:
    """Look for the story where people look for it afterwards: thread, status, log."""
    assert ana.sees(f"{RESULT}succeeded", "#thread-messages")
    command(ana, "/tsstatus")
    status = ana.message(f"{TARGET}: all points green").text
    assert [view for view in VIEWS if f"public.{view} holds data" not in status] == []
    assert "1004 retention public.influx_data every 1 d 0 h, never ran; next: paused" in status
    command(ana, "/audit @ana")
    hers = ana.message("Audit log").text
    assert f"ana: command ok  /restore latest reason={REASON}" in hers
    command(ana, "/audit since=1h")
    log = ana.message("since 20").text
    assert 0 < log.index("ben: vote approve") < log.index("tsbot: run outcome succeeded")


def test_the_older_dump_is_restored_by_its_name_and_not_by_its_requester_s_own_vote(
    acting: Actor, made: World
) -> None:
    ana, ben = acting("ana"), acting("ben")
    assert readings_of_the_last_hours(made) > 0
    command(ana, "/backups")
    offered = ana.message(f"3 backups of {TARGET}").text
    older = next(name for name in offered.split() if name == made.dumps.older.name)
    command(ana, f"/restore {older}")
    card(ana, older, "Waiting: 0 of 1 approval")
    assert "everything written in the 1 d 0 h since the dump" in approve(ana)
    click_below(ana, "Approval needed", ".replies", "1 reply")
    assert ana.sees("@ana this does not count: you asked for this restore", "#thread-messages")
    approve(ben)
    told_green(ana, older)
    assert readings_of_the_last_hours(made) == 0


def test_a_restore_is_taken_back_by_the_button_on_its_result_once_approved(
    acting: Actor, made: World
) -> None:
    """The one of the older dump: what it has set aside holds yesterday's last readings."""
    ana, ben = acting("ana"), acting("ben")
    assert readings_of_the_last_hours(made) == 0
    click_below(ana, f"{RESULT}succeeded", "button", "Roll back")
    asked = ben.wait(lambda: rollback_gate(ben), "the rollback's approval message", RUN_SECONDS)
    assert "PostgreSQL counted since" in asked
    assert "Rows of hypertables with a time after" in asked
    click_below(ben, "Approval needed: roll", ".reaction", "✅")
    told = f"Rollback of {TARGET}: succeeded"
    ana.wait(lambda: told in ana.text("#messages"), told, RUN_SECONDS)
    assert readings_of_the_last_hours(made) > 0


def rollback_gate(person: Page) -> str:
    """The newest approval message of a rollback, empty before it is there."""
    texts = [e.text for e in person.all("#messages article")]
    return next((t for t in reversed(texts) if "Approval needed: roll" in t), "")


def test_the_truncated_dump_is_refused_in_a_sentence_and_nothing_is_asked(
    acting: Actor, made: World
) -> None:
    ana = acting("ana")
    command(ana, f"/restore {made.dumps.truncated.name}")
    told = result(ana, made.dumps.truncated.name)
    assert f"{RESULT}refused" in told
    assert "is cut short or damaged" in told
    assert "Choose another backup. Nothing was changed." in told
    assert "Approval needed" not in ana.text("#messages")
