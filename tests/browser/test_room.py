"""A call of two in real browsers: what one side does reaches the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Response, expect

from lms.people.accounts import set_active
from lms.people.membership import leave
from sessions.cancelling import cancel_call
from sessions.models import Booking, CallMessage, Signal
from sessions.presence import attendance
from tests.browser.journeys import Journey
from tests.browser.rooms import Side, both, call_now, meet
from tests.factories import BookingFactory, MemberFactory, UserFactory


def test_what_one_does_reaches_the_other(calling: Journey) -> None:
    """From the call's page by one click; sound, picture and screen; then goodbye."""
    call = call_now()
    trainee, trainer = both(calling, call)
    for each in (trainee, trainer):
        each.page.goto(call.get_absolute_url())
        each.page.get_by_role("link", name="Join", exact=True).click()
        each.page.wait_for_url("**/room/")
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()
        assert each.hears_the_other()

    trainee.press("microphone")
    trainer.is_told("other-microphone", "off")
    trainer.is_announced("Jonas Weber’s microphone is off.")
    trainer.until(lambda: not trainer.hears_the_other(), "hears nothing any more")
    trainee.press("microphone")
    trainer.is_told("other-microphone", "on")
    assert trainer.hears_the_other()

    trainer.press("camera")
    trainee.is_told("other-camera", "off")
    trainer.press("screen")
    trainee.is_told("other-screen", "on")
    trainee.is_announced("Eleanor Whitcombe shows a screen.")
    trainee.sees_the_other()
    trainer.press("screen")
    trainee.is_told("other-screen", "off")
    trainer.press("camera")
    trainee.is_told("other-camera", "on")
    trainee.sees_the_other()

    assert Signal.objects.exists()  # so that what follows says something
    trainee.press("leave")
    expect(trainee.page.locator("#over")).to_contain_text("You have left the call")
    trainer.until(lambda: trainer.state() == "waiting", "the other is gone")
    trainer.is_announced("Jonas Weber has left.")
    assert trainer.is_hung_up()
    assert not Signal.objects.exists()


def test_notes_stay_while_one_leaves_and_comes_again(calling: Journey) -> None:
    call = call_now()
    trainee, trainer = both(calling, call)
    meet(trainee, trainer)

    trainee.write("Can you see my screen?")
    expect(trainer.page.locator("#new-note")).to_contain_text("Can you see my screen?")
    trainer.write("Yes: <b>line 4</b> & https://example.com/a?b=1.")
    expect(trainee.notes).to_have_text(
        ["Can you see my screen?", "Yes: <b>line 4</b> & https://example.com/a?b=1."]
    )

    trainee.page.get_by_role("button", name="Leave").click()
    expect(trainee.page.locator("#over")).to_be_visible()
    trainer.write("Are you there?")
    trainee.page.locator("#over").get_by_role("link", name="Come in again").click()
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()
    trainee.press("messages")
    expect(trainee.notes).to_have_count(3)
    expect(trainee.notes.last).to_have_text("Are you there?")

    assert CallMessage.objects.filter(booking=call).count() == 3
    in_room = {each.user: len(each.spans) for each in attendance(call)}
    assert in_room == {call.trainee: 2, call.trainer.user: 1}


def test_a_connection_that_breaks_is_made_anew(calling: Journey) -> None:
    """On one side, then on the other, who is the polite one; then on both at once."""
    trainee, trainer = both(calling, call_now())
    meet(trainee, trainer)

    for broken in ([trainee], [trainer], [trainee, trainer]):
        for each in broken:
            each.cut()
        for each in (trainee, trainer):
            each.sees_the_other()
            each.connected()


def test_a_newer_tab_takes_over_and_the_older_can_take_back(calling: Journey) -> None:
    call = call_now()
    trainee, trainer = both(calling, call)
    meet(trainee, trainer)

    second = Side(trainee.page.context.new_page(), call, "second tab")
    second.enter()

    trainee.until(trainee.is_hung_up, "the older tab hangs up")
    over = trainee.page.locator("#over")
    expect(over).to_contain_text("You are in the call elsewhere")
    for each in (second, trainer):
        each.connected()
        each.sees_the_other()
    over.get_by_role("link", name="Go on here").click()
    second.until(second.is_hung_up, "the newer tab hangs up in turn")
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()

    trainee.page.goto("/my/")  # as good as leaving
    trainer.until(lambda: trainer.state() == "waiting", "the other has left")


