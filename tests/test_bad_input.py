"""What people, and machines, send that makes no sense: never a 500, nothing lost.

One round over all addresses, and over every field of every form of ours; what each
rule says to its own bad input stands in that room's tests.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import CertificateState
from content.models import Branding
from content.permissions import grant_channel_team
from courses.checks import start_attempt, submit_attempt
from courses.drafting import begin_draft, fingerprint
from courses.exercises import find_exercise
from lms.mail.models import Message
from lms.people import accounts, inviting
from sessions.models import Booking, BookingState, BookingTopic, Outcome
from sessions.signoff import TopicWord
from sessions.signoff import sign_off as sign_off_call
from tests.checks import as_posted, questions, right_answers
from tests.factories import (
    ApprovalFactory,
    BookingFactory,
    CertificateFactory,
    CompanyIdentityFactory,
    DisputeFactory,
    EditionFactory,
    EnrolmentFactory,
    ErasureFactory,
    EvidenceFactory,
    HandbookPageFactory,
    IdentityProviderFactory,
    InvitationFactory,
    InviteDraftFactory,
    MemberFactory,
    NameCorrectionFactory,
    ProgrammeRequestFactory,
    ResellerFactory,
    TeamFactory,
    TopicCompletionFactory,
    TrainerFactory,
    TransferFactory,
    UserFactory,
)
from tests.seats import Seats

HUGE = "9" * 25  # more than any database keeps in a number
LONG = "x" * 10_000

Ask = Callable[..., int]


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: Any) -> Iterator[SimpleNamespace]:
    """Made once: what a test changes is taken back at its end."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture
def world(made: SimpleNamespace, db: None) -> SimpleNamespace:
    """As it was made, whatever a test before has changed in it."""
    return deepcopy(made)


def make_world() -> SimpleNamespace:
    """Somebody in every role, and one record of each kind."""
    edition = EditionFactory()
    trainer = TrainerFactory(programmes=[edition.programme])
    manager = MemberFactory(is_manager=True)
    enrolment = EnrolmentFactory(
        member=MemberFactory(reseller=manager.reseller), edition=edition
    )
    CertificateFactory(
        enrolment=EnrolmentFactory(member=enrolment.member, completed=True),
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-", "some.pdf"),
        pdf_sha256="0" * 64,
    )
    staff = UserFactory()
    accounts.set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    return SimpleNamespace(
        handbook=HandbookPageFactory(is_acknowledged=True),
        draft=InviteDraftFactory(member=manager),
        edition=edition,
        topic=edition.topics.first().topic,
        enrolment=enrolment,
        member=enrolment.member,
        trainer_record=trainer,
        call=BookingFactory(enrolment=enrolment, trainer=trainer),
        nobody=None,
        trainee=enrolment.member.user,
        manager=manager.user,
        trainer=trainer.user,
        staff=staff,
    )


@pytest.fixture
def ask(client: Any, world: SimpleNamespace, caplog: Any) -> Ask:
    """Ask as somebody of the world, take back what that changed; give the status."""
    client.raise_request_exception = False
    caplog.set_level(logging.CRITICAL, "django.request")
    seats = Seats(client)

    def status(who: str, method: str, url: str, data: Any = None) -> int:
        seats.take(getattr(world, who))
        with transaction.atomic():
            response = getattr(client, method)(url, data or {})
            transaction.set_rollback(True)
        for close in response._resource_closers:  # close() itself ends the connection
            close()
        return int(response.status_code)

    return status


# --- Addresses -------------------------------------------------------------------


