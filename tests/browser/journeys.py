"""What people do in a browser, and what goes on around them: used by the tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connections
from django.test import Client
from django.utils.timezone import now
from django_tasks_db.management.commands.db_worker import Worker
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    Route,
    expect,
)

from courses.models import Attempt

BEGINS_AT = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)  # a Monday, in the server's time
ROOM = "https://meet.example.com"
LONGEST_SECONDS = 60  # to wait for anything: the machine may be very busy
TOPICS = [
    "Using Resolve",
    "Categorising Tickets",
    "Escalating Tickets",
    "Support Response Times & Useful Resources",
]


FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


def launched(playwright: Playwright, *flags: str) -> Browser:
    """The machine's Chromium, headless, with no way out of this machine."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: `make test` installs it (apt: chromium)."
    return playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])


@dataclass
class Journey:
    """The served site, and what goes on around it while people click."""

    url: str
    browser: Browser
    traveller: time_machine.Coordinates
    contexts: list[BrowserContext] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def person(self, *, browser: Browser | None = None, **options: Any) -> Page:
        """Open a browser of somebody's own: nobody else's cookies.

        What their console says against a page, and each answer that should not have
        been, fails the test at its end.
        """
        options = {"timezone_id": "Europe/London", "locale": "en-GB"} | options
        context = (browser or self.browser).new_context(base_url=self.url, **options)
        context.set_default_timeout(LONGEST_SECONDS * 1000)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("response", self._watch)
        context.route(re.compile(r"/calls/[\w-]+/join/$"), _go_out)
        context.route(f"{ROOM}/**", _outside)
        self.contexts.append(context)
        return context.new_page()

    def sign_in(self, email: str, password: str, **options: Any) -> Page:
        """Let somebody in through the one door, as they would come."""
        page = self.person(**options)
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda url: "/accounts/" not in url)
        return page

    def signed_in(self, email: str, **options: Any) -> Page:
        """A browser of somebody who signed in before."""
        client = Client()
        client.force_login(get_user_model().objects.get(email=email))
        page = self.person(**options)
        session = {"name": "sessionid", "value": client.cookies["sessionid"].value}
        page.context.add_cookies([session | {"url": self.url}])  # type: ignore[list-item]
        return page

    def pardon(self, words: str) -> None:
        """Take back what was heard so far and is as it should be."""
        self.faults = [each for each in self.faults if not re.search(words, each)]

    def pass_time(self, length: timedelta) -> None:
        """Let time pass for the server; browsers keep their own clocks."""
        self.traveller.shift(length)

    def wait_until(self, at: datetime) -> None:
        self.pass_time(at - now())

    def run_jobs(self) -> None:
        """Let the worker do all that waits for it.

        In a thread of its own, as pyHanko runs a loop and Playwright's is in this one.
        """
        with ThreadPoolExecutor(1) as apart:
            apart.submit(_work).result()

    def mail_to(self, address: str) -> list[str]:
        """The texts of all mails sent to an address, the newest last."""
        return [str(each.body) for each in mail.outbox if address in each.to]

    def files_sent_to(self, address: str) -> list[str]:
        """The names of all files sent to an address."""
        mails = [each for each in mail.outbox if address in each.to]
        parts = [part for each in mails for part in each.message().walk()]
        return [name for part in parts if (name := part.get_filename())]

    def link_in_mail_to(self, address: str) -> str:
        """The path of the first link of the newest mail to an address."""
        found = re.search(r"https?://[^/\s]+(/\S*)", self.mail_to(address)[-1])
        assert found, f"No link in the mail to {address}."
        return found[1]

    def _hear(self, message: ConsoleMessage) -> None:
        # A page answered with 4xx is told as an error too: `_watch` judges those.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.faults.append(f"{message.page and message.page.url}: {message.text}")

    def _watch(self, response: Response) -> None:
        is_page = response.request.resource_type in ("document", "xhr", "fetch")
        if response.status >= 500 or (response.status >= 400 and not is_page):
            self.faults.append(f"{response.url}: {response.status}")


