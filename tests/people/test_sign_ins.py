"""Where somebody is signed in, how long it lasts, and how it ends everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine as clocks
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from content.permissions import grant_channel_team
from lms.people import accounts, sign_ins
from lms.people.models import SignIn, User
from sessions.feeds import renew_feed
from tests.factories import MemberFactory, UserFactory, home_page

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
LIST = "/settings/sign-ins/"
END = "/settings/sign-ins/end/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def ann() -> User:
    user = accounts.make_person("ann@example.com", "Ann Lee", password=PASSWORD)
    MemberFactory(user=user)
    return user


def sign_in(user: User, agent: str = FIREFOX) -> Client:
    client = Client(headers={"user-agent": agent})
    words = {"login": user.email, "password": PASSWORD}
    client.post(reverse("account_login"), words)
    assert client.session["_auth_user_id"] == str(user.pk)
    return client


def is_in(client: Client) -> bool:
    return client.get("/my/").status_code == 200


def test_list_says_device_and_which_is_this_one(ann: User) -> None:
    here, other = sign_in(ann), sign_in(ann, agent="")
    SignIn.objects.create(user=UserFactory(), session_key="strangers")

    page = here.get(LIST)

    text = page.content.decode()
    assert [each.device for each in page.context["sign_ins"]] == [
        "",
        "Firefox on Windows",
    ]
    assert text.count("This one") == 1
    assert "A device we do not know" in text
    assert is_in(other)


@pytest.mark.parametrize("others", [1, 3])
def test_list_costs_the_same_for_one_and_three(
    ann: User, others: int, django_assert_num_queries: Any
) -> None:
    for _other in range(others):
        client = sign_in(ann)

    with django_assert_num_queries(13):
        assert len(client.get(LIST).context["sign_ins"]) == others


def test_one_other_is_ended(ann: User) -> None:
    here, phone, tablet = sign_in(ann), sign_in(ann), sign_in(ann)

    here.post(END, {"sign_in": phone.session["sign_in"]})

    assert (is_in(here), is_in(phone), is_in(tablet)) == (True, False, True)


def test_all_others_are_ended(ann: User) -> None:
    here, phone, tablet = sign_in(ann), sign_in(ann), sign_in(ann)

    here.post(END)

    assert (is_in(here), is_in(phone), is_in(tablet)) == (True, False, False)
    assert SignIn.objects.count() == Session.objects.count() == 1


@pytest.mark.parametrize("key", ["0", "x", "999999999999999999", "-1", "9" * 30])
def test_anothers_or_no_sign_in_is_not_there(ann: User, key: str) -> None:
    here = sign_in(ann)
    stranger = SignIn.objects.create(user=UserFactory(), session_key="strangers")

    assert here.post(END, {"sign_in": key}).status_code == 404
    assert here.post(END, {"sign_in": stranger.pk}).status_code == 404
    assert SignIn.objects.count() == 2


def test_signing_out_leaves_no_row(ann: User) -> None:
    client = sign_in(ann)

    client.post(reverse("account_logout"))

    assert not SignIn.objects.exists()


def test_a_new_password_ends_the_others(ann: User) -> None:
    here, other = sign_in(ann), sign_in(ann)
    new = "another horse battery"

    words = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    here.post(reverse("account_change_password"), words)

    assert (is_in(here), is_in(other)) == (True, False)
    assert [each.pk for each in sign_ins.live(ann.sign_ins.all())] == [
        here.session["sign_in"]
    ]


# --- Turned off ------------------------------------------------------------------------


def test_turning_an_account_off_ends_everything_with_the_next_request() -> None:
    home_page()
    user = accounts.make_person("sam@example.com", "Sam Roe", password=PASSWORD)
    accounts.set_channel_team(user, True, by=None)
    grant_channel_team(user.groups.get())
    MemberFactory(user=user)
    client = Client()
    client.force_login(user)
    calendar = urlsplit(renew_feed(user)).path
    asks = ["/my/", "/calls/", "/cms/", "/settings/", "/standing/", LIST]
    for path in asks:
        assert client.get(path).status_code == 200, path
    assert Client().get(calendar).status_code == 200

    accounts.set_active(user, False, by=None)

    for path in asks:
        response = client.get(path)
        assert response["Location"].startswith("/accounts/login/"), path
    poll = client.get("/calls/", headers={"HX-Request": "true"})
    assert poll["Location"].startswith("/accounts/login/")
    assert client.post(END).status_code == 302
    assert Client().get(calendar).status_code == 404
    assert not SignIn.objects.exists()
    assert not Session.objects.filter(session_key=client.session.session_key).exists()
    with pytest.raises(KeyError):  # nobody is in the session
        sign_in(user)


# --- How long it lasts -----------------------------------------------------------------

IDLE = [("trainee", timedelta(hours=8)), ("staff", timedelta(minutes=30))]
MOST = [("trainee", timedelta(days=7)), ("staff", timedelta(hours=12))]


def somebody(who: str) -> Client:
    user = MemberFactory().user
    if who == "staff":
        accounts.set_channel_team(user, True, by=None)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(("who", "idle"), IDLE)
def test_unused_it_ends(who: str, idle: timedelta) -> None:
    with clocks.travel("2026-11-24T10:00:00Z", tick=False) as traveller:
        client = somebody(who)
        traveller.shift(idle - timedelta(seconds=1))
        assert is_in(client)
        traveller.shift(idle)

        response = client.get("/my/", follow=True)

    assert response.redirect_chain[0][0] == "/accounts/login/?next=/my/"
    assert "You were signed out after a while" in response.content.decode()
    assert not SignIn.objects.exists()


@pytest.mark.parametrize(("who", "most"), MOST)
def test_used_all_the_time_it_ends_too(who: str, most: timedelta) -> None:
    step = timedelta(minutes=20) if who == "staff" else timedelta(hours=7)
    with clocks.travel("2026-11-24T10:00:00Z", tick=False) as traveller:
        client = somebody(who)
        ends = now() + most
        while now() + step < ends:
            traveller.shift(step)
            assert is_in(client)
        traveller.move_to(ends)

        assert not is_in(client)


def test_use_is_written_down_once_in_five_minutes(
    ann: User, django_assert_num_queries: Any
) -> None:
    with clocks.travel("2026-11-24T10:00:00Z", tick=False) as traveller:
        client = sign_in(ann)
        began = now()
        traveller.shift(299)
        client.get(LIST)
        assert SignIn.objects.get().last_used_at == began
        traveller.shift(1)
        client.get(LIST)
        assert SignIn.objects.get().last_used_at == now()


def test_what_has_run_out_is_dropped(ann: User) -> None:
    with clocks.travel("2026-11-24T10:00:00Z", tick=False) as traveller:
        sign_in(ann)
        traveller.shift(timedelta(days=7))
        kept = sign_in(ann)

        sign_ins.forget_old()

        assert SignIn.objects.get().pk == kept.session["sign_in"]
        assert Session.objects.count() == 1


def test_people_who_take_turns_in_one_browser_each_have_their_own(
    client: Client,
) -> None:
    people = UserFactory.create_batch(3)

    for person in people:
        client.force_login(person)

    keys = list(SignIn.objects.values_list("session_key", flat=True))
    assert len(set(keys)) == 3
    assert client.session.session_key in keys


def test_same_person_again_in_one_browser_is_one_sign_in(client: Client) -> None:
    person = UserFactory()

    client.force_login(person)
    client.force_login(person)

    row = SignIn.objects.get(user=person)
    assert row.session_key == client.session.session_key


@pytest.mark.parametrize(
    "name", ["account_email", "account_change_password", "mfa_index"]
)
def test_pages_of_signing_in_have_the_navigation_of_settings(
    client: Client, name: str
) -> None:
    client.force_login(MemberFactory(user__password="correct horse battery").user)

    page = client.get(reverse(name)).content.decode()

    assert page.count('class="subnav"') == 1
    assert 'aria-label="Your settings"' in page
    current = page.partition('class="subnav"')[2].partition('aria-current="page"')[2]
    assert current.lstrip(" >\n").startswith("Sign-in")


def test_page_of_signing_in_leads_to_addresses_and_password(client: Client) -> None:
    client.force_login(MemberFactory().user)

    page = client.get(reverse("mfa_index")).content.decode()

    for name in ("account_email", "account_change_password", "people:sign_ins"):
        assert f'href="{reverse(name)}"' in page
