"""Somebody of two companies: one login, a switch, and never a mix."""

import pytest
from django.urls import reverse

from lms.people.inviting import accept_as
from lms.people.models import Member
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    InvitationFactory,
    MemberFactory,
    ResellerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return UserFactory(full_name="Henrik")


@pytest.fixture
def one(person):
    """Here a manager, with a programme and somebody to manage."""
    member = MemberFactory(
        user=person, is_manager=True, reseller=ResellerFactory(name="Alpha")
    )
    EnrolmentFactory(member=member, edition__title="Of Alpha")
    MemberFactory(reseller=member.reseller, user__full_name="Alphonse")
    return member


@pytest.fixture
def other(person, one):
    """There a trainee, with another programme and a colleague."""
    member = MemberFactory(user=person, reseller=ResellerFactory(name="Beta"))
    EnrolmentFactory(member=member, edition__title="Of Beta")
    MemberFactory(reseller=member.reseller, user__full_name="Betty")
    return member


def switch(client, member):
    client.post(reverse("people:switch"), {"member": member.pk})


def test_each_membership_shows_its_own_alone(client, person, one, other):
    client.force_login(person)
    my, team = reverse("dashboards:my"), reverse("dashboards:team")

    switch(client, one)
    at_one = client.get(my)
    people = client.get(team)
    switch(client, other)
    at_other = client.get(my)
    no_people = client.get(team)

    def titles(page):
        return [cell.enrolment.edition.title for cell in page.context["record"].cells]

    assert (titles(at_one), titles(at_other)) == (["Of Alpha"], ["Of Beta"])
    assert "Alphonse" in people.text
    assert "Betty" not in people.text
    assert no_people.status_code == 403


def test_people_of_the_one_are_not_there_for_the_other(client, person, one, other):
    alphonse = Member.objects.get(user__full_name="Alphonse")
    betty = Member.objects.get(user__full_name="Betty")
    client.force_login(person)

    def status(member):
        url = reverse("dashboards:person", args=[member.pk])
        return client.get(url).status_code

    switch(client, one)
    assert (status(alphonse), status(betty)) == (200, 404)
    switch(client, other)
    assert (status(alphonse), status(betty)) == (404, 404)


def test_calls_and_certificates_are_the_persons_own(client, person, one, other):
    """They belong to the person: nobody can be in two calls at once."""
    calls = [
        BookingFactory(enrolment=member.enrolments.get()) for member in (one, other)
    ]
    stranger = BookingFactory()
    client.force_login(person)

    for member in (one, other):
        switch(client, member)
        page = client.get(reverse("sessions:agenda"))

        assert set(page.context["coming"]) == set(calls)
        assert stranger.get_absolute_url() not in page.text


def test_invitation_to_another_company_adds_a_membership_to_the_login(one, person):
    invitation = InvitationFactory(email=person.email)

    member = accept_as(invitation, person)

    assert member.user == person
    assert Member.objects.live().filter(user=person).count() == 2
