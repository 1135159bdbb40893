"""The board during a call: saved as typed, never lost, seen by the trainee, signed off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from playwright.sync_api import Locator, Page, expect

from courses.models import EvidenceKind
from courses.progress import record_evidence
from sessions.models import BoardTopic, Booking, BookingState, CallBoard
from tests.browser.journeys import Journey
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    TopicPageFactory,
    TrainerFactory,
)

CRITERIA = ["Names the owner.", "Says when they hear again."]


def begin_call(journey: Journey, titles: list[str]) -> Booking:
    """A call that has just begun, by an outside link, on all that is still to do."""
    edition = EditionFactory(topics=[])
    for order, title in enumerate(titles, 1):
        page = TopicPageFactory(parent=edition.programme, title=title)
        EditionTopicFactory(edition=edition, topic=page, order=order, criteria=CRITERIA)
    enrolment = EnrolmentFactory(edition=edition)
    topics = [asked.topic for asked in edition.topics.all()]
    for topic in topics:
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    call = BookingFactory(
        enrolment=enrolment,
        trainer=TrainerFactory(programmes=[edition.programme]),
        topics=topics,
    )
    journey.wait_until(call.starts_at + timedelta(minutes=1))
    return call


def board_of(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


@contextmanager
def cut_off(page: Page, address: str = "**/board/**") -> Iterator[None]:
    """The server is out of reach: no save arrives."""
    page.route(address, lambda route: route.abort())
    yield
    page.unroute(address)


def test_what_is_typed_is_saved_and_survives_a_lost_line(journey: Journey) -> None:
    call = begin_call(journey, ["Escalating Tickets"])
    trainer = journey.signed_in(call.trainer.user.email)
    trainer.goto(f"{call.get_absolute_url()}sign-off/")
    topic = board_of(trainer, "Escalating Tickets")
    saved = trainer.locator("[data-saved]")

    topic.get_by_label(CRITERIA[0]).check()
    topic.get_by_label("Note for them").fill("Well done.")
    expect(saved).to_have_text("Saved")
    draft = BoardTopic.objects.get()
    assert (draft.criteria_met, draft.note) == ([CRITERIA[0]], "Well done.")

    with cut_off(trainer):
        topic.get_by_label("Private note").fill("Ask about the handover.")
        expect(saved).to_contain_text("Not saved yet: no connection")
        trainer.evaluate("() => window.stop()")
        trainer.reload()  # the page crashed, with the server still away
        expect(saved).to_contain_text("Not saved yet")
    expect(topic.get_by_label("Private note")).to_have_value("Ask about the handover.")
    trainer.evaluate("() => dispatchEvent(new Event('online'))")
    expect(saved).to_have_text("Saved")
    draft.refresh_from_db()
    assert draft.private_note == "Ask about the handover."
    journey.pardon("net::ERR_FAILED")  # the line was cut by us


def test_two_tabs_keep_both_texts(journey: Journey) -> None:
    call = begin_call(journey, ["Escalating Tickets"])
    laptop = journey.signed_in(call.trainer.user.email)
    phone = laptop.context.new_page()
    for page in (laptop, phone):
        page.goto(f"{call.get_absolute_url()}sign-off/")

    note = "Note for them"
    board_of(laptop, "Escalating Tickets").get_by_label(note).fill("From the room.")
    expect(laptop.locator("[data-saved]")).to_have_text("Saved")
    topic = board_of(phone, "Escalating Tickets")
    topic.get_by_label(note).fill("From the phone.")

    expect(topic.get_by_label(note)).to_have_value("From the room.\n\nFrom the phone.")
    expect(topic.get_by_text("Both texts are kept.")).to_be_visible()
    expect(phone.locator("[data-saved]")).to_have_text("Saved")
    assert BoardTopic.objects.get().note == "From the room.\n\nFrom the phone."


def test_a_question_survives_a_lost_line_and_a_second_window(journey: Journey) -> None:
    call = begin_call(journey, ["Escalating Tickets"])
    laptop = journey.signed_in(call.trainee.email)
    phone = laptop.context.new_page()
    ask = "What do you want to ask?"
    laptop.goto(call.get_absolute_url())
    phone.goto(f"{call.get_absolute_url()}room/")

    with cut_off(laptop, "**/question/"):
        laptop.get_by_label(ask).fill("Whom do I tell first?")
        expect(
            laptop.get_by_text("Your words are kept in this browser.")
        ).to_be_visible()
        laptop.evaluate("() => window.stop()")
        laptop.reload()  # the page crashed, with the server still away
        expect(laptop.get_by_label(ask)).to_have_value("Whom do I tell first?")
    laptop.evaluate("() => dispatchEvent(new Event('online'))")
    expect(laptop.get_by_text("Saved. Your trainer sees it.")).to_be_visible()
    phone.get_by_label(ask).fill("By when?")

    both = "Whom do I tell first?\n\nBy when?"
    expect(phone.get_by_label(ask)).to_have_value(both)
    expect(phone.get_by_text("Both texts are kept.")).to_be_visible()
    assert CallBoard.objects.get().question == both
    laptop.reload()
    expect(laptop.get_by_label(ask)).to_have_value(both)
    journey.pardon("net::ERR_FAILED")  # the line was cut by us


def test_board_signs_off_in_the_room_and_the_trainee_sees_it(
    journey: Journey, settings: Any
) -> None:
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    titles = ["Categorising Tickets", "Escalating Tickets"]
    call = begin_call(journey, titles)
    trainee = journey.signed_in(call.trainee.email)
    trainee.goto(f"{call.get_absolute_url()}room/")
    trainee.get_by_label("What do you want to ask?").fill("Whom do I tell first?")
    expect(trainee.get_by_text("Saved. Your trainer sees it.")).to_be_visible()
    trainer = journey.signed_in(call.trainer.user.email)
    trainer.goto(f"{call.get_absolute_url()}room/")
    expect(trainer.get_by_text("Whom do I tell first?")).to_be_visible()

    button = trainer.locator("[data-sign-off]")
    first, second = (board_of(trainer, title) for title in titles)
    first.get_by_label(CRITERIA[0]).check()
    ticked = trainee.locator(".is-met")
    expect(ticked).to_have_count(1)
    first.get_by_text("Go over again", exact=True).click()
    second.locator("summary").first.click()
    second.get_by_text("Covered", exact=True).click()
    expect(button).to_have_text(re.compile("1 covered, 1 to go over again"))
    expect(trainee.get_by_text("Covered", exact=True)).to_have_count(0)
    first.locator("summary").first.click()
    first.get_by_text("Covered", exact=True).click()
    expect(button).to_have_text(
        re.compile(f"this qualifies {call.trainee} for {call.enrolment.edition.title}")
    )

    trainer.get_by_role("button", name="Extend by 15 minutes").click()
    expect(trainer.locator("[data-board-time] time")).not_to_have_attribute(
        "datetime", call.ends_at.isoformat()
    )
    button.click()
    expect(trainer.get_by_text(f"Signed off: {call.trainee}")).to_be_visible()
    assert trainer.url.endswith("/room/")
    expect(trainee.get_by_text("You are qualified for")).to_be_visible()

    trainer.get_by_role("button", name="Undo the sign-off").click()
    expect(button).to_be_visible()
    expect(trainee.get_by_text("You are qualified for")).to_have_count(0)
    call.refresh_from_db()
    assert call.state == BookingState.BOOKED


def test_without_script_both_sides_do_it_by_plain_forms(journey: Journey) -> None:
    call = begin_call(journey, ["Escalating Tickets"])
    plain = {"java_script_enabled": False}
    trainee = journey.signed_in(call.trainee.email, **plain)
    trainee.goto(call.get_absolute_url())
    trainee.get_by_label("What do you want to ask?").fill("Whom do I tell first?")
    trainee.get_by_role("button", name="Save", exact=True).click()
    expect(trainee.get_by_text("Saved. Your trainer sees it.")).to_be_visible()

    trainer = journey.signed_in(call.trainer.user.email, **plain)
    trainer.goto(f"{call.get_absolute_url()}sign-off/")
    expect(trainer.get_by_text("Whom do I tell first?")).to_be_visible()
    topic = board_of(trainer, "Escalating Tickets")
    topic.get_by_label(CRITERIA[0]).check()
    topic.get_by_label("Note for them").fill("Well done.")
    sign = trainer.locator("[data-sign-off]")
    sign.click()
    expect(
        trainer.locator("[data-error-summary]")
    ).to_be_visible()  # not said of it yet
    expect(topic.get_by_label("Note for them")).to_have_value("Well done.")
    topic.get_by_text("Covered", exact=True).click()
    sign.click()

    expect(trainer.get_by_text("signed off").first).to_be_visible()
    call.refresh_from_db()
    assert call.state == BookingState.DONE
    trainee.reload()
    expect(trainee.get_by_text("Well done.")).to_be_visible()
