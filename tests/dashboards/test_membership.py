"""The life of a membership, as managers and people themselves change it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import Certificate, CertificateState
from courses.enrolling import follow_teams
from courses.models import Enrolment, Evidence, EvidenceKind
from courses.progress import record_evidence
from lms.mail.models import Message
from lms.people.accounts import set_channel_team
from lms.people.managers import set_manager
from lms.people.membership import join
from lms.people.models import Member
from sessions.models import BookingState
from tests.factories import (
    BookingFactory,
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
DAY = timedelta(days=1)
TODAY = now().date()


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True, user__full_name="Anna Berg")


@pytest.fixture
def member(manager):
    """Somebody in Support, whose programme asks for calls."""
    support = TeamFactory(name="Support")
    EditionFactory(audience=[support])
    member = MemberFactory(reseller=manager.reseller, user__full_name="Liam")
    TeamMembershipFactory(team=support, member=member)
    follow_teams(member, by=None)
    return member


@pytest.fixture
def staff():
    user = UserFactory()
    set_channel_team(user, True, by=None)
    return user


def url(name, row):
    return reverse(f"dashboards:{name}", args=[row.pk])


def text_of(response):
    """What is read, without the elements around times."""
    return " ".join(re.sub(r"</?time[^>]*>", "", response.text).split())


# --- Leaving -----------------------------------------------------------------------


def test_leaving_frees_calls_keeps_what_was_earned_and_rejoining_reopens(
    client, manager, member
):
    redo = Enrolment.objects.get(member=member)
    topic = redo.edition.topics.first().topic
    record_evidence(redo, topic, EvidenceKind.READ, by=member.user)
    call = BookingFactory(enrolment=redo)
    certificate = CertificateFactory(
        enrolment=EnrolmentFactory(member=member, completed=True),
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-1.7", "some.pdf"),
        pdf_sha256="0" * 64,
    )
    client.force_login(manager.user)
    page = text_of(client.get(url("leave", member)))
    assert "1 call to come is freed, and the trainer is told" in page
    assert "1 open programme is withdrawn" in page
    assert "1 certificate, and the record" in page

    answer = client.post(url("leave", member), {"on": f"{TODAY}"}, follow=True)

    # the call is freed, and the trainer told
    assert "Liam is marked as left, and told by mail." in text_of(answer)
    call.refresh_from_db()
    assert (call.state, call.reason) == (BookingState.CANCELLED, "Left the reseller")
    told = Message.objects.get(to=call.trainer.user.email)
    assert told.subject.startswith("Call cancelled:")
    assert not Enrolment.objects.open().filter(member=member).exists()
    # the manager's record stays
    assert "Left on" in text_of(answer)
    assert certificate.get_absolute_url() in answer.text
    listed = text_of(client.get(reverse("dashboards:left")))
    assert "Liam" in listed
    assert "Liam" not in text_of(client.get(reverse("dashboards:team")))
    # they keep their login, and fetch their certificate
    client.force_login(member.user)
    assert certificate.serial in client.get(reverse("certificates:certificates")).text
    pdf = reverse("certificates:pdf", args=[certificate.serial])
    answer = client.get(pdf)
    assert b"".join(answer.streaming_content) == b"%PDF-1.7"
    for close in answer._resource_closers:  # close() itself ends the connection
        close()
    assert client.get(url("person", member)).status_code == 200
    told = Message.objects.get(key=f"member:{member.pk}:left")
    assert told.to == member.user.email
    # re-joining reopens it, with all that was earned
    back = join(
        member.user,
        member.reseller,
        teams=[row.team for row in member.team_memberships.all()],
        engagement=member.engagement,
        is_manager=False,
        by=manager.user,
    )
    again = Enrolment.objects.open().get(member=back)
    carried = Evidence.objects.get(enrolment=again)
    assert (carried.topic_id, carried.kind) == (topic.pk, "read")
    assert Certificate.objects.standing().filter(pk=certificate.pk).exists()


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (TODAY + DAY, "A later day is a planned end"),
        (TODAY.replace(year=2019), "before this person joined"),
    ],
)
def test_leaving_on_a_wrong_day_is_refused_in_words(client, manager, member, on, words):
    client.force_login(manager.user)

    answer = client.post(url("leave", member), {"on": f"{on}"})

    assert answer.status_code == 409
    assert words in text_of(answer)
    assert f'value="{on}"' in answer.text
    assert Member.objects.live().filter(pk=member.pk).exists()


def test_leaving_again_says_since_when(client, manager, member):
    client.force_login(manager.user)
    client.post(url("leave", member), {"on": f"{TODAY - DAY}"})

    answer = client.post(url("leave", member), {"on": f"{TODAY}"}, follow=True)

    member.refresh_from_db()
    assert member.left_on == TODAY - DAY
    assert "Liam left on" in text_of(answer)


def test_only_manager_cannot_mark_themselves_as_left(client, manager):
    client.force_login(manager.user)

    answer = client.post(url("leave", manager), {"on": f"{TODAY}"})

    assert answer.status_code == 409
    assert "You are the only manager" in text_of(answer)


def test_manager_with_another_above_may_leave(client):
    top = MemberFactory(is_manager=True)
    own = MemberFactory(is_manager=True, reseller=ResellerFactory(parent=top.reseller))
    client.force_login(own.user)

    answer = client.post(url("leave", own), {"on": f"{TODAY}"}, follow=True)

    assert answer.status_code in (200, 404)  # the record is their own still
    own.refresh_from_db()
    assert own.left_on == TODAY


# --- A planned end -----------------------------------------------------------------


def test_planned_end_is_set_changed_and_taken_back(client, manager, member):
    client.force_login(manager.user)
    day = TODAY + 40 * DAY

    answer = client.post(
        url("leave", member), {"do": "plan", "until_on": f"{day}"}, follow=True
    )

    words = f"{day:%-d %B %Y}"
    assert f"Liam leaves on {words}." in text_of(answer)
    page = text_of(client.get(url("leave", member)))
    assert f"Planned: they leave on {words}." in page
    answer = client.post(url("leave", member), {"do": "stay"}, follow=True)
    assert "No end is planned for Liam any more." in text_of(answer)
    member.refresh_from_db()
    assert member.until_on is None


def test_planned_end_gone_by_is_refused(client, manager, member):
    client.force_login(manager.user)

    answer = client.post(url("leave", member), {"do": "plan", "until_on": f"{TODAY}"})

    assert answer.status_code == 409
    assert "Choose a day to come, or mark them as left." in text_of(answer)


# --- Away --------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["manager", "member"])
def test_manager_and_they_themselves_say_when_they_are_away(
    client, manager, member, who
):
    user = {"manager": manager, "member": member}[who].user
    enrolment = Enrolment.objects.get(member=member)
    enrolment.due_on = TODAY + 10 * DAY
    enrolment.save(update_fields=["due_on"])
    client.force_login(user)
    days = {"first": f"{TODAY}", "last": f"{TODAY + 4 * DAY}"}

    answer = client.post(url("away", member), days, follow=True)

    assert "Away from" in text_of(answer)
    enrolment.refresh_from_db()
    assert enrolment.due_on == TODAY + 15 * DAY
    page = text_of(client.get(url("away", member)))
    assert f"Due on {TODAY + 15 * DAY:%-d %B %Y}, without these days" in page
    client.force_login(manager.user)
    matrix = client.get(reverse("dashboards:team"), {"state": "away"})
    assert "Liam" in matrix.text
    assert list(Member.objects.present()) == [manager]
    assert list(Member.objects.away()) == [member]
    client.force_login(user)
    answer = client.post(url("away", member), {"do": "back"}, follow=True)
    assert "Back from today: kept." in text_of(answer)
    assert not Member.objects.away().exists()


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (3, 2, "The last day is before the first"),
        (-3, -1, "Those days are over"),
        (0, 367, "more than a year"),
    ],
)
def test_wrong_days_away_are_refused_in_words(
    client, manager, member, first, last, words
):
    client.force_login(manager.user)
    days = {"first": f"{TODAY + first * DAY}", "last": f"{TODAY + last * DAY}"}

    answer = client.post(url("away", member), days)

    assert answer.status_code == 409
    assert words in text_of(answer)
    assert days["first"] in answer.text


@pytest.mark.parametrize(
    ("day", "is_away"), [(-1, False), (0, True), (2, True), (3, False)]
)
def test_away_holds_from_the_first_day_to_the_last(member, day, is_away):
    member.away_from_on, member.away_until_on = TODAY, TODAY + 2 * DAY
    member.save(update_fields=["away_from_on", "away_until_on"])
    on = TODAY + day * DAY

    assert member.is_away_on(on) == is_away
    assert Member.objects.away(on).filter(pk=member.pk).exists() == is_away
    assert Member.objects.present(on).filter(pk=member.pk).exists() != is_away


# --- Managing ----------------------------------------------------------------------


def test_manager_makes_another_and_may_then_go(client, manager, member):
    client.force_login(manager.user)
    refused = client.post(url("manager", manager), {"is_manager": "no"}, follow=True)
    assert "You are the only manager" in text_of(refused)

    client.post(url("manager", member), {"is_manager": "yes"})
    client.post(url("manager", manager), {"is_manager": "no"})

    member.refresh_from_db()
    manager.refresh_from_db()
    assert (member.is_manager, manager.is_manager) == (True, False)


def test_manager_above_counts_and_staff_may_always():
    top = MemberFactory(is_manager=True)
    below = MemberFactory(
        is_manager=True, reseller=ResellerFactory(parent=top.reseller)
    )

    set_manager(below, False, by=below.user)
    set_manager(top, False, by=UserFactory(is_staff=True))

    assert not Member.objects.filter(is_manager=True).exists()


@pytest.mark.races
def test_of_two_managers_who_go_at_once_one_stays(run_at_once):
    one = MemberFactory(is_manager=True)
    other = MemberFactory(is_manager=True, reseller=one.reseller)

    run_at_once(
        lambda: set_manager(one, False, by=one.user),
        lambda: set_manager(other, False, by=other.user),
    )

    assert Member.objects.filter(is_manager=True).count() == 1


# --- Who has left ------------------------------------------------------------------


@pytest.mark.parametrize("people", [1, 3])
def test_who_left_are_listed_in_13_queries(
    client, manager, django_assert_num_queries, people
):
    for number in range(people):
        MemberFactory(
            reseller=manager.reseller,
            left_on=TODAY - number * DAY,
            user__full_name=f"Gone {number}",
        )
    MemberFactory(left_on=TODAY, user__full_name="Stranger")
    client.force_login(manager.user)

    with django_assert_num_queries(13):
        answer = client.get(reverse("dashboards:left"))

    names = [member.user.full_name for member in answer.context["page"]]
    assert names == [f"Gone {number}" for number in range(people)]


def test_who_left_as_a_file(client, manager):
    MemberFactory(
        reseller=manager.reseller, left_on=TODAY, user__full_name="=HYPERLINK()"
    )
    MemberFactory(left_on=TODAY, user__full_name="Stranger")
    client.force_login(manager.user)

    answer = client.get(reverse("dashboards:left"), {"format": "csv"})

    assert "'=HYPERLINK()" in answer.content.decode("utf-8-sig")
    assert "Stranger" not in answer.text