@pytest.mark.parametrize("key", ["0", "2147483648", "999999999999999999", HUGE])
def test_key_of_nothing_in_an_address_is_not_found(ask: Ask, world: Any, key: str):
    own = world.enrolment.pk
    addresses = [
        ("manager", "get", f"/team/{key}/"),
        ("manager", "get", f"/team/{key}/teams/"),
        ("manager", "post", f"/team/{key}/leave/"),
        ("manager", "post", f"/team/{key}/remind/"),
        ("manager", "post", f"/team/{key}/away/"),
        ("manager", "post", f"/team/{key}/manager/"),
        ("manager", "get", f"/team/programmes/{key}/"),
        ("manager", "post", f"/team/programmes/{key}/undo/"),
        ("manager", "post", f"/team/requests/{key}/"),
        ("manager", "get", f"/team/invite/{key}/"),
        ("manager", "post", f"/team/invite/{key}/"),
        ("manager", "get", f"/team/invitations/{key}/"),
        ("manager", "post", f"/team/invitations/{key}/"),
        ("staff", "get", f"/team/evidence/{key}/void/"),
        ("trainee", "get", f"/ask/{key}/"),
        ("trainee", "post", f"/ask/{key}/withdraw/"),
        ("staff", "get", f"/standing/{key}/"),
        ("staff", "post", f"/standing/second-person/{key}/"),
        ("staff", "post", f"/standing/names/{key}/"),
        ("staff", "post", f"/standing/addresses/{key}/"),
        ("staff", "post", f"/standing/transfers/{key}/"),
        ("trainee", "post", f"/acknowledge/{key}/"),
        ("trainee", "get", f"/acknowledged/{key}/"),
        ("staff", "get", f"/standing/{key}/handbook/"),
        ("staff", "post", f"/standing/{key}/remind/"),
        ("trainee", "get", f"/documents/{key}/plan.pdf"),
        ("trainee", "get", f"/calls/book/{key}/"),
        ("trainee", "get", f"/calls/book/{key}/ask/"),
        ("trainer", "get", f"/trainer/ready/{key}/"),
        ("staff", "get", f"/standing/trainers/{key}/cannot-work/"),
        ("staff", "post", f"/standing/trainers/{key}/leaving/"),
        ("staff", "get", f"/standing/trainers/{key}/"),
        ("staff", "post", f"/standing/disputes/{key}/"),
        ("trainer", "post", f"/trainer/hours/calendars/{key}/read/"),
        ("trainer", "post", f"/trainer/hours/calendars/{key}/remove/"),
        ("trainee", "post", f"/read/{key}/{world.topic.pk}/"),
        ("trainee", "post", f"/read/{own}/{key}/"),
        ("trainee", "get", f"/as-it-was/{own}/{key}/"),
        ("trainee", "get", f"/as-it-was/{key}/{world.topic.pk}/"),
        ("trainee", "post", f"/practise/{key}/{uuid4()}/"),
        ("trainee", "post", f"/check/{key}/{world.topic.pk}/start/"),
        ("trainee", "post", f"/check/{own}/{key}/start/"),
        ("trainee", "get", f"/check/{key}/"),
        ("trainee", "post", f"/check/{key}/submit/"),
        ("trainee", "get", f"/steps/{key}/{world.topic.pk}/"),
        ("trainee", "get", f"/steps/{own}/{key}/"),
        ("trainee", "post", f"/place/{key}/"),
        ("trainer", "post", f"/calls/{world.call.ref}/checks/{key}/"),
        ("staff", "get", f"/cms/programmes/{key}/publish-edition/"),
        ("staff", "get", f"/cms/programmes/{key}/next-edition/"),
        ("staff", "post", f"/cms/programmes/{key}/next-edition/"),
        ("staff", "get", f"/cms/programmes/{key}/next-edition/people/"),
        ("staff", "get", f"/cms/programmes/{key}/next-edition/progress/"),
        ("staff", "get", f"/cms/users/welcome/{key}/"),
        ("staff", "post", f"/cms/users/second-factors/{key}/"),
        ("nobody", "get", f"/c/by-hash/{key}"),
        *([] if key == "0" else [("nobody", "get", f"/status/{key}")]),
    ]

    answers = {url: ask(who, method, url) for who, method, url in addresses}

    assert answers == {url: 404 for _who, _method, url in addresses}


@pytest.mark.parametrize("word", ["%00", "%22'", "%FF", "a%0Ab", "..%2f..", "x" * 5000])
def test_name_of_nothing_in_an_address_is_not_found(ask: Ask, word: str):
    addresses = [
        ("trainee", "get", f"/calls/{word}/"),
        ("trainee", "get", f"/calls/{word}/join/"),
        ("trainee", "get", f"/calls/{word}/room/"),
        ("trainee", "post", f"/calls/{word}/room/poll/"),
        ("trainee", "post", f"/calls/{word}/room/message/"),
        ("trainee", "post", f"/calls/{word}/room/leave/"),
        ("trainee", "get", f"/calls/offers/{word}/"),
        ("trainee", "post", f"/calls/{word}/wait/"),
        ("trainee", "post", f"/calls/{word}/wait/stop/"),
        ("trainee", "get", f"/calls/{word}/call.ics"),
        ("trainee", "get", f"/calls/{word}/move/"),
        ("trainee", "post", f"/calls/{word}/cancel/"),
        ("trainee", "post", f"/calls/{word}/missed/"),
        ("trainee", "post", f"/calls/{word}/dispute/"),
        ("trainer", "get", f"/calls/{word}/hand-over/"),
        ("trainer", "get", f"/calls/{word}/sign-off/"),
        ("trainer", "post", f"/calls/{word}/sign-off/"),
        ("trainer", "post", f"/calls/{word}/sign-off/undo/"),
        ("trainer", "get", f"/calls/{word}/board/"),
        ("trainer", "post", f"/calls/{word}/board/1/"),
        ("trainer", "post", f"/calls/{word}/extend/"),
        ("trainee", "post", f"/calls/{word}/question/"),
        ("trainee", "post", f"/calls/{word}/feedback/"),
        ("trainer", "get", f"/calls/{word}/correct/"),
        ("trainee", "get", f"/calls/{word}/room/agenda/"),
        ("trainer", "get", f"/calls/{word}/checks/"),
        ("trainer", "post", f"/calls/{word}/checks/1/"),
        ("nobody", "get", f"/calendar/{word}.ics"),
        ("trainee", "get", f"/certificates/{word}/"),
        ("trainee", "get", f"/certificates/{word}/pdf/"),
        ("trainee", "get", f"/certificates/{word}/credential.json"),
        ("staff", "get", f"/certificates/design/styles/{word}/"),
        ("staff", "get", f"/certificates/design/fonts/{word}/"),
        ("staff", "get", f"/certificates/design/sample/{word}/"),
        ("nobody", "get", f"/c/{word}"),
        ("nobody", "get", f"/c/{word}/credential.json"),
        ("nobody", "get", f"/c/{word}/badge.png"),
        ("nobody", "post", f"/c/{word}/name"),
        ("nobody", "get", f"/c/by-hash/{word}"),
        ("nobody", "get", f"/status/{word}"),
        ("nobody", "get", f"/join/{word}/"),
        ("nobody", "get", f"/welcome/{word}/"),
        ("nobody", "get", f"/notices/off/{word}/"),
        ("nobody", "post", f"/notices/off/{word}/"),
        ("nobody", "get", f"/mail-came/{word}/"),
        ("nobody", "post", f"/mail-came/{word}/"),
        ("trainee", "get", f"/media/{word}"),
        ("trainee", "get", f"/documents/1/{word}"),
        ("trainee", "get", f"/{word}/"),
        ("trainee", "get", f"/programmes/{word}/"),
        ("trainee", "post", f"/practise/1/{word}/"),
    ]

    answers = {url: ask(who, method, url) for who, method, url in addresses}

    assert answers == {url: 404 for _who, _method, url in addresses}


