import csv
from io import StringIO

import pytest
from django.urls import reverse

from tests.factories import (
    EditionFactory,
    MemberFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def support():
    team = TeamFactory(name="Support")
    EditionFactory(audience=[team], programme__title="User Support")
    return team


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True)


def in_support(manager, support, name="Person A", **fields):
    return TeamMembershipFactory(
        team=support,
        member__reseller=manager.reseller,
        member__user__full_name=name,
        **fields,
    ).member


def get(client, **params):
    return client.get(reverse("dashboards:duties"), params)


def names(response):
    return [line["duty"].member.user.full_name for line in response.context["lines"]]


def test_list_is_of_the_day_asked(client, manager, support):
    in_support(manager, support, until_on="2026-03-01")
    client.force_login(manager.user)

    assert names(get(client, on="2026-02-28")) == ["Person A"]
    assert names(get(client, on="2026-03-01")) == []


@pytest.mark.parametrize("people", [1, 3])
def test_own_people_are_listed_in_18_queries(
    client, manager, support, django_assert_num_queries, people
):
    wanted = [in_support(manager, support, f"Person {n}") for n in range(people)]
    TeamMembershipFactory(team=support)  # a stranger's
    client.force_login(manager.user)

    with django_assert_num_queries(18):
        page = get(client)

    assert names(page) == [each.user.full_name for each in wanted]


def test_filters_narrow(client, manager, support):
    in_support(manager, support, "Ann")
    sales = TeamFactory(name="Sales")
    other = EditionFactory(audience=[sales])
    in_support(manager, sales, "Bob")
    client.force_login(manager.user)

    assert names(get(client)) == ["Ann", "Bob"]
    assert names(get(client, q="bo")) == ["Bob"]
    assert names(get(client, team=support.slug)) == ["Ann"]
    assert names(get(client, programme=other.programme.pk)) == ["Bob"]
    assert names(get(client, reseller=manager.reseller_id)) == ["Ann", "Bob"]


def test_file_holds_all_and_no_formula(client, manager, support):
    in_support(manager, support, "=HYPERLINK(0)")
    client.force_login(manager.user)

    answer = get(client, on="2026-03-01", format="csv")

    rows = list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))
    assert 'filename="who-had-to-2026-03-01.csv"' in answer["Content-Disposition"]
    assert [row[0] for row in rows] == ["Name", "'=HYPERLINK(0)"]
    assert rows[1][3:6] == ["User Support", "Support", "1 January 2020"]
    assert get(client, format="xlsx").status_code == 200


def test_channel_team_sees_everybody(client, manager, support):
    in_support(manager, support)
    TeamMembershipFactory(team=support, member__user__full_name="Zoe")
    client.force_login(UserFactory(is_staff=True))

    assert names(get(client)) == ["Person A", "Zoe"]


@pytest.mark.parametrize("day", ["x", "2026-02-30", "9999-12-31", "0001-01-01", "\x00"])
def test_any_day_is_answered(client, manager, support, day):
    in_support(manager, support)
    client.force_login(manager.user)

    assert get(client, on=day).status_code == 200
    assert get(client, on=day, format="csv").status_code == 200