def test_nobody_else_gets_in_or_reads_a_signal(calling: Journey) -> None:
    """Not who is to talk with the same trainer, not a manager, not the channel team."""
    call = call_now()
    foreign = BookingFactory(trainer=call.trainer)
    member = call.enrolment.member
    others = [
        foreign.trainee,
        MemberFactory(reseller=member.reseller, is_manager=True).user,
        UserFactory(is_staff=True),
    ]
    trainee, trainer = both(calling, call)
    trainee.enter()
    trainee.until(call.presences.exists, "is there")
    tab = str(call.presences.get().tab)

    for user in others:
        stranger = calling.signed_in(user.email)
        opened = stranger.goto(f"/calls/{call.ref}/room/")
        assert opened
        assert opened.status == 404
        assert asked(stranger, call, tab) == {
            "poll": 404,
            "message": 404,
            "leave": 404,
            "agenda": 404,
        }

    assert call.presences.count() == 1
    trainer.enter()
    for each in (trainee, trainer):
        each.connected()
        each.sees_the_other()


def asked(stranger: Page, call: Booking, tab: str) -> dict[str, int]:
    """What each address of the room answers to somebody who knows its words."""
    stranger.goto("/settings/")
    token = json.loads(stranger.locator("body").get_attribute("hx-headers") or "{}")
    words = {"tab": tab, "seen": 0, "messages": 0, "signals": [], "state": {}}
    line = {"key": str(uuid4()), "text": "Hello?"}
    room = f"/calls/{call.ref}/room"
    request = stranger.context.request
    return {
        "poll": request.post(f"{room}/poll/", data=words, headers=token).status,
        "message": request.post(f"{room}/message/", data=line, headers=token).status,
        "leave": request.post(
            f"{room}/leave/", form={"tab": tab}, headers=token
        ).status,
        "agenda": request.get(f"{room}/agenda/").status,
    }


def suspend_trainee(call: Booking) -> None:
    set_active(call.trainee, False, by=UserFactory(is_staff=True))


def remove_trainee(call: Booking) -> None:
    leave(call.enrolment.member, on=call.starts_at.date(), by=None)


def suspend_trainer(call: Booking) -> None:
    set_active(call.trainer.user, False, by=UserFactory(is_staff=True))


def remove_trainer(call: Booking) -> None:
    call.trainer.is_active = False
    call.trainer.save()


@pytest.mark.parametrize(
    ("send_away", "who"),
    [
        (suspend_trainee, "trainee"),
        (remove_trainee, "trainee"),
        (suspend_trainer, "trainer"),
        (remove_trainer, "trainer"),
    ],
)
def test_whoever_is_sent_away_is_hung_up_on(
    calling: Journey, send_away: Callable[[Booking], None], who: str
) -> None:
    """Within 5 seconds: the page that stays asks every 2, and hangs up on the answer.

    On a busy machine a second is no measure: answers are counted. One may have been
    under way.
    """
    call = call_now()
    trainee, trainer = both(calling, call)
    meet(trainee, trainer)
    gone, stays = (trainee, trainer) if who == "trainee" else (trainer, trainee)
    answers: list[Response] = []
    stays.page.on(
        "response", lambda each: answers.append(each) if "/poll/" in each.url else None
    )

    send_away(call)
    answers.clear()
    stays.until(stays.is_hung_up, "hangs up")

    assert len(answers) <= 2
    assert stays.pause_between_polls() < 2.5
    gone.until(gone.is_hung_up, "hangs up too")
    expect(gone.page.locator("#over")).to_be_visible()


def test_a_call_that_is_called_off_ends_for_both(calling: Journey) -> None:
    call = call_now(begun=timedelta(minutes=-5))
    trainee, trainer = both(calling, call)
    meet(trainee, trainer)

    cancel_call(call, by=call.trainer.user, reason="A fire drill.")

    for each in (trainee, trainer):
        each.until(each.is_hung_up, "hangs up")
        expect(each.page.locator("#over")).to_contain_text("The call was cancelled")