# --- What stands behind the question mark ----------------------------------------

PICKING = ["picked", "topics", "trainer", "language", "zone", "day", "call", "start"]
TYPED = ["any_hours", "other_date", "other_time"]
MOVING = ["picked", "trainer", "zone", "day", "start", "any_hours"]
MOVING += ["other_date", "other_time"]
MATRIX = ["q", "page", "team", "reseller", "state", "sort", "format"]
LISTS = [
    ("trainee", "/search/", ["q", "kind", "tag"]),
    ("manager", "/team/", MATRIX),
    ("manager", "/team/calls/", ["q", "page", "when", "programme", "format"]),
    ("manager", "/team/add/", ["members"]),
    (
        "manager",
        "/team/invitations/",
        ["q", "reseller", "state", "sort", "page", "format"],
    ),
    ("manager", "/team/invite/{draft}/", ["show", "page"]),
    ("staff", "/team/invite/", ["reseller"]),
    ("manager", "/team/invite/", ["reseller"]),
    ("manager", "/team/left/", ["q", "page", "format"]),
    ("manager", "/team/who-had-to/", [*MATRIX, "on", "programme"]),
    ("staff", "/standing/{reseller}/", MATRIX),
    ("staff", "/standing/", ["format"]),
    ("staff", "/standing/addresses/", ["page"]),
    ("manager", "/team/handbook/", ["q", "page", "reseller", "state", "format"]),
    (
        "staff",
        "/standing/{reseller}/handbook/",
        ["q", "page", "reseller", "state", "format"],
    ),
    ("staff", "/standing/handbook/", ["format"]),
    (
        "staff",
        "/standing/log/",
        ["q", "person", "side", "verb", "kind", "since", "until", "where", "before"],
    ),
    ("staff", "/standing/log/", ["format"]),
    ("trainee", "/settings/log/", ["before"]),
    ("trainee", "/calls/", ["page"]),
    ("trainee", "/calls/book/{enrolment}/", PICKING),
    ("trainer", "/trainer/ready/{enrolment}/", [*PICKING, *TYPED]),
    ("trainee", "/calls/{call}/move/", MOVING),
    ("trainer", "/calls/{call}/move/", MOVING),
    ("trainer", "/trainer/ready/", ["page", "q", "programme"]),
    ("trainer", "/trainer/load/", ["format"]),
    ("trainer", "/trainer/cannot-work/", ["first", "last"]),
    ("staff", "/standing/trainers/", ["format"]),
    ("trainer", "/trainer/week/", ["day"]),
    ("trainer", "/trainer/hours/calls/", ["start", "end"]),
    ("trainer", "/trainer/hours/preview/", ["programme", "minutes", "zone", "day"]),
    ("manager", "/certificates/team/", ["q", "programme", "page", "format"]),
    ("nobody", "/c/", ["serial"]),
    ("nobody", "/accounts/login/", ["next"]),
    ("staff", "/cms/pages/", ["q", "p"]),
    ("staff", "/cms/pages/{topic}/", ["q", "p"]),
    ("staff", "/cms/pages/search/", ["q", "p"]),
    ("staff", "/cms/choose-page/search/", ["q"]),
    ("staff", "/cms/images/", ["q", "p"]),
    ("staff", "/cms/images/chooser/results/", ["q"]),
    ("staff", "/cms/documents/", ["q", "p"]),
    ("staff", "/cms/reseller/", ["q", "p"]),
    ("staff", "/cms/invitation/", ["q", "p"]),
    ("staff", "/cms/trainer/", ["q", "p"]),
    ("staff", "/cms/users/", ["q", "p"]),
    ("staff", "/cms/tag/", ["q", "p"]),
    ("staff", "/cms/tag-autocomplete/", ["term"]),
    ("staff", "/cms/tag-autocomplete/content/tag/", ["term"]),
    ("staff", "/cms/documents/chooser/results/", ["q"]),
    ("staff", "/cms/reports/site-history/", ["label", "p"]),
]


