"""A team's calls: the manager's list, its files, and the feed of the calendar."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from django.utils.timezone import now
from icalendar import Calendar

from lms.people.accounts import set_active
from lms.people.membership import leave
from sessions.models import BookingState, TeamFeed
from sessions.team_feeds import end_team_feed, find_team_feed, renew_team_feed
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
)

pytestmark = pytest.mark.django_db
URL = "sessions:team_calls"


@pytest.fixture
def manager():
    reseller = ResellerFactory(name="Upper")
    return MemberFactory(reseller=reseller, is_manager=True)


def call_of(manager, name, edition=None, **facts):
    child = ResellerFactory(parent=manager.reseller, name=f"Child of {name}")
    enrolment = EnrolmentFactory(
        member__reseller=child,
        member__user__full_name=name,
        edition=edition or EditionFactory(),
    )
    return BookingFactory(enrolment=enrolment, **facts)


def past(**facts):
    return {"starts_at": now() - timedelta(days=2), **facts}


@pytest.mark.parametrize("calls", [1, 3])
def test_manager_lists_the_calls_to_come_in_eleven_queries(
    client, manager, django_assert_num_queries, calls
):
    """One of them for the companies' keys."""
    edition = EditionFactory()
    own = [call_of(manager, f"Person {n}", edition) for n in range(calls)]
    call_of(manager, "Old", **past(state=BookingState.DONE))
    BookingFactory()  # a stranger's: it must not leak
    client.force_login(manager.user)

    with django_assert_num_queries(11):
        response = client.get(reverse(URL))

    assert list(response.context["page"]) == own


@pytest.mark.parametrize("calls", [1, 3])
def test_manager_of_one_company_lists_them_in_ten(
    client, manager, django_assert_num_queries, calls
):
    edition = EditionFactory()
    reseller = {"enrolment__member__reseller": manager.reseller}
    own = [BookingFactory(enrolment__edition=edition, **reseller) for _ in range(calls)]
    BookingFactory()
    client.force_login(manager.user)

    with django_assert_num_queries(10):
        response = client.get(reverse(URL))

    assert set(response.context["page"]) == set(own)


def test_calls_are_chosen_by_time_name_and_programme(client, manager):
    coming = call_of(manager, "Anna Berg")
    over = call_of(manager, "Otto Over", **past())
    done = call_of(
        manager,
        "Dora Done",
        starts_at=now() - timedelta(days=3),
        state=BookingState.DONE,
    )
    client.force_login(manager.user)

    def shown(**params):
        return list(client.get(reverse(URL), params).context["page"])

    assert shown() == [coming]
    assert shown(when="waiting") == [over]
    assert shown(when="past") == [done]
    assert shown(when="no such", page="99") == [coming]
    assert shown(q="anna") == [coming]
    assert shown(q="dora") == []
    assert shown(programme=coming.enrolment.programme.slug) == [coming]
    assert shown(programme=done.enrolment.programme.slug) == []


def test_manager_reads_the_outcome_and_never_the_reason(client, manager):
    call_of(
        manager,
        "Anna Berg",
        state=BookingState.CANCELLED,
        reason="My own matter",
        ended_at=now(),
    )
    client.force_login(manager.user)

    page = client.get(reverse(URL), {"when": "past"})
    file = client.get(reverse(URL), {"when": "past", "format": "csv"}).getvalue()

    assert "Cancelled" in page.text
    assert "My own matter" not in page.text + file.decode()
    assert b"Anna Berg" in file


def test_file_has_every_call_and_no_formula(client, manager):
    call_of(manager, "=HYPERLINK(0)")
    client.force_login(manager.user)

    csv = client.get(reverse(URL), {"format": "csv"}).getvalue().decode("utf-8-sig")
    xlsx = client.get(reverse(URL), {"format": "xlsx"}).getvalue()

    assert "'=HYPERLINK(0)" in csv
    assert xlsx.startswith(b"PK")


# --- The feed ----------------------------------------------------------------------


def read(client, address):
    client.logout()  # as an app does
    return client.get(urlsplit(address).path)


def test_feed_tells_who_when_and_what_and_no_more(client, manager):
    call = call_of(manager, "Anna Berg")
    off = call_of(
        manager, "Otto Off", state=BookingState.CANCELLED, ended_at=now(), reason="Ill"
    )
    BookingFactory()  # a stranger's

    response = read(client, renew_team_feed(manager, by=manager.user))

    events = Calendar.from_ical(response.content).walk("VEVENT")
    assert [str(event["SUMMARY"]) for event in events] == [
        f"Anna Berg: {call.enrolment.edition.title}",
        f"Otto Off: {off.enrolment.edition.title}",
    ]
    assert [str(event["STATUS"]) for event in events] == ["CONFIRMED", "CANCELLED"]
    text = response.text
    for hidden in (call.trainee.email, call.trainer.user.full_name, call.ref, "Ill"):
        assert hidden not in text
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert TeamFeed.objects.get().read_at


@pytest.mark.parametrize("end", ["renewed", "ended", "demoted", "left", "closed"])
def test_address_ends_with_a_new_one_and_with_the_role(client, manager, end):
    MemberFactory(reseller=manager.reseller, is_manager=True)  # another stays
    address = renew_team_feed(manager, by=manager.user)
    assert read(client, address).status_code == 200

    if end == "renewed":
        renew_team_feed(manager, by=manager.user)
    elif end == "ended":
        end_team_feed(manager, by=manager.user)
    elif end == "demoted":
        manager.is_manager = False
        manager.save()
    elif end == "left":
        leave(manager, on=now().date(), by=None)
    else:
        set_active(manager.user, False, by=None)

    assert read(client, address).status_code == 404


def test_address_is_kept_as_a_hash_alone(manager):
    token = renew_team_feed(manager, by=manager.user).rsplit("/", 1)[1][:-4]

    feed = TeamFeed.objects.get()

    assert find_team_feed(token) == feed
    assert token not in feed.digest


def test_page_makes_the_address_once_and_ends_it(client, manager):
    client.force_login(manager.user)

    made = client.post(reverse("sessions:team_feed"))
    again = client.get(reverse("sessions:team_feed"))
    client.post(reverse("sessions:end_team_feed"))

    assert "/calendar/team/bkt_" in made.text
    assert "/calendar/team/bkt_" not in again.text
    assert not TeamFeed.objects.exists()
