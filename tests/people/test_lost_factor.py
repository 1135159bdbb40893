"""Who has lost their phone or key, and their codes, is let in again by staff."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from content.permissions import grant_channel_team
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from lms.people import accounts, second_factor
from lms.people.models import User
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
SECRET = "JBSWY3DPEHPK3PXP"


def page_of(user: User) -> str:
    return reverse("wagtailusers_users:second_factors", args=[user.pk])


def edit_page_of(user: User) -> str:
    return reverse("wagtailusers_users:edit", args=[user.pk])


def with_factors(user: User) -> User:
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    data = {"credential": {"clientExtensionResults": {}}}
    Authenticator.objects.create(user=user, type="webauthn", data=data)
    return user


def factors_of(user: User) -> int:
    return Authenticator.objects.filter(user=user).count()


def test_all_go_and_the_person_signs_in_by_password_alone(
    cms: Client, staff: User
) -> None:
    user = with_factors(MemberFactory(user__password=PASSWORD).user)
    other = with_factors(UserFactory())
    assert page_of(user) in cms.get(edit_page_of(user)).content.decode()

    page = cms.get(page_of(user)).content.decode()
    assert factors_of(user) == 3
    assert "These go: passkeys and security keys, the authenticator app" in page
    assert user.email in page
    response = cms.post(page_of(user))

    assert response["Location"] == edit_page_of(user)
    assert (factors_of(user), factors_of(other)) == (0, 3)
    event = Event.objects.get(verb="removed all second factors")
    assert (event.actor, event.about) == (staff, user)
    mail = Message.objects.get()
    assert mail.to == user.email
    assert "Sign in with your password." in mail.body
    assert "/welcome/" not in mail.body
    client = Client()
    words = {"login": user.email, "password": PASSWORD}
    assert client.post(reverse("account_login"), words)["Location"] == "/start/"
    assert client.get("/my/").status_code == 200


def test_all_sign_ins_of_the_person_end_and_no_others(cms: Client) -> None:
    user = with_factors(MemberFactory().user)
    theirs, another = Client(), Client()
    theirs.force_login(user)
    another.force_login(MemberFactory().user)
    assert theirs.get("/my/").status_code == another.get("/my/").status_code == 200

    cms.post(page_of(user))

    assert theirs.get("/my/").status_code == 302
    assert another.get("/my/").status_code == 200
    assert cms.get(page_of(user)).status_code == 200


def test_without_a_password_the_mail_has_a_link_to_choose_one(cms: Client) -> None:
    user = with_factors(MemberFactory(is_manager=True).user)
    assert not user.has_usable_password()

    cms.post(page_of(user))

    mail = Message.objects.get()
    link = next(line for line in mail.body.splitlines() if "/welcome/" in line)
    assert accounts.find_person(link.split("/")[-2]) == user
    assert mail.is_secret
    assert "set up a second factor anew" in mail.body


def test_nobody_removes_their_own(cms: Client, staff: User) -> None:
    with_factors(staff)
    assert page_of(staff) not in cms.get(edit_page_of(staff)).content.decode()

    response = cms.post(page_of(staff))

    assert response.status_code == 409
    assert "Nobody removes their own here" in response.content.decode()
    assert factors_of(staff) == 3


def test_a_superusers_are_removed_by_a_superuser_alone(
    cms: Client, staff: User
) -> None:
    user = with_factors(UserFactory(is_superuser=True))
    assert cms.post(page_of(user)).status_code == 409
    assert factors_of(user) == 3

    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    assert cms.post(page_of(user)).status_code == 302

    assert factors_of(user) == 0


def test_a_second_press_changes_nothing(cms: Client) -> None:
    user = with_factors(UserFactory())
    cms.post(page_of(user))

    assert cms.post(page_of(user)).status_code == 409

    assert Message.objects.count() == 1
    assert page_of(user) not in cms.get(edit_page_of(user)).content.decode()


def test_of_a_disabled_account_none_is_removed() -> None:
    user = with_factors(UserFactory(is_active=False))

    with pytest.raises(Refused):
        second_factor.remove_all(user, by=UserFactory())

    assert factors_of(user) == 3


@pytest.mark.parametrize(("content", "people"), [(True, False), (False, False)])
def test_it_needs_the_permission_to_change_people(
    client: Client, staff: User, content: bool, people: bool
) -> None:
    colleague, user = UserFactory(), with_factors(UserFactory())
    accounts.set_channel_team(colleague, True, by=None, content=content, people=people)
    grant_channel_team(Group.objects.get(name=accounts.TEAM_GROUPS[content, people]))
    client.force_login(colleague)

    for response in (client.get(page_of(user)), client.post(page_of(user))):
        assert response.status_code == 302  # Wagtail's way to say no
        assert response["Location"] == reverse("wagtailadmin_home")
    assert factors_of(user) == 3


def test_a_trainee_and_a_manager_do_not_find_it(client: Client) -> None:
    user = with_factors(MemberFactory().user)
    for member in (MemberFactory(), MemberFactory(is_manager=True)):
        client.force_login(member.user)
        client.post(page_of(user))
    Client().post(page_of(user))

    assert factors_of(user) == 3
