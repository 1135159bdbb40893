"""Logins, the link that claims one, and the channel team."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from lms.people import accounts
from lms.people.models import User
from lms.people.signals import account_disabled
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def token_of(user: User, life: timedelta = accounts.LINK_LIFE) -> str:
    return accounts.welcome_link(user, life).split("/")[-2]


def claim(token: str) -> User:
    return accounts.claim(
        token, full_name="Ann Lee", password=PASSWORD, time_zone="Europe/Paris"
    )


def test_make_person_has_a_verified_address_and_no_password() -> None:
    user = accounts.make_person(" Ann@Example.com", "Ann\tLee")

    assert (user.email, user.full_name) == ("ann@example.com", "Ann Lee")
    assert not user.has_usable_password()
    assert user.emailaddress_set.get().verified


def test_make_person_at_a_taken_address_is_refused() -> None:
    UserFactory(email="ann@example.com")

    with pytest.raises(Refused):
        accounts.make_person("ANN@example.com", "Ann Lee")

    assert User.objects.count() == 1


def test_claim_sets_name_password_and_zone() -> None:
    user = claim(token_of(accounts.make_person("ann@example.com", "")))

    assert user.check_password(PASSWORD)
    assert (user.full_name, user.time_zone) == ("Ann Lee", "Europe/Paris")


def test_claim_works_once() -> None:
    user = accounts.make_person("ann@example.com", "")
    tokens = [token_of(user), token_of(user, timedelta(days=1))]
    claim(tokens[0])

    for token in tokens:
        with pytest.raises(Refused):
            claim(token)


@pytest.mark.parametrize(("seconds", "works"), [(-2, True), (0, False)])
def test_link_runs_out(seconds: int, works: bool) -> None:
    token = token_of(accounts.make_person("ann@example.com", ""), timedelta(days=1))

    with time_machine.travel(now() + timedelta(days=1, seconds=seconds), tick=False):
        assert (accounts.find_person(token) is not None) == works


def test_link_changed_in_one_letter_is_none() -> None:
    token = token_of(accounts.make_person("ann@example.com", ""))
    changed = ("B" if token[0] != "B" else "C") + token[1:]

    assert accounts.find_person(changed) is None
    assert accounts.find_person("") is None


def test_link_of_somebody_disabled_is_none() -> None:
    user = accounts.make_person("ann@example.com", "")
    token = token_of(user)
    accounts.set_active(user, False, by=None)

    assert accounts.find_person(token) is None


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_claims_at_once_one_counts(
    run_at_once: Callable[..., list[object]],
) -> None:
    token = token_of(accounts.make_person("ann@example.com", ""))

    results = run_at_once(*[lambda: claim(token)] * 2)

    assert {type(result) for result in results} == {User, Refused}


def test_send_welcome_to_who_has_a_password_is_refused() -> None:
    with pytest.raises(Refused):
        accounts.send_welcome(UserFactory(password=PASSWORD))

    assert not Message.objects.exists()


def test_channel_team_is_the_flag_and_the_group() -> None:
    user, by = UserFactory(), UserFactory()

    accounts.set_channel_team(user, True, by=by)
    assert (user.is_staff, user.groups.get().name) == (True, "Channel team")

    accounts.set_channel_team(user, False, by=by)
    assert (user.is_staff, user.groups.exists()) == (False, False)


def test_nobody_leaves_the_channel_team_or_disables_themselves() -> None:
    user = UserFactory(is_staff=True)

    with pytest.raises(Refused):
        accounts.set_channel_team(user, False, by=user)
    with pytest.raises(Refused):
        accounts.set_active(user, False, by=user)

    user.refresh_from_db()
    assert (user.is_staff, user.is_active) == (True, True)


def test_disabling_is_announced_and_ends_the_session(client: Any) -> None:
    user, heard = UserFactory(), []
    client.force_login(user)

    def hear(sender: Any, user: User, **more: Any) -> None:
        heard.append(user)

    account_disabled.connect(hear)
    accounts.set_active(user, False, by=None)
    account_disabled.disconnect(hear)

    assert heard == [user]
    assert client.get("/settings/").status_code == 302


def test_rules_write_ids_only_into_the_log() -> None:
    user = accounts.make_person("ann@example.com", "Ann Lee")
    accounts.rename(user, "Ann Berg", by=None)

    written = str(list(Event.objects.values_list("verb", "ids", "target_id")))
    assert Event.objects.count() == 2
    assert "Ann" not in written
    assert "@" not in written


@pytest.mark.parametrize(
    ("fields", "has"),
    [
        ({"is_staff": True, "password": PASSWORD}, True),
        ({"is_staff": True}, False),
        ({"password": PASSWORD}, False),
        ({"is_staff": True, "password": PASSWORD, "is_active": False}, False),
    ],
    ids=["staff", "unclaimed", "not staff", "disabled"],
)
def test_has_staff_means_one_who_can_sign_in(fields: dict[str, Any], has: bool) -> None:
    UserFactory(**fields)

    assert accounts.has_staff() == has