@contextmanager
def travelling(
    url: str, browser: Browser, settings: Any, begins_at: datetime
) -> Iterator[Journey]:
    settings.PUBLIC_URL = url
    # Days pass within one visit, and people go on where they are.
    settings.SIGN_IN = settings.SIGN_IN_OF_STAFF = (timedelta(days=999),) * 2
    with time_machine.travel(begins_at, tick=True) as traveller:
        journey = Journey(url, browser, traveller)
        yield journey
        for context in journey.contexts:
            context.close()
    assert not journey.faults, "\n".join(journey.faults)


def _go_out(route: Route) -> None:
    """Follow the way into the room as a visit of its own: a redirect is not routed."""
    answer = route.fetch(max_redirects=0)
    target = answer.headers["location"]
    if target.startswith(ROOM):
        route.fulfill(body=f"<script>location.replace('{target}')</script>")
    else:
        route.fulfill(response=answer)


def _outside(route: Route) -> None:
    route.fulfill(
        content_type="text/html; charset=utf-8",
        body="<!doctype html><title>Room</title><h1>The room outside</h1>",
    )


# --- Steps of the journey, each as its person takes it -----------------------------


def hold_passkeys(page: Page) -> None:
    """Give the browser a device that keeps passkeys, and a finger that is always there."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})


def follow_topics(trainee: Page) -> None:
    """Read the four topics of User Support and pass their checks, one after another."""
    trainee.goto("/my/")
    trainee.get_by_role("link", name="Open the topic").click()
    for number, title in enumerate(TOPICS, start=1):
        expect(trainee.get_by_role("heading", level=1, name=title)).to_be_visible()
        pass_check(trainee)
        trainee.get_by_role("button", name="I have read this").click()
        expect(trainee.get_by_text("You have read this.")).to_be_visible()
        if number < len(TOPICS):
            way = trainee.get_by_role("navigation", name="Previous and next topic")
            way.get_by_role("link", name="Next topic").click()


def pass_check(trainee: Page) -> None:
    """Start the check of the topic before them, and answer it as its key says."""
    trainee.get_by_role("button", name="Start the check").click()
    for name, value in right_fields(open_attempt(trainee)):
        box = trainee.locator(f'[name="{name}"]')
        if box.first.get_attribute("type"):
            trainee.locator(f'[name="{name}"][value="{value}"]').check()
        else:
            box.select_option(value)
    trainee.get_by_role("button", name="Hand in").click()
    expect(trainee.get_by_text("You have passed this check")).to_be_visible()


def open_attempt(trainee: Page) -> Attempt:
    """The check that is being answered on the page."""
    address = trainee.locator("form[data-check]").get_attribute("action")
    found = re.search(r"/check/(\d+)/submit/", address or "")
    assert found, "No check is open on the page."
    return Attempt.objects.get(pk=found[1])


def right_fields(attempt: Attempt) -> Iterator[tuple[str, str]]:
    """The fields of its form, each with the value that is right."""
    for question in attempt.questions:
        name = f"q{question['id']}"
        right = attempt.key["questions"][question["id"]]["right"]
        if isinstance(right, dict):
            yield from ((f"{name}-{left}", option) for left, option in right.items())
        elif question["kind"] == "order":
            places = {option: str(place) for place, option in enumerate(right, 1)}
            for option in sorted(places, key=int):  # as they stand on the page
                yield f"{name}-{option}", places[option]
        else:
            yield from ((name, option) for option in sorted(right, key=int))


def book_call(trainee: Page, *, topics: int) -> datetime:
    """Book the soonest time for all that is ready; return when the call begins."""
    trainee.goto("/my/")
    ready = f"Book your call: {topics} topic{'' if topics == 1 else 's'} ready"
    expect(trainee.get_by_role("heading", name=ready)).to_be_visible()
    trainee.get_by_role("link", name="Find a time").click()
    expect(trainee.get_by_role("checkbox", checked=True)).to_have_count(topics)
    trainee.locator(".slots-soonest a").first.click()
    trainee.get_by_role("button", name=re.compile("^Book ")).click()
    expect(trainee.get_by_text("Your call is booked")).to_be_visible()
    at = trainee.locator(".call-time time").first.get_attribute("datetime")
    assert at, "The call's page does not say when."
    return datetime.fromisoformat(at)


def hold_call(journey: Journey, trainee: Page, trainer: Page, at: datetime) -> None:
    """Wait for the call; both go through its page to the room outside."""
    call = trainee.url
    came = "went on to the link at"
    come_to_call(journey, trainee, trainer, at, arrived=is_outside, came=came)
    assert trainee.url.startswith(ROOM)
    trainee.goto(call)
    expect(trainee.get_by_role("link", name="Rejoin")).to_be_visible()
    journey.wait_until(at + timedelta(minutes=95))  # the longest is over then


def is_outside(page: Page) -> None:
    expect(page.get_by_role("heading", name="The room outside")).to_be_visible()


def come_to_call(
    journey: Journey,
    trainee: Page,
    trainer: Page,
    at: datetime,
    *,
    arrived: Callable[[Page], object],
    came: str,
) -> None:
    """Five minutes before, each presses *Join* where they look for it first.

    `came` is what the trainer reads of the trainee, who was first.
    """
    expect(trainee.get_by_role("button", name="Opens at")).to_be_disabled()
    journey.wait_until(at - timedelta(minutes=5))

    trainee.goto("/my/")
    trainee.get_by_role("link", name="Join", exact=True).click()
    arrived(trainee)

    trainer.goto("/trainer/")
    trainer.get_by_role("link", name="Jonas Weber").first.click()
    expect(trainer.get_by_text(f"Jonas Weber {came}")).to_be_visible()
    trainer.get_by_role("link", name="Join", exact=True).click()
    arrived(trainer)


def sign_off(trainer: Page, *, covered: list[str], again: list[str]) -> None:
    """Say of each topic whether it was covered."""
    trainer.goto("/trainer/")
    trainer.get_by_role("link", name="Sign off").first.click()
    fill_board(trainer, covered=covered, again=again)
    trainer.get_by_role("button", name="Sign off").click()


def fill_board(trainer: Page, *, covered: list[str], again: list[str]) -> None:
    for title in [*covered, *again]:
        topic = trainer.get_by_role("region", name=title, exact=True)
        box = topic.get_by_role("checkbox").first
        if not box.is_visible():  # in the room one topic is open at a time
            topic.locator("summary").first.click()
        box.check()
        word = "Covered" if title in covered else "Go over again"
        topic.get_by_text(word, exact=True).click()
        if title in again:
            note = "Once more, please: whom to tell first."
            topic.get_by_label("Note for them").fill(note)


def address_in_code(pdf: Path) -> str:
    """Check the file as others' tools do; return the address in its QR code."""
    words = run("pdfinfo", pdf)
    assert "Pages:           1" in words
    assert "841.89 x 595.276 pts (A4)" in words
    assert "No syntax or stream encoding errors found" in run("qpdf", "--check", pdf)
    picture = pdf.with_suffix(".png")
    run("pdftoppm", "-r", "150", "-png", "-singlefile", pdf, picture.with_suffix(""))
    return run("zbarimg", "--quiet", "--raw", picture).strip()


def run(*command: object) -> str:
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _work() -> None:
    try:
        Worker(
            queue_names=["*"],
            interval=0,
            batch=True,
            backend_name="jobs",
            startup_delay=False,
            max_tasks=None,
            worker_id="browser-tests",
            excluded_queue_names=[],
        ).run()
    finally:
        connections.close_all()
