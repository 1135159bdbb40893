"""Where one call is held: the room, the link, and a guest who comes too."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from sessions.handing_over import hand_over
from sessions.models import Booking, BookingState, RoomKind
from sessions.room_kinds import room_of
from sessions.switching import drop_guest, name_guest, use_link, use_room
from tests.factories import BookingFactory, MemberFactory, TrainerFactory, UserFactory

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
TEN = datetime(2026, 6, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LINK = "https://zoom.example.com/j/1"


def at(moment):
    return time_machine.travel(moment, tick=False)


@pytest.fixture
def call(db):
    with at(MONDAY):
        yield BookingFactory(starts_at=TEN)


def now_of(call):
    return Booking.objects.select_related("trainer").get(pk=call.pk)


def mails(call):
    told = Message.objects.filter(key__startswith=f"call:{call.pk}:where:")
    return [(one.recipient, one.dropped_at is None) for one in told.order_by("pk")]


# --- Switching ---------------------------------------------------------------------


def test_trainer_switches_a_call_to_their_link_and_back(call):
    use_link(call, by=call.trainer.user)

    assert room_of(now_of(call)).url(now_of(call)) == call.trainer.room_url

    use_room(call, by=call.trainer.user)

    assert room_of(now_of(call)).kind == RoomKind.ROOM
    verbs = Event.objects.filter(target_id=str(call.pk)).order_by("pk")
    assert list(verbs.values_list("verb", "actor"))[-2:] == [
        ("switched_to_link", call.trainer.user_id),
        ("switched_to_room", call.trainer.user_id),
    ]


def test_switching_again_changes_nothing_and_tells_nobody_twice(call):
    for _time in range(2):
        use_link(call, by=call.trainer.user, room_url=LINK)

    assert now_of(call).room_url == LINK
    assert mails(call) == [(call.trainee, True)]


def test_call_follows_its_trainers_link_unless_it_has_its_own(call):
    use_link(call, by=call.trainer.user, room_url=call.trainer.room_url)

    assert now_of(call).room_url == ""

    use_link(call, by=call.trainer.user, room_url=LINK)

    assert room_of(now_of(call)).url(now_of(call)) == LINK


def test_trainer_without_a_link_types_one_for_this_call(call):
    call.trainer.room_url = ""
    call.trainer.save()

    with pytest.raises(Refused, match="type one for this call"):
        use_link(call, by=call.trainer.user)
    use_link(call, by=call.trainer.user, room_url=LINK)

    assert room_of(now_of(call)).url(now_of(call)) == LINK


@pytest.mark.parametrize(
    "url", ["http://a.example.com", "javascript:1", "https://[::1]/"]
)
def test_link_of_a_call_is_checked_like_any_other(call, url):
    with pytest.raises(Refused):
        use_link(call, by=call.trainer.user, room_url=url)

    assert now_of(call).room_kind == ""


@pytest.mark.parametrize(
    ("minutes", "told"), [(-11, True), (-10, False), (0, False), (79, False)]
)
def test_other_side_is_told_by_mail_unless_the_call_is_right_now(call, minutes, told):
    with at(TEN + minutes * MINUTE):
        use_link(call, by=call.trainer.user)

    assert mails(call) == ([(call.trainee, True)] if told else [])


def test_last_word_alone_is_sent(call):
    use_link(call, by=call.trainer.user)
    with at(MONDAY + MINUTE):
        use_room(call, by=call.trainer.user)

    assert mails(call) == [(call.trainee, False), (call.trainee, True)]
    last = Message.objects.filter(key__startswith=f"call:{call.pk}:where:").last()
    assert "In the room on this site" in last.subject


@pytest.mark.parametrize(
    ("minutes", "allowed"), [(-11, False), (-10, True), (79, True), (80, False)]
)
def test_trainee_reaches_for_the_link_while_the_room_is_open(call, minutes, allowed):
    with at(TEN + minutes * MINUTE):
        if allowed:
            use_link(call, by=call.trainee)
        else:
            with pytest.raises(Refused):
                use_link(call, by=call.trainee)

    assert (now_of(call).room_kind == RoomKind.LINK) == allowed


def test_trainee_gives_no_link_of_their_own_and_never_switches_back(call):
    with at(TEN):
        with pytest.raises(Refused, match="Only the trainer"):
            use_link(call, by=call.trainee, room_url=LINK)
        use_link(call, by=call.trainee)
        with pytest.raises(Refused, match="Only the trainer"):
            use_room(call, by=call.trainee)

    assert now_of(call).room_kind == RoomKind.LINK


@pytest.mark.parametrize("state", [BookingState.CANCELLED, BookingState.MISSED])
def test_call_that_is_off_is_not_switched(call, state):
    missed_by = "trainee" if state == BookingState.MISSED else ""
    Booking.objects.update(state=state, missed_by=missed_by)

    with pytest.raises(Refused, match="is over"):
        use_link(call, by=call.trainer.user)


def test_nobody_else_switches(call):
    for who in (UserFactory(is_staff=True, may_change_people=True), UserFactory()):
        with pytest.raises(Refused, match="Only the two"):
            use_link(call, by=who)


def test_own_link_stays_behind_when_the_call_is_handed_over(call):
    use_link(call, by=call.trainer.user, room_url=LINK)
    colleague = TrainerFactory(
        programmes=[call.enrolment.programme], room_url=LINK + "2"
    )

    hand_over(call, colleague, by=call.trainer.user)

    handed = now_of(call)
    assert (handed.room_kind, handed.room_url) == (RoomKind.LINK, "")
    assert room_of(handed).url(handed) == LINK + "2"


# --- The guest ---------------------------------------------------------------------


@pytest.mark.parametrize("side", ["trainee", "trainer"])
def test_guest_is_named_by_either_and_takes_the_call_to_the_link(call, side):
    by, other = call.trainee, call.trainer.user
    if side == "trainer":
        by, other = other, by

    name_guest(call, by=by, name="  Rosa   Lind ", role="Interpreter")

    named = now_of(call)
    assert (named.guest_name, named.guest_role) == ("Rosa Lind", "Interpreter")
    assert room_of(named).kind == RoomKind.LINK
    assert mails(call) == [(other, True)]
    assert "Rosa Lind comes as well: Interpreter." in Message.objects.last().body


def test_room_never_holds_a_guest(call):
    name_guest(call, by=call.trainee, name="Rosa Lind", role="Interpreter")

    with pytest.raises(Refused, match="The room holds two"):
        use_room(call, by=call.trainer.user)

    assert room_of(now_of(call)).kind == RoomKind.LINK


def test_without_the_guest_the_call_is_where_its_trainer_holds_calls(call):
    name_guest(call, by=call.trainee, name="Rosa Lind", role="Interpreter")

    drop_guest(call, by=call.trainer.user)

    dropped = now_of(call)
    assert (dropped.guest_name, dropped.guest_role, dropped.room_kind) == ("", "", "")


def test_trainer_without_a_link_is_asked_for_one(call):
    call.trainer.room_url = ""
    call.trainer.save()

    name_guest(call, by=call.trainee, name="Rosa Lind", role="Interpreter")

    assert "please type one" in Message.objects.last().body


@pytest.mark.parametrize(("seconds", "allowed"), [(-1, True), (0, False)])
def test_guest_is_named_until_the_call_begins(call, seconds, allowed):
    with at(TEN + timedelta(seconds=seconds)):
        if allowed:
            name_guest(call, by=call.trainee, name="Rosa", role="Interpreter")
        else:
            with pytest.raises(Refused, match="until the call begins"):
                name_guest(call, by=call.trainee, name="Rosa", role="Interpreter")

    assert now_of(call).guest_name == ("Rosa" if allowed else "")


@pytest.mark.parametrize(("name", "role"), [("", "x"), ("x", "  ")])
def test_guest_has_a_name_and_a_reason(call, name, role):
    with pytest.raises(Refused):
        name_guest(call, by=call.trainee, name=name, role=role)


# --- Pages -------------------------------------------------------------------------


def test_call_page_shows_where_and_the_guest_to_the_two_and_staff_alone(client, call):
    manager = MemberFactory(reseller=call.enrolment.member.reseller, is_manager=True)
    name_guest(call, by=call.trainee, name="Rosa Lind", role="Interpreter")
    seen = {}
    for name, user in {
        "trainee": call.trainee,
        "trainer": call.trainer.user,
        "manager": manager.user,
        "staff": UserFactory(is_staff=True),
    }.items():
        client.force_login(user)
        text = client.get(call.get_absolute_url()).text
        seen[name] = ("Rosa Lind" in text, "Outside this site" in text)

    both, neither = (True, True), (False, False)
    assert seen == {
        "trainee": both,
        "trainer": both,
        "manager": neither,
        "staff": both,
    }


def test_refused_link_comes_back_as_it_was_typed(client, call):
    client.force_login(call.trainer.user)

    response = client.post(
        reverse("sessions:use_link", args=[call.ref]), {"room_url": "http://a.example"}
    )

    assert response.status_code == 422
    assert 'value="http://a.example"' in response.text


def test_room_asks_for_the_link_and_is_told_the_way(client, call):
    client.force_login(call.trainee)
    path = reverse("sessions:use_link", args=[call.ref])

    early = client.post(path, headers={"Accept": "application/json"})
    with at(TEN):
        client.force_login(call.trainee)
        response = client.post(path, headers={"Accept": "application/json"})

    assert (early.status_code, "words" in early.json()) == (409, True)
    assert response.json() == {"url": f"/calls/{call.ref}/join/"}


def test_room_sends_both_to_the_link(client, call):
    path = reverse("sessions:room", args=[call.ref])
    with at(TEN):
        use_link(call, by=call.trainer.user, room_url=LINK)
        for user in (call.trainee, call.trainer.user):
            client.force_login(user)
            response = client.get(path, follow=False)
            assert response.url == f"/calls/{call.ref}/join/"
            assert client.get(response.url).url == LINK

    joined = now_of(call)
    assert (joined.trainee_linked_at, joined.trainer_linked_at) == (TEN, TEN)


@pytest.mark.parametrize(("minutes", "leads"), [(-11, False), (0, True)])
def test_form_in_the_room_leads_on_by_a_page_while_the_room_is_open(
    client, call, minutes, leads
):
    """Browsers stop a form whose answer redirects off the site (CSP form-action)."""
    path = reverse("sessions:use_link", args=[call.ref])
    with at(TEN + minutes * MINUTE):
        client.force_login(call.trainer.user)
        response = client.post(path, {"go": "1"})

    way_in = f"/calls/{call.ref}/join/"
    if leads:
        assert response.headers["Refresh"] == f"0; url={way_in}"
        assert f'href="{way_in}"' in response.text
    else:
        assert response.url == call.get_absolute_url()
