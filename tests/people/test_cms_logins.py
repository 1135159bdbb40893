"""The channel team's screens of logins, and one's own account, in the CMS."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from lms.mail.models import Message
from lms.people import accounts
from lms.people.models import User
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def edit_path(user: User) -> str:
    return reverse("wagtailusers_users:edit", args=[user.pk])


def test_person_form_has_our_fields_only(cms: Client) -> None:
    page = cms.get(edit_path(UserFactory()))

    assert list(page.context["form"].fields) == [
        "full_name",
        "email",
        "is_staff",
        "may_edit_content",
        "may_change_people",
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
            "may_edit_content": "on",
            "may_change_people": "on",
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

    assert "You cannot leave the channel team yourself" in str(
        page.context["form"].errors
    )
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
    cms: Client, staff: User, queries_of: Callable[[str], int]
) -> None:
    gone = MemberFactory(user__full_name="A0", left_on=now().date())
    before = queries_of("wagtailusers_users:index")
    live = [MemberFactory(user__full_name=f"A{n}") for n in (1, 2)]

    assert queries_of("wagtailusers_users:index") == before
    page = cms.get(reverse("wagtailusers_users:index"))
    assert list(page.context["object_list"]) == [
        gone.user,
        *(member.user for member in live),
        staff,
    ]
    assert live[0].reseller.name in page.content.decode()
    assert gone.reseller.name not in page.content.decode()


# --- One's own account -------------------------------------------------------------


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
