"""The log as pages: staff search all of it, a person reads their own part."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from lms.audit import chain
from lms.audit.log import record
from lms.audit.models import NOT_TOLD, Event
from lms.dashboards import log
from lms.people.access import Access
from tests.factories import (
    BookingFactory,
    CertificateFactory,
    EnrolmentFactory,
    EventFactory,
    EventValuesFactory,
    EvidenceFactory,
    MemberFactory,
    ResellerFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Any:
    """One of the channel team, signed in, who has just read the log."""
    staff = UserFactory(is_staff=True, full_name="Stella Staff")
    client.force_login(staff)
    record(staff, "read_log", staff)
    return staff


def found(client: Client, **query: object) -> set[Event]:
    """What the page shows, but what reading it wrote itself."""
    response = client.get(reverse("dashboards:log"), query)
    events = {line.event for line in response.context["lines"]}
    return {event for event in events if event.verb not in {"read_log", "looked_at"}}


# --- The whole log --------------------------------------------------------------


@pytest.mark.parametrize("events", [1, 3])
def test_log_asks_as_often_for_many_events(
    client: Client, staff: Any, django_assert_num_queries: Any, events: int
) -> None:
    EventFactory.create_batch(events, about=UserFactory())
    client.get(reverse("dashboards:log"))

    # Session, user; whether it was read just now; events, the chain; roles, branding.
    with django_assert_num_queries(7):
        response = client.get(reverse("dashboards:log"))

    assert len(response.context["lines"]) == events + 1


def test_log_is_found_by_person(client: Client, staff: Any) -> None:
    anna, ben = UserFactory(full_name="Anna Berg"), UserFactory(full_name="Ben Dahl")
    by_anna = EventFactory(actor=anna, about=ben)
    to_anna = EventFactory(actor=ben, about=anna)
    by_herself = EventFactory(actor=anna, about=anna)
    EventFactory(actor=ben, about=ben)

    assert found(client, q="anna b") == {by_anna, to_anna, by_herself}
    assert found(client, q=anna.email) == {by_anna, to_anna, by_herself}
    assert found(client, person=anna.pk) == {by_anna, to_anna, by_herself}
    assert found(client, q="anna", side="actor") == {by_anna, by_herself}
    assert found(client, q="anna", side="about") == {to_anna, by_herself}
    assert found(client, q="nobody like this") == set()


def test_log_is_found_by_what_was_done_to_what(client: Client, staff: Any) -> None:
    joined = EventFactory(verb="joined", target_type="people.Member")
    call = EventFactory(verb="joined", target_type="training_sessions.Booking")
    left = EventFactory(verb="left", target_type="people.Member")

    assert found(client, verb="left") == {left}
    assert found(client, verb="joined training_sessions.Booking") == {call}
    assert found(client, kind="people.Member") == {joined, left}
    assert found(client, kind="people.Member", verb="joined") == {joined}


def test_log_is_found_by_day_of_the_readers_zone(client: Client, staff: Any) -> None:
    staff.time_zone = "Asia/Tokyo"
    staff.save()
    start = now().replace(year=2026, month=3, day=1, hour=15, minute=0, second=0)
    start = start.replace(microsecond=0)  # 2 March begins in Tokyo
    _before, first, last, _after = (
        EventFactory(at=start + timedelta(microseconds=offset))
        for offset in (-1, 0, 86_400_000_000 - 1, 86_400_000_000)
    )

    assert found(client, since="2026-03-02", until="2026-03-02") == {first, last}


def test_log_is_found_by_where(client: Client, staff: Any) -> None:
    phone = EventFactory(address="192.0.2.1", agent="Safari on iOS", request="aa")
    clock = EventFactory(actor=None, system="clock")
    EventFactory(address="192.0.2.10", agent="Edge on Windows", request="bb")

    assert found(client, where="192.0.2.1") == {phone}
    assert found(client, where="safari") == {phone}
    assert found(client, where="aa") == {phone}
    assert found(client, where="Clock") == {clock}


def test_log_is_read_page_by_page(
    client: Client, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PAGE_SIZE", 2)
    at = now() - timedelta(days=2)  # in no zone a day that reaches to now
    events = [EventFactory(at=at, about=UserFactory()) for _n in range(5)]
    url: Any = f"{reverse('dashboards:log')}?until={at + timedelta(hours=12):%Y-%m-%d}"
    pages = []

    while url:
        response = client.get(url)
        pages.append([line.event for line in response.context["lines"]])
        older = response.context["page"].older
        url = older and f"{reverse('dashboards:log')}?before={older}"

    events.reverse()
    assert pages == [events[:2], events[2:4], events[4:]]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_an_event_by_and_about_somebody_is_shown_once(
    client: Client, staff: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(log, "PAGE_SIZE", size)
    anna = UserFactory()
    events = EventFactory.create_batch(3, actor=anna, about=anna)
    looks = [*events]
    before, seen = "", []

    while True:
        page = client.get(
            reverse("dashboards:log"), {"person": anna.pk, "before": before}
        ).context["page"]
        seen += [event for event in page.events if event in looks]
        if page.older is None:
            break
        before = str(page.older)

    assert seen == events[::-1]


def test_reading_the_log_is_logged_once_an_hour_and_each_person_looked_for(
    client: Client,
) -> None:
    staff, anna = UserFactory(is_staff=True), UserFactory()
    client.force_login(staff)

    for _n in range(2):
        client.get(reverse("dashboards:log"), {"person": anna.pk})

    written = Event.objects.order_by("pk").values_list("verb", "actor", "about")
    assert list(written) == [
        ("read_log", staff.pk, staff.pk),
        ("looked_at", staff.pk, anna.pk),
    ]


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_the_file_holds_what_is_found_and_is_logged(
    client: Client, staff: Any, file_type: str
) -> None:
    about = UserFactory(full_name="=1+1")
    EventFactory(actor=None, system="clock", verb="left", about=about)
    EventFactory(verb="joined")

    response = client.get(
        reverse("dashboards:log"), {"format": file_type, "verb": "left"}
    )

    assert Event.objects.filter(verb="took_log", actor=staff).count() == 1
    assert f'filename="log.{file_type}"' in response["Content-Disposition"]
    if file_type == "csv":
        rows = list(csv.reader(StringIO(response.content.decode("utf-8-sig"))))
        assert rows[0] == log.header()
        assert [(row[0], row[1], row[2], row[4]) for row in rows[1:]] == [
            ("Left (Person 1)", "'=1+1", "The system", "the system: clock")
        ]


def test_a_file_holds_no_more_than_it_may(
    client: Client, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "IN_A_FILE", 2)
    anna = UserFactory()
    EventFactory.create_batch(3, actor=anna, about=anna)

    response = client.get(
        reverse("dashboards:log"), {"format": "csv", "person": anna.pk}
    )

    assert len(response.content.decode().splitlines()) == 1 + 2


def test_the_newest_digest_is_shown(client: Client, staff: Any) -> None:
    link = chain.add_link()

    response = client.get(reverse("dashboards:log"))

    assert link
    assert link.digest in response.content.decode()


# --- One event ------------------------------------------------------------------


def test_an_event_says_all_that_is_known(client: Client, staff: Any) -> None:
    values = EventValuesFactory(
        event__verb="renamed",
        event__about=UserFactory(),
        event__ids={"on": "2026-01-01", "teams": [3, 4], "late": True},
        event__request="aa",
    )
    beside = EventFactory(request="aa")
    EventFactory(request="bb")

    response = client.get(reverse("dashboards:log_event", args=[values.event_id]))

    text = " ".join(response.content.decode().split())
    for words in ("Name changed", "2026-01-01", "3, 4", "yes", "Anna", "not yet"):
        assert words in text
    assert [line.event for line in response.context["together"]] == [beside]
    look = Event.objects.get(verb="looked_at")
    assert (look.actor, look.about) == (staff, values.event.about)


def test_an_event_leads_to_what_it_was_done_to(client: Client, staff: Any) -> None:
    member = MemberFactory()
    enrolment = EnrolmentFactory(member=member)
    evidence = EvidenceFactory(enrolment=enrolment)
    booking, certificate = BookingFactory(), CertificateFactory()
    reseller, trainer = ResellerFactory(), TrainerFactory()
    person, programme = "dashboards:person", "dashboards:enrolment"
    places = {
        member: reverse(person, args=[member.pk]),
        member.user: reverse(person, args=[member.pk]),
        enrolment: reverse(programme, args=[enrolment.pk]),
        evidence: reverse(programme, args=[enrolment.pk]),
        booking: booking.get_absolute_url(),
        certificate: certificate.get_absolute_url(),
        reseller: reverse("dashboards:reseller", args=[reseller.pk]),
        trainer: reverse("sessions:trainer", args=[trainer.pk]),
        UserFactory(): None,
    }

    for target, place in places.items():
        event = record(None, "changed", target)
        response = client.get(reverse("dashboards:log_event", args=[event.pk]))
        assert response.context["target_url"] == place, target
        if place:
            assert client.get(place).status_code == 200, target


def test_an_event_of_a_kind_that_is_gone_leads_nowhere(
    client: Client, staff: Any
) -> None:
    event = EventFactory(target_type="people.Gone", target_id="x")

    response = client.get(reverse("dashboards:log_event", args=[event.pk]))

    assert response.status_code == 200
    assert response.context["target_url"] is None


# --- One's own part -------------------------------------------------------------


def own_lines(client: Client, user: Any) -> list[tuple[str, str, str]]:
    client.force_login(user)
    lines = client.get(reverse("dashboards:own_log")).context["lines"]
    return [(line.said, line.by, line.where) for line in lines]


def test_a_person_reads_what_is_about_them_and_by_them_alone(client: Client) -> None:
    anna, trainer = UserFactory(), UserFactory(full_name="Ted Trainer")
    place = {"address": "192.0.2.1", "agent": "Firefox on Linux"}
    EventFactory(actor=anna, about=anna, verb="booked", **place)
    EventFactory(actor=trainer, about=anna, verb="signed_off", **place)
    staff = UserFactory(is_staff=True, full_name="Stella Staff")
    EventFactory(actor=staff, about=anna, verb="looked_at", **place)
    EventFactory(actor=None, about=anna, verb="left", system="clock")
    EventFactory(actor=anna, about=trainer, verb="moved")
    EventFactory(actor=trainer, about=trainer, verb="renamed")

    assert own_lines(client, anna) == [
        ("Call moved", "You", ""),
        ("Left", "The system", ""),
        ("Looked at", "ByteKast’s channel team", ""),
        ("Call signed off", "Ted Trainer", ""),
        ("Call booked", "You", "Firefox on Linux, 192.0.2.1"),
    ]
    page = client.get(reverse("dashboards:own_log")).content.decode()
    assert "Stella" not in page


def test_of_staff_too_only_their_own_part_is_there(client: Client) -> None:
    staff = UserFactory(is_staff=True)
    EventFactory()

    assert own_lines(client, staff) == []


def test_what_was_said_before_and_after_is_told_to_whom_it_is_about(
    client: Client,
) -> None:
    anna, ben = UserFactory.create_batch(2)
    EventValuesFactory(event__actor=ben, event__about=anna, after="Annika")

    for user, is_told in ((anna, True), (ben, False)):
        client.force_login(user)
        page = client.get(reverse("dashboards:own_log")).content.decode()
        assert ("Annika" in page) == is_told


def test_of_a_certificate_that_is_not_out_nothing_is_told(client: Client) -> None:
    anna = UserFactory()
    for verb in NOT_TOLD:
        EventFactory(actor=None, about=anna, verb=verb)

    assert own_lines(client, anna) == []


@pytest.mark.parametrize("events", [1, 3])
def test_own_part_asks_as_often_for_many_events(
    client: Client, django_assert_num_queries: Any, events: int
) -> None:
    anna = UserFactory()
    for _n in range(events):
        EventValuesFactory(event__about=anna)
    client.force_login(anna)
    client.get(reverse("dashboards:own_log"))

    # Session, user; both sides, values; roles, branding.
    with django_assert_num_queries(7):
        response = client.get(reverse("dashboards:own_log"))

    assert len(response.context["lines"]) == events


@pytest.mark.django_db
def test_a_line_leads_nobody_to_what_they_may_not_see():
    manager = MemberFactory(is_manager=True)
    own, strangers = MemberFactory(reseller=manager.reseller), MemberFactory()
    access = Access(manager.user)

    urls = [
        log.target_url(EventFactory(target_type=kind, target_id=row.pk), access)
        for member in (own, strangers)
        for kind, row in (("people.Member", member), ("people.User", member.user))
    ]

    place = reverse("dashboards:person", args=[own.pk])
    assert urls == [place, place, None, None]
