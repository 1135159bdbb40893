"""The whole journey: five people, from the first topic to *Valid*; calls held as told."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol
from zipfile import ZipFile

from django.core.management import call_command
from playwright.sync_api import Page, expect

from courses.models import ProgrammePage
from lms.people.accounts import make_person, set_channel_team
from lms.people.membership import join
from lms.people.models import Reseller, Team, User
from sessions.hours import parse_hours, set_weekly_hours
from sessions.models import RoomKind
from sessions.trainers import make_trainer
from tests.browser.journeys import (
    ROOM,
    TOPICS,
    Journey,
    address_in_code,
    book_call,
    follow_topics,
)

PASSWORD = "four plain words here"
STAFF = "sofia@bytekast.example.com"
TRAINER = "eleanor@bytekast.example.com"
MANAGER = "amara@northlight.example.com"
TRAINEE = "jonas@northlight.example.com"
WEAK = "Escalating Tickets"


class Hold(Protocol):
    """How a call is held and signed off, by its two."""

    def __call__(
        self,
        journey: Journey,
        trainee: Page,
        trainer: Page,
        at: datetime,
        *,
        covered: list[str],
        again: list[str],
    ) -> None: ...


def qualify(journey: Journey, folder: Path, *, room: RoomKind, hold: Hold) -> None:
    """Two calls, a certificate, and who sees it; files are put into the folder."""
    prepare(room)
    staff = journey.signed_in(STAFF)
    trainee = journey.sign_in(TRAINEE, PASSWORD, timezone_id="Europe/Berlin")
    trainer = journey.signed_in(TRAINER)
    manager = journey.signed_in(MANAGER)
    stranger = journey.person()
    expect_standing(staff, "0 of 1")

    follow_topics(trainee)
    at = book_call(trainee, topics=4)
    journey.run_jobs()
    for side in (TRAINEE, TRAINER):
        assert journey.files_sent_to(side) == ["call.ics"]
    strong = [each for each in TOPICS if each != WEAK]
    hold(journey, trainee, trainer, at, covered=strong, again=[WEAK])

    trainee.goto("/my/")
    expect(trainee.get_by_text("3 of 4 topics")).to_be_visible()
    expect(trainee.get_by_text("Go over again")).to_be_visible()
    at = book_call(trainee, topics=1)
    hold(journey, trainee, trainer, at, covered=[WEAK], again=[])

    trainee.goto("/my/")
    expect(trainee.get_by_text("4 of 4 topics")).to_be_visible()
    trainee.get_by_role("link", name="User Support").last.click()
    expect(trainee.get_by_text("Your certificate is being prepared")).to_be_visible()
    journey.run_jobs()
    trainee.get_by_role("link", name="Look again").click()
    expect(trainee.get_by_role("link", name="Download the PDF")).to_be_visible()

    pdf = download_certificate(manager, folder)
    address = address_in_code(pdf)
    assert address.startswith(f"{journey.url}/c/")
    check_pack(manager, folder, pdf)
    expect_standing(staff, "1 of 1")

    stranger.goto(address)
    expect(stranger.get_by_role("heading", level=1)).to_contain_text("Valid")
    expect(stranger.get_by_text("Jonas Weber")).to_be_visible()
    mistype_serial(stranger, address.rpartition("/")[2])


def prepare(room: RoomKind) -> None:
    """Seed the policy, and let its people in."""
    call_command("seed", verbosity=0)
    reseller = Reseller.add_root(name="Northlight Learning", approved_on="2026-01-05")
    set_channel_team(make("Sofia Brandt", STAFF), True, by=None)
    trainer = make_trainer(
        make("Eleanor Whitcombe", TRAINER),
        programmes=ProgrammePage.objects.filter(section="1.3"),
        time_zone="Europe/London",
        room_kind=room,
        room_url=f"{ROOM}/eleanor",
        by=None,
    )
    set_weekly_hours(trainer, parse_hours("Mon-Fri 09:00-12:30, 13:30-17:00"))
    for name, address, is_manager in [
        ("Amara Okafor", MANAGER, True),
        ("Jonas Weber", TRAINEE, False),
    ]:
        join(
            make(name, address),
            reseller,
            teams=[] if is_manager else [Team.objects.get(slug="support")],
            engagement="employee",
            is_manager=is_manager,
            by=None,
        )


def make(name: str, address: str) -> User:
    zone = "Europe/Berlin" if address == TRAINEE else "Europe/London"
    return make_person(address, name, time_zone=zone, password=PASSWORD)


def expect_standing(staff: Page, words: str) -> None:
    staff.goto("/standing/")
    row = staff.get_by_role("row", name="Northlight Learning")
    expect(row).to_contain_text(words)


def download_certificate(manager: Page, folder: Path) -> Path:
    """Find the person in the team's matrix, and fetch the file from their page."""
    manager.goto("/team/")
    row = manager.get_by_role("row", name="Jonas Weber")
    expect(row).to_contain_text("Qualified")
    row.get_by_role("link", name="Jonas Weber").first.click()
    with manager.expect_download() as download:
        manager.get_by_role("link", name="PDF").click()
    pdf = folder / "certificate.pdf"
    download.value.save_as(pdf)
    return pdf


def check_pack(manager: Page, folder: Path, pdf: Path) -> None:
    """Fetch the team's certificates at once: the same file is among them."""
    manager.goto("/team/")
    with manager.expect_download() as download:
        manager.get_by_role("link", name="Download all certificates").click()
    path = folder / "pack.zip"
    download.value.save_as(path)
    with ZipFile(path) as pack:
        assert pack.testzip() is None
        files = [pack.read(name) for name in pack.namelist() if ".pdf" in name]
    assert files == [pdf.read_bytes()]


def mistype_serial(stranger: Page, serial: str) -> None:
    """Change one symbol: the page says so, and offers the true one."""
    wrong = ("2" if serial[0] != "2" else "3") + serial[1:]
    stranger.goto("/c/")
    stranger.get_by_label("Serial").fill(wrong)
    stranger.get_by_role("button", name="Check this certificate").click()
    expect(stranger.locator("[data-error-summary]")).to_be_visible()
