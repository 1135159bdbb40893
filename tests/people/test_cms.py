"""The channel team's screens of people in the CMS."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from content.permissions import grant_channel_team
from lms.mail.models import Message
from lms.people import accounts
from lms.people.models import Invitation, Reseller, User
from tests.factories import (
    InvitationFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    UserFactory,
    home_page,
)

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def staff(db: None) -> User:
    home_page()
    user: User = UserFactory(full_name="Staff", password=PASSWORD)
    accounts.set_channel_team(user, True, by=None)
    grant_channel_team(Group.objects.get(name=accounts.CHANNEL_TEAM))
    return user


@pytest.fixture
def cms(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def rows(page: Any) -> list[Any]:
    return list(page.context["object_list"])


def queries(client: Client, name: str) -> int:
    """How many a list asks, once Wagtail has warmed up."""
    client.get(reverse(name))
    with CaptureQueriesContext(connection) as caught:
        client.get(reverse(name))
    return len(caught)


def errors(page: Any) -> dict[str, Any]:
    return dict(page.context["form"].errors)


# --- The way in --------------------------------------------------------------------


def test_cms_login_is_the_one_door(client: Client) -> None:
    response = client.get("/cms/login/?next=/cms/users/")

    assert response["Location"] == "/accounts/login/?next=/cms/users/"
    posted = client.post("/cms/login/", {"username": "a", "password": "b"})
    assert posted["Location"] == "/accounts/login/"


@pytest.mark.parametrize(
    "path", ["/cms/", "/cms/reseller/", "/cms/invitation/new/", "/cms/users/"]
)
def test_others_do_not_get_in(path: str) -> None:
    home_page()
    for user in (MemberFactory(is_manager=True).user, UserFactory(is_staff=True)):
        client = Client()
        client.force_login(user)

        assert client.get(path).status_code == 302
    assert Client().get(path)["Location"].startswith("/accounts/login/")


def test_menu_has_people_in_order(cms: Client) -> None:
    page = cms.get(reverse("wagtailadmin_home")).content.decode()

    places = [page.index(f'"/cms/{name}/"') for name in ("reseller", "invitation")]
    assert places == sorted(places)
    assert '"/cms/trainer/"' in page
    assert '"/cms/users/"' in page
    assert '"/cms/groups/"' not in page


def test_own_account_page_asks_for_no_name_and_no_password(cms: Client) -> None:
    page = cms.get(reverse("wagtailadmin_account")).content.decode()

    assert "first_name" not in page
    assert 'type="password"' not in page
    assert f'href="{reverse("people:settings")}"' in page


def test_own_account_page_saves(cms: Client) -> None:
    words = {"theme-theme": "dark", "theme-contrast": "system", "theme-density": "snug"}
    page = cms.get(reverse("wagtailadmin_account"))
    for panels in page.context["panels_by_tab"].values():
        for panel in panels:
            form = panel.get_form()
            words = {
                form.add_prefix(name): form[name].value() or "" for name in form.fields
            } | words

    response = cms.post(reverse("wagtailadmin_account"), words)

    assert response.status_code == 302
    assert User.objects.get(full_name="Staff").wagtail_userprofile.theme == "dark"


def test_own_account_page_is_of_the_cms_alone(client: Client) -> None:
    client.force_login(MemberFactory().user)

    assert client.get("/cms/account/").status_code == 302


# --- Resellers ---------------------------------------------------------------------

TODAY = now().date()


def test_reseller_added_below_another(cms: Client, staff: User) -> None:
    parent = ResellerFactory()
    words = {"name": "North", "parent": parent.pk, "approved_on": "2026-01-01"}

    response = cms.post(reverse("reseller:add"), words)

    assert response["Location"] == reverse("reseller:index")
    assert Reseller.objects.get(name="North").get_parent() == parent


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Taken"}, "name"),
        ({"approved_on": "soon"}, "approved_on"),
        ({"ended_on": "2019-01-01"}, "__all__"),
        ({"parent": "999999"}, "parent"),
    ],
)
def test_reseller_that_cannot_be_is_told_beside_the_field(
    cms: Client, words: dict[str, str], field: str
) -> None:
    ResellerFactory(name="Taken")

    page = cms.post(
        reverse("reseller:add"), {"name": "New", "approved_on": "2020-01-01"} | words
    )

    assert list(errors(page)) == [field]
    assert Reseller.objects.count() == 1


def test_reseller_moved_and_renamed(cms: Client) -> None:
    reseller, parent = ResellerFactory(), ResellerFactory()
    edit = reverse("reseller:edit", args=[reseller.pk])
    assert cms.get(edit).context["form"].initial["parent"] is None

    cms.post(edit, {"name": "New", "parent": parent.pk, "approved_on": "2020-01-01"})

    reseller = Reseller.objects.get(pk=reseller.pk)
    assert (reseller.name, reseller.get_parent()) == ("New", parent)
    assert cms.get(edit).context["form"].initial["parent"] == parent


def test_reseller_is_not_offered_below_itself(cms: Client) -> None:
    top = ResellerFactory()
    below = ResellerFactory(parent=top)

    page = cms.post(
        reverse("reseller:edit", args=[top.pk]),
        {"name": top.name, "parent": below.pk, "approved_on": "2020-01-01"},
    )

    assert list(errors(page)) == ["parent"]


def test_resellers_are_listed_as_the_tree_in_equal_queries(cms: Client) -> None:
    made = [ResellerFactory()]
    before = queries(cms, "reseller:index")
    for _number in range(2):
        made.append(ResellerFactory(parent=made[-1]))

    assert queries(cms, "reseller:index") == before
    assert rows(cms.get(reverse("reseller:index"))) == made


# --- Invitations -------------------------------------------------------------------


def invite(cms: Client, **changes: Any) -> Any:
    words = {
        "full_name": "Ann Lee",
        "email": "ann@example.com",
        "engagement": "employee",
    }
    if "reseller" not in changes:
        words["reseller"] = ResellerFactory().pk
    return cms.post(reverse("invitation:add"), words | changes)


def test_invite_one_person(cms: Client, staff: User) -> None:
    reseller, team = ResellerFactory(), TeamFactory()

    response = invite(cms, reseller=reseller.pk, teams=[team.pk], is_manager="on")

    invitation = Invitation.objects.get()
    assert response["Location"] == reverse("invitation:index")
    assert (invitation.reseller, invitation.is_manager) == (reseller, True)
    assert list(invitation.teams.all()) == [team]
    assert invitation.invited_by == staff
    assert Message.objects.get().to == "ann@example.com"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"full_name": ""}, "full_name"),
        ({"email": "ann"}, "email"),
        ({"reseller": ""}, "reseller"),
        ({"teams": ["999"]}, "teams"),
        ({"engagement": "boss"}, "engagement"),
    ],
)
def test_invite_tells_what_is_wrong(
    cms: Client, words: dict[str, Any], field: str
) -> None:
    page = invite(cms, **words)

    assert list(errors(page)) == [field]
    assert not Message.objects.exists()


def test_invite_shows_the_rules_no_and_keeps_what_was_typed(cms: Client) -> None:
    member = MemberFactory(user__email="ann@example.com")

    page = invite(cms, reseller=member.reseller.pk)

    assert "already belongs" in str(errors(page)["__all__"])
    assert page.context["form"]["full_name"].value() == "Ann Lee"
    assert not Invitation.objects.exists()


def test_invite_twice_sends_one(cms: Client) -> None:
    reseller = ResellerFactory()
    invite(cms, reseller=reseller.pk)

    page = invite(cms, reseller=reseller.pk)

    assert "already invited" in str(errors(page))
    assert Message.objects.count() == 1


def test_invite_makes_room_of_what_ran_out(cms: Client) -> None:
    old = InvitationFactory(email="ann@example.com", expires_at=now())

    assert invite(cms, reseller=old.reseller.pk).status_code == 302


def test_invitation_is_sent_again_and_withdrawn(cms: Client) -> None:
    invitation = InvitationFactory()
    page = reverse("invitation:inspect", args=[invitation.pk])
    before = invitation.token_hash
    assert "Send a new link" in cms.get(page).content.decode()

    cms.post(page, {"again": ""})
    invitation.refresh_from_db()
    assert invitation.token_hash != before
    assert "Waiting to be sent" in cms.get(page).content.decode()

    cms.post(page, {"withdraw": ""})
    invitation.refresh_from_db()
    assert invitation.state == "withdrawn"
    assert "Send a new link" not in cms.get(page).content.decode()


def test_invitation_accepted_cannot_be_withdrawn(cms: Client) -> None:
    member = MemberFactory()
    invitation = InvitationFactory(accepted_at=now(), accepted_by=member.user)
    page = reverse("invitation:inspect", args=[invitation.pk])

    response = cms.post(page, {"withdraw": ""}, follow=True)

    assert "was used or taken back" in response.content.decode()
    invitation.refresh_from_db()
    assert invitation.state == "accepted"


def test_invitations_show_what_became_of_them(cms: Client) -> None:
    member = MemberFactory()
    InvitationFactory(full_name="Sent")
    InvitationFactory(full_name="Late", expires_at=now() - timedelta(days=1))
    InvitationFactory(full_name="Back", withdrawn_at=now())
    InvitationFactory(full_name="In", accepted_at=now(), accepted_by=member.user)

    page = cms.get(reverse("invitation:index")).content.decode()

    for word in ("Invited", "Ran out", "Withdrawn", "Accepted"):
        assert word in page


@pytest.mark.parametrize("search", ["'", '"', "\x00", "x" * 10_000, "%"])
@pytest.mark.parametrize("name", ["invitation", "reseller", "wagtailusers_users"])
def test_search_takes_anything(cms: Client, name: str, search: str) -> None:
    assert cms.get(reverse(f"{name}:index"), {"q": search}).status_code == 200


def test_invitations_are_listed_in_equal_queries(cms: Client) -> None:
    InvitationFactory().teams.add(TeamFactory())
    before = queries(cms, "invitation:index")
    for _number in range(2):
        InvitationFactory().teams.add(TeamFactory())

    assert queries(cms, "invitation:index") == before
    assert len(rows(cms.get(reverse("invitation:index")))) == 3


# --- People ------------------------------------------------------------------------


def edit_path(user: User) -> str:
    return reverse("wagtailusers_users:edit", args=[user.pk])


def test_person_form_has_our_fields_only(cms: Client) -> None:
    page = cms.get(edit_path(UserFactory()))

    assert list(page.context["form"].fields) == [
        "full_name",
        "email",
        "is_staff",
        "is_active",
    ]
    assert 'type="password"' not in page.content.decode()


def test_person_is_changed_by_rule_and_the_address_is_not(cms: Client) -> None:
    user = UserFactory(email="ann@example.com")

    cms.post(
        edit_path(user),
        {
            "full_name": "Ann Berg",
            "email": "eve@example.com",
            "is_staff": "on",
            "password": "x",
            "is_superuser": "on",
        },
    )

    user.refresh_from_db()
    assert (user.full_name, user.email) == ("Ann Berg", "ann@example.com")
    assert (user.is_staff, user.is_active, user.is_superuser) == (True, False, False)
    assert user.groups.get().name == accounts.CHANNEL_TEAM
    assert not user.has_usable_password()


def test_staff_cannot_shut_themselves_out(cms: Client, staff: User) -> None:
    page = cms.post(edit_path(staff), {"full_name": "Changed", "is_active": "on"})

    assert "You cannot leave the channel team yourself" in str(errors(page))
    staff.refresh_from_db()
    assert (staff.is_staff, staff.full_name) == (True, "Staff")


def test_staff_cannot_change_a_superuser(cms: Client) -> None:
    user = UserFactory(is_superuser=True, is_active=True)

    response = cms.post(edit_path(user), {"full_name": "Changed"})

    user.refresh_from_db()
    assert response.status_code == 302  # Wagtail's "no permission"
    assert user.is_active
    assert user.full_name != "Changed"


def test_nobody_is_deleted_and_it_says_why(cms: Client) -> None:
    user = UserFactory()
    path = reverse("wagtailusers_users:delete", args=[user.pk])

    for response in (cms.get(path, follow=True), cms.post(path, follow=True)):
        assert "People are not deleted" in response.content.decode()
    assert User.objects.filter(pk=user.pk).exists()


@pytest.mark.parametrize("action", ["delete", "assign_role", "set_active_state"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_is_done_to_many_at_once(cms: Client, action: str, method: str) -> None:
    user = UserFactory()
    path = reverse("wagtail_bulk_action", args=["people", "user", action])

    response = getattr(cms, method)(
        f"{path}?id={user.pk}&next=/cms/users/", {"mark_as_active": ""}, follow=True
    )

    assert "People are not deleted" in response.content.decode()
    user.refresh_from_db()
    assert user.is_active
    assert not user.groups.exists()


@pytest.mark.parametrize("name", ["history", "usage", "copy"])
def test_wagtails_other_pages_of_users_are_gone(cms: Client, name: str) -> None:
    user = UserFactory()

    assert cms.get(f"/cms/users/{name}/{user.pk}/").status_code == 404


def test_colleague_gets_a_link(cms: Client) -> None:
    words = {"full_name": "Bo Ek", "email": "bo@example.com"}

    response = cms.post(reverse("wagtailusers_users:add"), words)

    user = User.objects.get(email="bo@example.com")
    assert response["Location"] == reverse("wagtailusers_users:index")
    assert user.is_staff
    assert "http://localhost:8000/welcome/" in Message.objects.get().body


def test_colleague_with_a_login_keeps_it(cms: Client) -> None:
    user = UserFactory(email="bo@example.com", full_name="Bo", password=PASSWORD)

    cms.post(
        reverse("wagtailusers_users:add"), {"full_name": "X", "email": "BO@example.com"}
    )

    user.refresh_from_db()
    assert (user.is_staff, user.full_name) == (True, "Bo")
    assert not Message.objects.exists()


def test_link_is_sent_again_to_who_has_no_password(cms: Client) -> None:
    user = UserFactory()
    path = reverse("wagtailusers_users:welcome", args=[user.pk])
    assert path in cms.get(edit_path(user)).content.decode()

    assert cms.get(path).status_code == 200
    assert not Message.objects.exists()
    cms.post(path)

    assert Message.objects.get().to == user.email


def test_link_is_not_sent_to_who_has_one(cms: Client, staff: User) -> None:
    path = reverse("wagtailusers_users:welcome", args=[staff.pk])
    assert path not in cms.get(edit_path(staff)).content.decode()

    cms.post(path)

    assert not Message.objects.exists()


def test_people_are_listed_with_live_resellers_in_equal_queries(
    cms: Client, staff: User
) -> None:
    gone = MemberFactory(user__full_name="A0", left_on=TODAY)
    before = queries(cms, "wagtailusers_users:index")
    live = [MemberFactory(user__full_name=f"A{n}") for n in (1, 2)]

    assert queries(cms, "wagtailusers_users:index") == before
    page = cms.get(reverse("wagtailusers_users:index"))
    assert rows(page) == [gone.user, *(member.user for member in live), staff]
    assert live[0].reseller.name in page.content.decode()
    assert gone.reseller.name not in page.content.decode()
