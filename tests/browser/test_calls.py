"""Calls across time zones, over a clock change, and on a bad day; each click counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page, expect

from courses.models import Edition, Enrolment
from sessions.cancelling import cancel_call
from sessions.models import Booking, BookingState, RoomKind, Trainer
from tests.browser.journeys import BEGINS_AT, ROOM, Journey
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    EvidenceFactory,
    TrainerFactory,
)

# Europe's clocks go forward on Sunday 28 March 2027; Tokyo's never do.
BEFORE_THE_CHANGE = datetime(2027, 3, 24, 8, tzinfo=UTC)  # a Wednesday
THURSDAY = datetime(2027, 3, 25, 9, tzinfo=UTC)  # nine in London, 18:00 in Tokyo
MONDAY = datetime(2027, 3, 29, 8, tzinfo=UTC)  # nine in London, 17:00 in Tokyo


@dataclass
class Clicks:
    """Clicks that somebody needs; the address they type is not one."""

    made: int = 0

    def on(self, thing: Locator) -> None:
        self.made += 1
        thing.click()


def test_a_call_is_booked_moved_and_cancelled_over_a_clock_change(
    journey: Journey,
) -> None:
    journey.wait_until(BEFORE_THE_CHANGE)
    enrolment = prepared(time_zone="Asia/Tokyo")
    user = enrolment.member.user
    trainer = TrainerFactory(
        programmes=[enrolment.programme], weekly_hours=[], room_url=f"{ROOM}/eleanor"
    )
    in_london = journey.signed_in(trainer.user.email)
    in_tokyo = journey.signed_in(user.email, timezone_id="Asia/Tokyo")

    set_a_week(in_london)
    book(in_tokyo)
    journey.run_jobs()  # each mail leaves before the next thing happens
    call = Booking.objects.get()
    assert call.starts_at == THURSDAY
    expect_when(in_tokyo, "Thu 25 Mar, 18:00–19:20 (Tokyo)")
    in_london.goto(call.get_absolute_url())
    expect_when(in_london, "Thu 25 Mar, 09:00–10:20 (London)")

    move_to_monday(in_tokyo)
    journey.run_jobs()
    call.refresh_from_db()
    assert (call.starts_at, call.sequence) == (MONDAY, 1)
    expect_when(in_tokyo, "Mon 29 Mar, 17:00–18:20 (Tokyo)")
    in_london.reload()
    expect_when(in_london, "Mon 29 Mar, 09:00–10:20 (London)")

    cancel(in_tokyo)
    call.refresh_from_db()
    assert (call.state, call.sequence) == (BookingState.CANCELLED, 2)
    assert not call.late
    in_london.reload()
    expect(in_london.get_by_text("A customer needs me then.")).to_be_visible()
    in_tokyo.goto(f"/calls/book/{enrolment.pk}/")
    expect(in_tokyo.locator("#day-2027-03-29 a").first).to_have_text("17:00")

    journey.run_jobs()
    for address, times in [
        (user.email, ["18:00–19:20 (Tokyo)", "17:00–18:20 (Tokyo)"]),
        (trainer.user.email, ["09:00–10:20 (London)", "09:00–10:20 (London)"]),
    ]:
        booked, moved, cancelled = journey.mail_to(address)
        assert times[0] in booked
        assert times[1] in moved
        assert times[1] in cancelled
        assert journey.files_sent_to(address) == ["call.ics"] * 3


def prepared(**user: str) -> Enrolment:
    """Somebody who has read all topics of their programme."""
    about = {f"member__user__{name}": value for name, value in user.items()}
    enrolment = EnrolmentFactory(**about)
    prepare(enrolment)
    return enrolment


def prepare(enrolment: Enrolment) -> None:
    for topic in enrolment.edition.topics.all():
        EvidenceFactory(enrolment=enrolment, topic=topic.topic)


def set_a_week(trainer: Page) -> None:
    trainer.goto("/trainer/hours/")
    trainer.get_by_label("Monday").fill("9-12")
    trainer.get_by_role("button", name="Copy Monday").click()
    trainer.get_by_role("button", name="Save the week").click()
    expect(trainer.get_by_text("Your week is saved.")).to_be_visible()


def book(trainee: Page) -> None:
    """From My learning to the call: three clicks."""
    clicks = Clicks()
    trainee.goto("/my/")
    clicks.on(trainee.get_by_role("link", name="Find a time"))
    soonest = trainee.locator(".slots-soonest a").first
    expect(soonest).to_have_text("Thu 25 Mar, 18:00")
    clicks.on(soonest)
    clicks.on(trainee.get_by_role("button", name="Book Thu 25 Mar, 18:00 (Tokyo)"))
    expect(trainee.get_by_text("Your call is booked")).to_be_visible()
    assert clicks.made == 3


def move_to_monday(trainee: Page) -> None:
    trainee.get_by_role("link", name="Move").click()
    trainee.locator("#day-2027-03-29 a").first.click()
    trainee.get_by_role("button", name=re.compile("Mon 29 Mar, 17:00")).click()
    expect(trainee.get_by_text("The call is moved")).to_be_visible()


def cancel(trainee: Page) -> None:
    trainee.get_by_text("Cancel this call").click()
    trainee.get_by_label("Why?").fill("A customer needs me then.")
    button = "Cancel the call of Mon 29 Mar, 17:00 (Tokyo)"
    trainee.get_by_role("button", name=button).click()
    expect(trainee.get_by_text("The call is cancelled.")).to_be_visible()


def expect_when(page: Page, words: str) -> None:
    expect(page.locator(".call-time")).to_have_text(words)


def test_learning_is_resumed_and_a_call_is_joined_by_one_click(
    journey: Journey,
) -> None:
    enrolment = EnrolmentFactory()
    topic = enrolment.edition.topics.first()
    trainer = TrainerFactory(room_kind=RoomKind.LINK, room_url=f"{ROOM}/eleanor")
    trainee = journey.signed_in(enrolment.member.user.email)
    clicks = Clicks()

    trainee.goto("/my/")
    clicks.on(trainee.get_by_role("link", name="Open the topic"))
    expect(trainee.get_by_role("heading", level=1, name=topic.title)).to_be_visible()
    assert clicks.made == 1

    call = BookingFactory(enrolment=enrolment, trainer=trainer)
    journey.wait_until(call.opens_at)
    trainee.goto("/my/")
    clicks.on(trainee.get_by_role("link", name="Join", exact=True))
    expect(trainee.get_by_role("heading", name="The room outside")).to_be_visible()
    assert clicks.made == 2


def test_a_bad_day_loses_no_call(journey: Journey) -> None:
    """A trainer ill at eight, four calls; a colleague is free for two of them."""
    edition = EditionFactory()
    ill, colleague = (
        TrainerFactory(programmes=[edition.programme], day_cap=cap) for cap in (None, 2)
    )
    calls = four_calls(edition, ill)
    page = journey.signed_in(ill.user.email)
    clicks = Clicks()

    page.goto("/trainer/")
    clicks.on(page.get_by_role("link", name="I can’t work today"))
    expect(page.get_by_role("heading", name="4 calls are hit")).to_be_visible()
    clicks.on(page.get_by_role("button", name="and do all of this"))
    expect(page.get_by_role("heading", name="All is seen to")).to_be_visible()
    expect(page.get_by_role("heading", name="Handed over 2")).to_be_visible()
    expect(page.get_by_role("heading", name="Asked to choose again 2")).to_be_visible()
    assert clicks.made == 2

    journey.run_jobs()
    for call in calls:
        call.refresh_from_db()
        assert len(journey.mail_to(call.trainee.email)) == 1
    kept = [call for call in calls if call.state == BookingState.BOOKED]
    asked = [call for call in calls if call.state == BookingState.CANCELLED]
    assert [call.trainer for call in kept] == [colleague] * 2
    assert len(asked) == 2

    trainee = journey.signed_in(asked[0].trainee.email)
    trainee.goto(journey.link_in_mail_to(asked[0].trainee.email))
    trainee.get_by_role("button", name=re.compile("^Book ")).click()
    expect(trainee.get_by_text("Your call is booked")).to_be_visible()


def four_calls(edition: Edition, trainer: Trainer) -> list[Booking]:
    start = BEGINS_AT.replace(hour=10, minute=0)
    return [
        BookingFactory(
            enrolment=EnrolmentFactory(edition=edition),
            trainer=trainer,
            starts_at=start + timedelta(hours=n),
        )
        for n in range(4)
    ]


def test_an_earlier_time_is_waited_for_proposed_and_taken(journey: Journey) -> None:
    """Two clicks for who waits: one to be told, one to move the call."""
    edition = EditionFactory()
    trainer = TrainerFactory(programmes=[edition.programme])
    freed, late = (
        BookingFactory(enrolment=EnrolmentFactory(edition=edition), trainer=trainer)
        for _n in range(2)
    )
    earlier = freed.starts_at
    page = journey.signed_in(late.trainee.email)
    clicks = Clicks()

    page.goto(late.get_absolute_url())
    clicks.on(page.get_by_role("button", name="Tell me of an earlier time"))
    expect(
        page.get_by_text("You are told when an earlier time is free")
    ).to_be_visible()
    cancel_call(freed, by=freed.trainee, reason="A customer needs me then.")
    journey.run_jobs()

    page.goto(journey.link_in_mail_to(late.trainee.email))
    clicks.on(page.get_by_role("button", name="Move my call to"))
    expect(page.get_by_text("Your call is moved")).to_be_visible()
    assert clicks.made == 2
    late.refresh_from_db()
    assert (late.starts_at, late.sequence, late.late) == (earlier, 1, False)
    page.goto("/calls/")
    expect(page.get_by_text("An earlier time for your call")).to_have_count(0)


def test_two_calls_are_picked_on_one_page_in_four_clicks(journey: Journey) -> None:
    """120 minutes of topics: more than one call may take."""
    enrolment = EnrolmentFactory(edition__topics=[])
    for title, minutes in (("Using Resolve", 80), ("Escalating Tickets", 40)):
        EditionTopicFactory(
            edition=enrolment.edition, title=title, call_minutes=minutes
        )
    prepare(enrolment)
    TrainerFactory(programmes=[enrolment.programme])
    page = journey.signed_in(enrolment.member.user.email)
    clicks = Clicks()

    page.goto("/my/")
    clicks.on(page.get_by_role("link", name="Find a time"))
    clicks.on(page.locator(".slots-soonest a").first)
    expect(page.get_by_text("Now choose a time for call 2.")).to_be_visible()
    clicks.on(page.locator(".slots-soonest a").first)
    clicks.on(page.get_by_role("button", name="Book both calls"))

    expect(page.get_by_text("Your calls are booked")).to_be_visible()
    assert clicks.made == 4
    first, second = Booking.objects.order_by("starts_at")
    assert second.starts_at >= first.busy_until
