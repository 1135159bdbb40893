"""The channel team's screens of people in the CMS."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from lms.mail.models import Message
from lms.people.models import Invitation, Reseller, User
from tests.factories import (
    InvitationFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    UserFactory,
    home_page,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


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


def test_resellers_are_listed_as_the_tree_in_equal_queries(
    cms: Client, queries_of: Callable[[str], int]
) -> None:
    made = [ResellerFactory()]
    before = queries_of("reseller:index")
    for _number in range(2):
        made.append(ResellerFactory(parent=made[-1]))

    assert queries_of("reseller:index") == before
    assert list(cms.get(reverse("reseller:index")).context["object_list"]) == made


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


def test_invitations_are_listed_in_equal_queries(
    cms: Client, queries_of: Callable[[str], int]
) -> None:
    InvitationFactory().teams.add(TeamFactory())
    before = queries_of("invitation:index")
    for _number in range(2):
        InvitationFactory().teams.add(TeamFactory())

    assert queries_of("invitation:index") == before
    assert len(list(cms.get(reverse("invitation:index")).context["object_list"])) == 3