def address_in(world: Any, address: str) -> str:
    return address.format(
        reseller=world.member.reseller.pk,
        enrolment=world.enrolment.pk,
        call=world.call.ref,
        topic=world.topic.pk,
        draft=world.draft.pk,
    )


@pytest.mark.parametrize(("who", "address", "names"), LISTS)
def test_list_opens_whatever_is_asked_of_it(
    ask: Ask, world: Any, who: str, address: str, names: list[str]
):
    url = address_in(world, address)
    values = ["a\"'", "a\x00b", LONG, HUGE, "-1"]

    answers = [ask(who, "get", url, dict.fromkeys(names, value)) for value in values]

    assert answers == [200] * len(values)


@pytest.mark.parametrize("number", ["0", "-1", "x", "", "7", HUGE, "\x00"])
@pytest.mark.parametrize(
    ("who", "url"),
    [
        ("manager", "/team/"),
        ("manager", "/team/handbook/"),
        ("manager", "/team/invitations/"),
        ("manager", "/certificates/team/"),
        ("trainer", "/trainer/ready/"),
        ("trainee", "/calls/"),
    ],
)
def test_unknown_page_number_shows_the_nearest(
    ask: Ask, who: str, url: str, number: str
):
    assert ask(who, "get", url, {"page": number}) == 200


# --- Forms -----------------------------------------------------------------------

WHO_AND_WHEN = {"full_name": "Ann Lee", "time_zone": "Europe/London"}


def link_in_last_mail(way: str) -> str:
    found = re.search(rf"/{way}/\S+", Message.objects.latest("pk").body)
    assert found is not None
    return found[0]


def invitation(world: Any) -> tuple[str, str, dict[str, Any]]:
    inviting.invite(
        "new@example.com",
        "New",
        ResellerFactory(),
        teams=[TeamFactory()],
        engagement="employee",
        is_manager=False,
        by=None,
    )
    words = WHO_AND_WHEN | {"password": "correct horse battery"}
    return "nobody", link_in_last_mail("join"), words


def welcome(world: Any) -> tuple[str, str, dict[str, Any]]:
    person = accounts.make_person(
        "ann@example.com", "Ann", time_zone="Europe/London", by=None
    )
    accounts.send_welcome(person)
    words = WHO_AND_WHEN | {"password": "correct horse battery"}
    return "nobody", link_in_last_mail("welcome"), words


def sign_in(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"login": world.trainee.email, "password": "wrong", "next": "/my/"}
    return "nobody", reverse("account_login"), words


