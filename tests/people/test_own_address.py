"""An address of one's own: kept, confirmed, the login once one has left."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse
from django.utils.timezone import now

from lms.mail.models import Message
from lms.people.accounts import make_person, set_channel_team
from lms.people.ending import plan_end
from lms.people.membership import leave
from lms.people.own_address import set_own_address, take_over, without_own_address
from tests.factories import InvitationFactory, MemberFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
DAY = timedelta(days=1)
TODAY = now().date()
WORK, OWN = "liam@acme.example.com", "liam@home.example.com"


@pytest.fixture
def member():
    return MemberFactory(user=make_person(WORK, "Liam"))


def confirm(client, email):
    """Follow the link of the last mail to this address, and say yes."""
    body = Message.objects.filter(to=email).latest("pk").body
    path = re.search(r"/accounts/confirm-email/\S+", body)[0]
    client.post(path)


def addresses(user):
    return set(EmailAddress.objects.filter(user=user).values_list("email", "primary"))


def keep_own(client, member):
    client.force_login(member.user)
    return client.post(reverse("people:own_address"), {"email": OWN}, follow=True)


def test_confirmed_before_it_becomes_the_login_at_the_leaving(client, member):
    page = keep_own(client, member)
    assert "Not confirmed yet" in page.text
    confirm(client, OWN)
    page = client.get(reverse("people:own_address"))
    assert "There is nothing else to do" in page.text
    member.user.refresh_from_db()
    assert member.user.email == WORK  # while they are there

    leave(member, on=TODAY, by=None)

    member.user.refresh_from_db()
    assert member.user.email == OWN
    assert addresses(member.user) == {(OWN, True)}
    assert Message.objects.get(key=f"member:{member.pk}:left").to == OWN


def test_confirmed_after_the_leaving_it_becomes_the_login_then(client, member):
    keep_own(client, member)
    leave(member, on=TODAY, by=None)
    member.user.refresh_from_db()
    assert member.user.email == WORK
    assert list(without_own_address()) == [member.user]

    confirm(client, OWN)

    member.user.refresh_from_db()
    assert member.user.email == OWN
    assert addresses(member.user) == {(OWN, True)}
    assert not without_own_address().exists()


def test_with_another_company_left_only_the_address_of_the_one_goes(client, member):
    InvitationFactory(
        email=WORK,
        reseller=member.reseller,
        accepted_by=member.user,
        accepted_at=now(),
    )
    other = MemberFactory(user=member.user)
    beta = "liam@beta.example.com"
    EmailAddress.objects.create(user=member.user, email=beta, verified=True)
    InvitationFactory(
        email=beta,
        reseller=other.reseller,
        accepted_by=member.user,
        accepted_at=now(),
    )
    keep_own(client, member)
    confirm(client, OWN)

    leave(member, on=TODAY, by=None)

    member.user.refresh_from_db()
    assert member.user.email == OWN
    assert addresses(member.user) == {(OWN, True), (beta, False)}


def test_login_that_is_said_to_be_ones_own_stays(client, member):
    assert set_own_address(member.user, WORK, by=member.user) is None

    leave(member, on=TODAY, by=None)

    member.user.refresh_from_db()
    assert member.user.email == WORK
    assert not without_own_address().exists()


def test_address_of_somebody_else_is_answered_alike_and_never_taken(client, member):
    other = make_person(OWN, "Other")

    page = keep_own(client, member)

    assert "Not confirmed yet" in page.text
    confirm(client, OWN)
    leave(member, on=TODAY, by=None)
    member.user.refresh_from_db()
    other.refresh_from_db()
    assert (member.user.email, other.email) == (WORK, OWN)
    assert not take_over(member.user)


@pytest.mark.parametrize(
    ("planned", "left", "is_asked"),
    [(False, False, False), (True, False, True), (False, True, True)],
)
def test_my_learning_asks_who_leaves_or_has_left(
    client, member, planned, left, is_asked
):
    if planned:
        plan_end(member, TODAY + 30 * DAY, by=None)
    if left:
        leave(member, on=TODAY, by=None)
    client.force_login(member.user)

    page = client.get(reverse("dashboards:my"))

    assert (reverse("people:own_address") in page.text) == is_asked


def test_address_can_be_forgotten(client, member):
    keep_own(client, member)

    client.post(reverse("people:own_address"), {"do": "forget"})

    member.user.refresh_from_db()
    assert member.user.private_email == ""


def test_staff_write_it_for_who_left(client, member):
    leave(member, on=TODAY, by=None)
    MemberFactory()  # still there: not listed
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    client.force_login(staff)
    page = client.get(reverse("dashboards:addresses"))
    assert list(page.context["page"]) == [member.user]
    url = reverse("dashboards:set_address", args=[member.user_id])

    wrong = client.post(url, {"email": "x"})
    done = client.post(url, {"email": OWN}, follow=True)

    assert wrong.status_code == 422
    assert "Liam is asked to confirm it." in done.text
    confirm(client, OWN)
    member.user.refresh_from_db()
    assert member.user.email == OWN


@pytest.mark.parametrize("people", [1, 3])
def test_who_left_without_one_takes_as_many_queries_for_more(
    client, django_assert_num_queries, people
):
    for _ in range(people):
        MemberFactory(left_on=TODAY)
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    client.force_login(staff)

    with django_assert_num_queries(13):
        answer = client.get(reverse("dashboards:addresses"))

    assert len(answer.context["page"]) == people


def test_company_that_they_have_left_never_reads_the_address(client, member):
    manager = MemberFactory(reseller=member.reseller, is_manager=True)
    person = reverse("dashboards:person", args=[member.pk])
    left = reverse("dashboards:left")
    had_to = reverse("dashboards:duties")
    client.force_login(manager.user)
    assert WORK in client.get(person).text
    set_own_address(member.user, OWN, by=member.user)
    EmailAddress.objects.filter(email=OWN).update(verified=True)

    leave(member, on=TODAY, by=None)

    member.user.refresh_from_db()
    assert member.user.email == OWN
    yesterday = f"{TODAY - DAY}"
    for url, asked in [
        (person, {}),
        (left, {}),
        (left, {"format": "csv"}),
        (had_to, {"on": yesterday, "format": "csv"}),
    ]:
        assert OWN not in client.get(url, asked).text
    for url, asked in [(left, {}), (had_to, {"on": yesterday})]:
        page = client.get(url, asked | {"q": "home.example"})
        assert page.context["page"].paginator.count == 0
