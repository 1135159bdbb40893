"""The buttons that remind."""

from datetime import date
from typing import Any

import pytest
from django.urls import reverse
from django.utils.timezone import now

from lms.mail.models import Message, Nudge
from lms.people.accounts import set_channel_team
from lms.people.models import Member
from tests.factories import (
    EnrolmentFactory,
    MemberFactory,
    NudgeFactory,
    ResellerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
LATE = date(2026, 1, 1)


@pytest.fixture
def manager(client: Any) -> Member:
    manager = MemberFactory(is_manager=True, user__full_name="Ada Manager")
    client.force_login(manager.user)
    return manager


def colleague(manager: Member, **fields: Any) -> Member:
    return EnrolmentFactory(
        member__reseller=manager.reseller, due_on=LATE, **fields
    ).member


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def page_of(client: Any, member: Member) -> str:
    response = client.get(reverse("dashboards:person", args=[member.pk]))
    return " ".join(response.text.split())


def test_remind_reminds_and_the_button_gives_way(client: Any, manager: Member) -> None:
    member = colleague(manager, member__user__full_name="Tess")
    url = reverse("dashboards:remind", args=[member.pk])
    assert url in page_of(client, member)

    response = client.post(url, follow=True)

    assert said(response) == ["Tess is reminded."]
    assert Message.objects.get().recipient == member.user
    page = page_of(client, member)
    assert url not in page
    assert "Asked by Ada Manager on" in page
    assert "Remind again from" in page


def test_remind_again_says_from_when(client: Any, manager: Member) -> None:
    member = colleague(manager, member__user__full_name="Tess")
    NudgeFactory(member=member)

    response = client.post(reverse("dashboards:remind", args=[member.pk]), follow=True)

    (words,) = said(response)
    assert words.startswith(
        "Tess: asked in the last three days already. You can remind them from "
    )
    assert not Message.objects.exists()


def test_who_asked_in_another_company_is_not_named(
    client: Any, manager: Member
) -> None:
    member = colleague(manager)
    stranger = UserFactory(full_name="Stella Stranger")
    NudgeFactory(member=MemberFactory(user=member.user), by=stranger)

    page = page_of(client, member)

    assert "Stella" not in page
    assert "Remind again from" in page


def test_nobody_is_reminded_of_nothing_or_while_away(
    client: Any, manager: Member
) -> None:
    today = now().date()
    done = MemberFactory(reseller=manager.reseller)
    away = colleague(manager, member__away_from_on=today, member__away_until_on=today)

    for member, words in ((done, "nothing is open"), (away, "away now")):
        url = reverse("dashboards:remind", args=[member.pk])
        assert url not in page_of(client, member)
        assert words in said(client.post(url, follow=True))[0]

    assert not Nudge.objects.exists()


def test_remind_all_late_in_words(client: Any, manager: Member) -> None:
    colleague(manager)
    colleague(manager)
    NudgeFactory(member=colleague(manager))
    EnrolmentFactory(member__reseller=manager.reseller)  # not late
    stranger = EnrolmentFactory(due_on=LATE).member

    response = client.post(reverse("dashboards:remind_late"), follow=True)

    assert said(response) == ["2 reminded, 1 reminded in the last three days."]
    assert not stranger.user.messages.exists()


def test_remind_all_late_keeps_to_the_filter(client: Any, manager: Member) -> None:
    below = ResellerFactory(parent=manager.reseller)
    member = EnrolmentFactory(member__reseller=below, due_on=LATE).member
    colleague(manager)

    response = client.post(
        reverse("dashboards:remind_late"), {"reseller": below.pk, "page": "2"}
    )

    assert response.url == f"{reverse('dashboards:team')}?reseller={below.pk}"
    assert Message.objects.get().recipient == member.user


@pytest.mark.parametrize("value", ["0", "x", "9" * 30, "\x00"])
def test_a_company_of_nobody_bears_any_text(
    client: Any, manager: Member, value: str
) -> None:
    response = client.post(
        reverse("dashboards:remind_late"), {"reseller": value, "team": value}
    )

    assert response.status_code == 302


def test_team_offers_to_remind_as_many_as_are_late(
    client: Any, manager: Member
) -> None:
    below = ResellerFactory(parent=manager.reseller)
    EnrolmentFactory(member=colleague(manager), due_on=LATE)  # one person, twice late
    EnrolmentFactory(member__reseller=below, due_on=LATE)
    EnrolmentFactory(member=manager, due_on=LATE)  # nobody reminds themselves
    EnrolmentFactory(due_on=LATE)  # a stranger's

    def button(query: dict[str, Any]) -> str:
        page = client.get(reverse("dashboards:team"), query).text
        return " ".join(page.partition("remind/")[2].partition("</form>")[0].split())

    assert "Remind all 2 who are late" in button({})
    assert f'name="reseller" value="{below.pk}"' in button({"reseller": below.pk})
    assert "Remind 1 who is late" in button({"reseller": below.pk})
    assert button({"q": "nobody at all"}) == ""


def test_channel_team_reminds_the_people_of_one_company(client: Any) -> None:
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    MemberFactory(user=staff, is_manager=True)  # of a company of their own
    own = EnrolmentFactory(due_on=LATE).member
    EnrolmentFactory(due_on=LATE)  # of another company
    client.force_login(staff)

    url = reverse("dashboards:remind_late_of", args=[own.reseller_id])
    client.post(url)

    assert Message.objects.get().recipient == own.user


def test_one_of_the_channel_team_who_manages_reminds_their_own_people(
    client: Any, manager: Member
) -> None:
    set_channel_team(manager.user, True, by=None)
    own = colleague(manager)
    EnrolmentFactory(due_on=LATE)

    client.post(reverse("dashboards:remind_late"))

    assert Message.objects.get().recipient == own.user


def test_buttons_send_what_the_server_asks_of_a_form(
    client: Any, manager: Member
) -> None:
    member = colleague(manager)

    for page in (
        reverse("dashboards:team"),
        reverse("dashboards:person", args=[member.pk]),
    ):
        form = client.get(page).text.partition("remind/")[2].partition("</form>")[0]
        assert 'name="csrfmiddlewaretoken"' in form


@pytest.mark.parametrize(
    ("field", "value"),
    [("q", "x" * 300), ("q", "x" * 40_000), ("team", "none"), ("state", "?")],
)
def test_filter_that_makes_no_sense_reminds_nobody(client, manager, field, value):
    colleague(manager)

    response = client.post(
        reverse("dashboards:remind_late"), {field: value}, follow=True
    )

    assert response.redirect_chain == [(reverse("dashboards:team"), 302)]
    assert "Nobody was reminded" in said(response)[0]
    assert not Nudge.objects.exists()