def new_password(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "nobody", reverse("account_reset_password"), {"email": "a@example.com"}


def settings(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "trainee", reverse("people:settings"), WHO_AND_WHEN | {"call_needs": ""}


def marking_as_left(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:leave", args=[world.member.pk])
    return "manager", url, {"on": f"{now():%Y-%m-%d}", "do": "leave"}


def making_a_manager(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:manager", args=[world.member.pk])
    return "manager", url, {"is_manager": "yes"}


def reminding_the_late(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "manager", reverse("dashboards:remind_late"), {"q": "", "state": "overdue"}


def reminding_the_late_of_a_reseller(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:remind_late_of", args=[world.member.reseller_id])
    return "staff", url, {"q": "", "state": "overdue"}


def turning_notices_off(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "trainee", reverse("people:notices"), {"off": "reminder", "on": "overdue"}


def ending_a_sign_in(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "trainee", reverse("people:end_sign_in"), {"sign_in": ""}


def planning_an_end(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:leave", args=[world.member.pk])
    return "manager", url, {"until_on": "2040-01-01", "do": "plan"}


def being_away(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:away", args=[world.member.pk])
    words = {"first": f"{now():%Y-%m-%d}", "last": f"{now():%Y-%m-%d}", "do": ""}
    return "trainee", url, words


def asking_for_a_name(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"full_name": "Ann Other", "why": "A slip", "do": ""}
    return "trainee", reverse("people:correct_name"), words


def answering_a_name(world: Any) -> tuple[str, str, dict[str, Any]]:
    asked = NameCorrectionFactory(user=world.trainee)
    url = reverse("dashboards:answer_name", args=[asked.pk])
    return "staff", url, {"do": "no", "answer": "It is the same"}


def own_address(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"email": "mine@example.com", "do": ""}
    return "trainee", reverse("people:own_address"), words


def company_sign_in(world: Any) -> tuple[str, str, dict[str, Any]]:
    linked = CompanyIdentityFactory(user=world.trainee)
    words = {"provider": linked.provider_id, "do": "unlink"}
    return "trainee", reverse("people:company_sign_in"), words


def address_of_who_left(world: Any) -> tuple[str, str, dict[str, Any]]:
    left = MemberFactory(left_on=now().date())
    url = reverse("dashboards:set_address", args=[left.user_id])
    return "staff", url, {"email": "mine@example.com"}


def answering_a_transfer(world: Any) -> tuple[str, str, dict[str, Any]]:
    asked = TransferFactory()
    url = reverse("dashboards:answer_transfer", args=[asked.pk])
    return "staff", url, {"do": "yes", "answer": ""}


def confirming_ones_name(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"name": world.trainee.full_name, "next": "/my/"}
    return "trainee", reverse("people:confirm_name"), words


def typing(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "nobody", reverse("people:letters"), {"full_name": "Ann"}


def switch(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "trainee", reverse("people:switch"), {"member": world.member.pk}


def confirming(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("content:acknowledge", args=[world.handbook.pk])
    return "trainee", url, {"version": 1}


def booking(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {
        "picked": "1",
        "topics": [world.edition.topics.last().pk],
        "trainer": world.trainer_record.pk,
        "zone": "Europe/London",
        "day": "2030-01-01",
        "start": "2030-01-01T10:00Z",
        "request_key": str(uuid4()),
    }
    return "trainee", reverse("sessions:book", args=[world.enrolment.pk]), words


def scheduling(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:schedule", args=[world.enrolment.pk])
    words = booking(world)[2] | {"do": "propose", "any_hours": "1"}
    return "trainer", url, words


def week_of_hours(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = dict.fromkeys(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "9-12")
    return "trainer", reverse("sessions:hours"), words | {"part": "week"}


def asking(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"weekdays": ["0"], "parts": ["morning"], "zone": "UTC", "note": "x"}
    url = reverse("sessions:ask", args=[world.enrolment.pk])
    return "trainee", url, words | {"answer": ""}


def answering(world: Any) -> tuple[str, str, dict[str, Any]]:
    proposal = BookingFactory(
        enrolment=world.enrolment,
        trainer=world.trainer_record,
        state=BookingState.PROPOSED,
        offer=uuid4(),
    )
    url = reverse("sessions:offer", args=[proposal.offer])
    return "trainee", url, {"take": proposal.ref, "answer": "", "line": ""}


def withdrawing(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = answering(world)[1]
    return "trainer", url, {"take": "", "answer": "withdraw", "line": ""}


def time_off(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"part": "off", "first": "2030-01-01", "first_time": "09:00"}
    words |= {"last": "2030-01-02", "last_time": "10:00", "title": "Away"}
    return "trainer", reverse("sessions:hours"), words


def other_hours(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"part": "other", "day": "2030-01-01", "times": "9-12"}
    return "trainer", reverse("sessions:hours"), words


def extra_hours(world: Any) -> tuple[str, str, dict[str, Any]]:
    who, url, words = other_hours(world)
    return who, url, words | {"part": "extra"}


def taking_back(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "trainer", reverse("sessions:hours"), {"part": "reopen", "event": 1}


def calls_outside(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"act": "hand", "call": world.call.ref, "to": world.trainer_record.pk}
    return "trainer", reverse("sessions:hours_calls"), words


def trainers_zone(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"part": "zone", "time_zone": "Europe/Berlin"}
    return "trainer", reverse("sessions:hours"), words


def trainers_room(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"part": "room", "room_kind": "room", "room_url": "https://a.example.com"}
    return "trainer", reverse("sessions:hours"), words


def trainers_rules(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"part": "rules", "rest_minutes": 10, "notice_hours": 24, "day_cap": 3}
    words |= {"horizon_days": 56, "week_cap": 9, "languages": ["en"]}
    return "trainer", reverse("sessions:hours"), words


def cancelling(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:cancel", args=[world.call.ref])
    return "trainee", url, {"cause": "plans", "reason": "x"}


def to_the_link(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:use_link", args=[world.call.ref])
    return "trainer", url, {"room_url": "https://zoom.example.com/j/1"}


def naming_a_guest(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:name_guest", args=[world.call.ref])
    return "trainee", url, {"name": "Rosa Lind", "role": "Interpreter"}


def moving(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {
        "picked": "1",
        "start": "2026-01-01T09:00Z",
        "trainer": world.trainer_record.pk,
        "zone": "Europe/London",
        "cause": "plans",
        "any_hours": "1",
    }
    return "trainee", reverse("sessions:move", args=[world.call.ref]), words


def handing_over(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:hand_over", args=[world.call.ref])
    return "trainer", url, {"to": "nobody", "reason": "x"}


def disputing(world: Any) -> tuple[str, str, dict[str, Any]]:
    missed = BookingFactory(
        enrolment=world.enrolment,
        trainer=world.trainer_record,
        state=BookingState.MISSED,
    )
    return "trainee", reverse("sessions:dispute", args=[missed.ref]), {"text": "x"}


def answering_a_check(world: Any) -> tuple[str, str, dict[str, Any]]:
    world.topic.questions = questions()
    world.topic.save()
    attempt = start_attempt(world.enrolment, world.topic)
    url = reverse("courses:submit_check", args=[attempt.pk])
    return "trainee", url, as_posted(attempt, right_answers(attempt))


def failed_check(world: Any) -> str:
    world.topic.questions, world.topic.attempts_allowed = questions(1), 1
    world.topic.save()
    submit_attempt(start_attempt(world.enrolment, world.topic), {})
    args = [world.call.ref, world.topic.pk]
    return reverse("sessions:help_with_check", args=args)


def passing_a_check(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "trainer", failed_check(world), {"do": "pass", "note": "x"}


def giving_attempts(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "trainer", failed_check(world), {"do": "give", "count": 1, "note": "x"}


def sign_off(world: Any) -> tuple[str, str, dict[str, Any]]:
    over = BookingFactory(
        enrolment=world.enrolment,
        trainer=world.trainer_record,
        starts_at=now() - timedelta(minutes=30),
    )
    topic = over.topics.get().pk
    words = {f"outcome-{topic}": "again", f"note-{topic}": "", f"private-{topic}": ""}
    words[f"criteria-{topic}"] = []
    return "trainer", reverse("sessions:sign_off", args=[over.ref]), words


def typing_on_the_board(world: Any) -> tuple[str, str, dict[str, Any]]:
    _who, _url, words = sign_off(world)
    topic = BookingTopic.objects.latest("pk")
    url = reverse("sessions:board_topic", args=[topic.booking.ref, topic.pk])
    words |= {f"base-{topic.pk}": str(uuid4()), "writer": str(uuid4()), "number": 1}
    return "trainer", url, words


def extending(world: Any) -> tuple[str, str, dict[str, Any]]:
    begun = BookingFactory(
        enrolment=world.enrolment, trainer=world.trainer_record, starts_at=now()
    )
    words = {"ends_at": f"{begun.ends_at + timedelta(minutes=15):%Y-%m-%dT%H:%MZ}"}
    return "trainer", reverse("sessions:extend", args=[begun.ref]), words


def asking_in_a_call(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:question", args=[world.call.ref])
    return "trainee", url, {"question": "Whom do I tell first?"}


def signed_off(world: Any) -> Booking:
    sign_off(world)
    topic = BookingTopic.objects.latest("pk")
    call = topic.booking
    said = TopicWord(topic, Outcome.COVERED)
    signed_at = now() - timedelta(hours=1)
    return sign_off_call(call, [said], by=call.trainer.user, at=signed_at)


def saying_how_it_was(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:give_feedback", args=[signed_off(world).ref])
    return "trainee", url, {"rating": "4", "missing": "Time."}


def taking_back_a_sign_off(world: Any) -> tuple[str, str, dict[str, Any]]:
    call = signed_off(world)
    url = reverse("sessions:correct", args=[call.ref])
    return "trainer", url, {"topic": call.topics.get().pk, "why": "By mistake."}


def cannot_work(world: Any) -> tuple[str, str, dict[str, Any]]:
    today = f"{now():%Y-%m-%d}"
    words = {"first": today, "last": today, "reason": "Ill"}
    return "trainer", reverse("sessions:cannot_work"), words


def leaving(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"act": "hand", "call": world.call.ref, "to": world.trainer_record.pk}
    url = reverse("sessions:leaving", args=[world.trainer_record.pk])
    return "staff", url, words


def leaving_the_room(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:leave_room", args=[world.call.ref])
    return "trainee", url, {"tab": str(uuid4())}


def settling(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("sessions:settle", args=[DisputeFactory().pk])
    return "staff", url, {"upheld": "yes", "answer": "They were there."}


def outside_calendar(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"name": "Private", "url": "https://calendar.example.com/ann.ics"}
    return "trainer", reverse("sessions:calendars"), words


def teams(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:teams", args=[world.member.pk])
    return "manager", url, {"teams": [TeamFactory().pk]}


def closing_a_gap(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:need", args=[world.enrolment.programme.slug])
    return "manager", url, {"do": "trainers"}


def adding(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"members": [world.member.pk], "programme": EditionFactory().programme.pk}
    return "manager", reverse("dashboards:add"), words | {"due_on": "2099-01-01"}


def pasting(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"text": "new@example.com", "teams": [TeamFactory().pk]}
    words |= {"reseller": world.member.reseller.pk, "engagement": "employee"}
    return "manager", reverse("people:invite"), words | {"until_on": "2099-01-01"}


def mending_a_list(world: Any) -> tuple[str, str, dict[str, Any]]:
    names = ["email", "name", "teams", "company", "engagement", "until"]
    words: dict[str, Any] = {f"{name}-1": "x@example.com" for name in names}
    words |= {"line": "1", "out": "2", "do": "look", "go": "fix:1"}
    words |= {"all-reseller": world.member.reseller.pk, "all-until_on": ""}
    words |= {"all-teams": [TeamFactory().pk], "all-engagement": "employee"}
    return "manager", reverse("people:invite_list", args=[world.draft.pk]), words


def choosing_invitations(world: Any) -> tuple[str, str, dict[str, Any]]:
    one = InvitationFactory(reseller=world.member.reseller)
    words = {"invitations": [one.pk], "do": "again", "all": "on"}
    return "manager", reverse("people:invitations"), words


def correcting_an_invitation(world: Any) -> tuple[str, str, dict[str, Any]]:
    one = InvitationFactory(reseller=world.member.reseller)
    words = pasting(world)[2] | {"email": "ann@example.com", "full_name": "Ann"}
    del words["text"]
    url = reverse("people:invitation", args=[one.pk])
    return "manager", url, words | {"do": "correct"}


def due_date(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:enrolment", args=[world.enrolment.pk])
    return "manager", url, {"do": "due", "due_on": "2099-01-01"}


def taking_out(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "manager", due_date(world)[1], {"do": "remove", "why": "x"}


def exempting(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"do": "exempt", "why": "x", "whole": "on", "topics": []}
    return "staff", due_date(world)[1], words


def voiding(world: Any) -> tuple[str, str, dict[str, Any]]:
    evidence = EvidenceFactory(enrolment=world.enrolment)
    return "staff", reverse("dashboards:void", args=[evidence.pk]), {"why": "x"}


def answering_an_erasure(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("privacy:answer", args=[ErasureFactory().pk])
    return "staff", url, {"do": "refuse", "why": "Not now."}


def asking_for_a_programme(world: Any) -> tuple[str, str, dict[str, Any]]:
    programme = EditionFactory().programme
    return "trainee", reverse("courses:ask", args=[programme.pk]), {"note": "x"}


def answering_a_request(world: Any) -> tuple[str, str, dict[str, Any]]:
    asked = ProgrammeRequestFactory(
        member=world.member, programme=EditionFactory().programme
    )
    url = reverse("dashboards:answer", args=[asked.pk])
    return "manager", url, {"do": "grant", "answer": "x", "due_on": "2099-01-01"}


def ending_a_certificate(world: Any) -> tuple[str, str, dict[str, Any]]:
    enrolment = world.member.enrolments.get(completed_at__isnull=False)
    for asked in enrolment.edition.topics.all():
        TopicCompletionFactory(enrolment=enrolment, topic=asked.topic)
    serial = enrolment.certificates.get()
    words = {"do": "revoked", "revoked-reason": "other", "revoked-why": "x"}
    return "staff", reverse("certificates:manage", args=[serial]), words


def deciding_as_a_second_person(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("dashboards:decide_on", args=[ApprovalFactory().pk])
    return "staff", url, {"do": "decline", "answer": "x"}


def adding_a_reseller(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"name": "New", "parent": world.member.reseller.pk}
    words |= {"approved_on": "2020-01-01", "full_name": "Ann Lee"}
    url = reverse("dashboards:add_reseller")
    return "staff", url, words | {"email": "ann@example.com"}


def correcting_a_name(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"do": "correct", "full_name": "Ann Lee", "why": "x", "others": "on"}
    return "staff", ending_a_certificate(world)[1], words


def hiding_ones_name(world: Any) -> tuple[str, str, dict[str, Any]]:
    enrolment = world.member.enrolments.get(completed_at__isnull=False)
    serial = enrolment.certificates.get()
    return "trainee", reverse("certificates:share", args=[serial]), {"name": "hide"}


def pack(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "manager", reverse("certificates:pack"), {"serial": ["0" * 13]}


def auditing(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"day": "2026-03-01", "top": world.member.reseller.pk}
    return "manager", reverse("certificates:audits"), words


def stating(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"reseller": world.member.reseller.pk}
    return "manager", reverse("certificates:statements"), words


def practising(world: Any) -> tuple[str, str, dict[str, Any]]:
    categories = [
        {"name": name, "items": [{"text": f"A {name}"}]} for name in ("cat", "dog")
    ]
    world.topic.body = [("sort", {"title": "Try", "categories": categories})]
    world.topic.save()
    world.topic.refresh_from_db()
    exercise = find_exercise(world.topic, world.topic.body[0].id)
    assert exercise is not None
    url = reverse("courses:practise", args=[world.topic.pk, exercise.key])
    return "trainee", url, {ask.field: ask.options[0].key for ask in exercise.asks}


def cms_reseller(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"name": "New", "parent": world.member.reseller.pk}
    words |= {"approved_on": "2020-01-01", "ended_on": ""}
    return "staff", reverse("reseller:add"), words


COMPANY_SIGN_IN = {
    "issuer": "https://login.example.com",
    "client_id": "us",
    "client_secret": "very secret",
    "is_enabled": "on",
}


def cms_company_sign_in(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = COMPANY_SIGN_IN | {"reseller": world.member.reseller_id}
    return "staff", reverse("identityprovider:add"), words


def cms_company_sign_in_again(world: Any) -> tuple[str, str, dict[str, Any]]:
    made = IdentityProviderFactory(reseller=world.member.reseller)
    words = COMPANY_SIGN_IN | {"reseller": made.reseller_id}
    return "staff", reverse("identityprovider:edit", args=[made.pk]), words


def cms_invitation(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"full_name": "Ann Lee", "email": "ann@example.com"}
    words |= {"engagement": "employee", "reseller": world.member.reseller.pk}
    return "staff", reverse("invitation:add"), words | {"teams": [TeamFactory().pk]}


def cms_trainer(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = WHO_AND_WHEN | {
        "email": "ann@example.com",
        "programmes": [world.edition.programme.pk],
        "room_kind": "room",
        "room_url": "https://meet.example.com/ann",
        "weekly_hours": "Mon 09:00-12:00",
    }
    return "staff", reverse("trainer:add"), words


def cms_trainers_rules(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = cms_trainer(world)[2] | {
        "is_active": "on",
        "rest_minutes": 10,
        "notice_hours": 24,
        "horizon_days": 56,
        "day_cap": "",
        "week_cap": "",
    }
    return "staff", reverse("trainer:edit", args=[world.trainer_record.pk]), words


def cms_colleague(world: Any) -> tuple[str, str, dict[str, Any]]:
    words = {"full_name": "Ann Lee", "email": "ann@example.com"}
    return "staff", reverse("wagtailusers_users:add"), words


def cms_person(world: Any) -> tuple[str, str, dict[str, Any]]:
    url = reverse("wagtailusers_users:edit", args=[world.trainee.pk])
    return "staff", url, {"full_name": "Ann Lee", "is_active": "on"}


def cms_tag(world: Any) -> tuple[str, str, dict[str, Any]]:
    return "staff", reverse("tag:add"), {"name": "Price lists"}


def cms_branding(world: Any) -> tuple[str, str, dict[str, Any]]:
    site = world.topic.get_site()
    Branding.objects.create(site=site)
    url = reverse("wagtailsettings:edit", args=["content", "branding", site.pk])
    return "staff", url, {"accent": "#0b6078", "training_email": "a@example.com"}


def cms_next_edition(world: Any) -> tuple[str, str, dict[str, Any]]:
    draft = begin_draft(world.edition.programme, by=None)
    words = {"do": "save", "seen": fingerprint(draft), "summary": "New queues."}
    words |= {"redo_days": 60, "renewal": "all", "effective_on": "2030-01-01"}
    words |= {"changed": [world.topic.pk], "left_out": [world.topic.pk]}
    url = reverse("courses_next_edition", args=[world.edition.programme_id])
    return "staff", url, words


FORMS = [
    sign_in,
    new_password,
    invitation,
    welcome,
    settings,
    typing,
    marking_as_left,
    making_a_manager,
    reminding_the_late,
    reminding_the_late_of_a_reseller,
    turning_notices_off,
    ending_a_sign_in,
    asking_for_a_name,
    answering_a_name,
    answering_a_transfer,
    own_address,
    company_sign_in,
    address_of_who_left,
    planning_an_end,
    being_away,
    confirming_ones_name,
    switch,
    confirming,
    booking,
    scheduling,
    week_of_hours,
    time_off,
    other_hours,
    extra_hours,
    taking_back,
    calls_outside,
    trainers_room,
    trainers_zone,
    trainers_rules,
    asking,
    answering,
    withdrawing,
    cancelling,
    to_the_link,
    naming_a_guest,
    moving,
    handing_over,
    disputing,
    answering_a_check,
    passing_a_check,
    giving_attempts,
    sign_off,
    typing_on_the_board,
    extending,
    asking_in_a_call,
    saying_how_it_was,
    taking_back_a_sign_off,
    cannot_work,
    leaving,
    settling,
    leaving_the_room,
    outside_calendar,
    teams,
    closing_a_gap,
    adding,
    pasting,
    mending_a_list,
    choosing_invitations,
    correcting_an_invitation,
    due_date,
    taking_out,
    exempting,
    voiding,
    asking_for_a_programme,
    answering_a_request,
    answering_an_erasure,
    ending_a_certificate,
    deciding_as_a_second_person,
    adding_a_reseller,
    correcting_a_name,
    hiding_ones_name,
    pack,
    auditing,
    stating,
    practising,
    cms_reseller,
    cms_company_sign_in,
    cms_company_sign_in_again,
    cms_invitation,
    cms_trainer,
    cms_trainers_rules,
    cms_colleague,
    cms_person,
    cms_branding,
    cms_tag,
    cms_next_edition,
]


@pytest.mark.parametrize("form", FORMS)
def test_form_answers_anything_in_any_field(ask: Ask, world: Any, form: Any):
    who, url, words = form(world)
    as_meant = ask(who, "post", url, words)
    wrong = {}

    for field in words:
        for value in ("a\x00\"'", LONG, HUGE):
            got = ask(who, "post", url, words | {field: value})
            if got not in (200, 302, 404, 409, 422):
                wrong[field, value[:9]] = got

    assert as_meant in (200, 204, 302, 409)  # the form was reached
    assert wrong == {}
