"""Who has read the handbook: for a manager, for the channel team, on a record."""

import csv
from datetime import UTC, date, datetime
from io import StringIO

import pytest
import time_machine
from django.urls import reverse

from content.acknowledging import acknowledge
from lms.dashboards import handbook
from lms.people.access import Access
from lms.people.models import Reseller
from tests.factories import (
    HandbookPageFactory,
    MemberFactory,
    ResellerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
TEAM = reverse("dashboards:team_handbook")
STANDING = reverse("dashboards:standing_handbook")
TEAM_QUERIES, STANDING_QUERIES = 11, 10  # the frame's among them
WRITTEN = [("text", "<p>The policy's own words.</p>")]


@pytest.fixture
def page():
    page = HandbookPageFactory(title="Scope", body=WRITTEN, is_acknowledged=True)
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        page.save_revision().publish()  # due on 31 March
    page.refresh_from_db()
    return page


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True, user__full_name="Ada Manager")


def colleague(manager, name, **fields):
    return MemberFactory(reseller=manager.reseller, user__full_name=name, **fields)


def on(day, hour=12):
    return time_machine.travel(datetime(2026, 3, day, hour, tzinfo=UTC), tick=False)


def names(response):
    return [row.member.user.full_name for row in response.context["page"]]


def rows_of(response):
    text = response.content.decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


@pytest.mark.parametrize("people", [1, 3])
def test_manager_sees_own_people_in_as_many_queries(
    client, page, manager, django_assert_num_queries, people
):
    for n in range(people):
        acknowledge(colleague(manager, f"Person {n}"), page, version=1)
    colleague(manager, "Left", left_on=date(2026, 2, 1))
    MemberFactory(user__full_name="A stranger")  # must not leak
    client.force_login(manager.user)
    client.get(TEAM)

    with django_assert_num_queries(TEAM_QUERIES):
        response = client.get(TEAM)

    assert names(response) == ["Ada Manager", *(f"Person {n}" for n in range(people))]
    assert [figure.value for figure in response.context["figures"]][:2] == [
        people + 1,
        people,
    ]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["Ada Manager", "Bea", "New"]),
        ("?state=read", ["Bea"]),
        ("?state=owed", ["Ada Manager", "New"]),
        ("?state=overdue", ["Ada Manager"]),
        ("?q=be", ["Bea"]),
        ("?state=nonsense&reseller=x", ["Ada Manager", "Bea", "New"]),
    ],
)
def test_list_is_filtered(client, page, manager, query, shown):
    acknowledge(colleague(manager, "Bea"), page, version=1)
    colleague(manager, "New", joined_on=date(2026, 3, 31))
    client.force_login(manager.user)

    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC), tick=False):
        response = client.get(TEAM + query)

    assert names(response) == shown


def test_nothing_is_listed_while_no_page_asks(client, manager):
    HandbookPageFactory(body=[("hole", "x")], is_acknowledged=True)
    client.force_login(manager.user)

    assert "No page asks to be confirmed" in client.get(TEAM).content.decode()


def test_file_gives_version_dates_and_the_text_confirmed(
    client, page, manager, settings
):
    settings.PUBLIC_URL = "https://q.example.com"
    with on(2):
        given = acknowledge(manager, page, version=1)
    colleague(manager, "=Bea")
    client.force_login(manager.user)

    with on(3):
        first, second = sorted(
            rows_of(client.get(TEAM, {"format": "csv"})), key=lambda row: row["State"]
        )

    assert first | {"Email": ""} == {
        "Name": "Ada Manager",
        "Email": "",
        "Company": manager.reseller.name,
        "Page": "Scope",
        "Version": "1",
        "Published": "2026-03-01",
        "Due on": "2026-03-31",
        "State": "Confirmed",
        "Confirmed on": "2026-03-02",
        "Text": f"https://q.example.com{given.get_absolute_url()}",
    }
    assert (second["Name"], second["State"]) == ("'=Bea", "To confirm")
    assert (second["Confirmed on"], second["Text"]) == ("", "")


def test_file_holds_only_what_is_shown(client, page, manager):
    acknowledge(colleague(manager, "Bea"), page, version=1)
    client.force_login(manager.user)

    rows = rows_of(client.get(TEAM, {"format": "csv", "state": "read"}))
    sheet = client.get(TEAM, {"format": "xlsx", "state": "read"})

    assert [row["Name"] for row in rows] == ["Bea"]
    assert sheet["Content-Disposition"].endswith('.xlsx"')


# --- The channel team ---------------------------------------------------------------


@pytest.mark.parametrize("companies", [1, 3])
def test_staff_see_companies_counted(
    client, page, django_assert_num_queries, companies
):
    resellers = ResellerFactory.create_batch(companies)
    for reseller in resellers:
        acknowledge(MemberFactory(reseller=reseller), page, version=1)
        MemberFactory(reseller=reseller)
    MemberFactory(reseller=ResellerFactory(ended_on=date(2026, 1, 1)))
    client.force_login(UserFactory(is_staff=True))
    client.get(STANDING)

    with on(31), django_assert_num_queries(STANDING_QUERIES):
        response = client.get(STANDING)
    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC), tick=False):
        late = client.get(STANDING, {"format": "csv"})

    told = [
        (line.reseller, line.people, line.done, line.overdue)
        for line in response.context["lines"]
    ]
    assert told == [(reseller, 2, 1, 0) for reseller in resellers]
    assert [row["Overdue"] for row in rows_of(late)] == ["1"] * companies


def test_very_many_people_are_counted_in_parts(client, page, monkeypatch):
    monkeypatch.setattr("lms.dashboards.handbook.AT_ONCE", 2)
    reseller = ResellerFactory()
    for _ in range(3):
        acknowledge(MemberFactory(reseller=reseller), page, version=1)
    MemberFactory.create_batch(2, reseller=reseller)
    client.force_login(UserFactory(is_staff=True))

    with on(31):
        (line,) = client.get(STANDING).context["lines"]

    assert (line.people, line.done, line.overdue) == (5, 3, 0)


def test_staff_see_a_reseller_and_what_is_below_it(client, page):
    parent = ResellerFactory(name="Parent")
    child = ResellerFactory(name="Child", parent=parent)
    MemberFactory(reseller=parent, user__full_name="Above")
    MemberFactory(reseller=child, user__full_name="Below")
    MemberFactory(user__full_name="Elsewhere")
    client.force_login(UserFactory(is_staff=True))

    answers = [
        names(client.get(reverse("dashboards:reseller_handbook", args=[each.pk])))
        for each in (parent, child)
    ]

    assert answers == [["Above", "Below"], ["Below"]]


# --- One's own ----------------------------------------------------------------------


def test_my_learning_asks_for_it_by_its_date(client, page, manager):
    client.force_login(manager.user)

    with on(2):
        before = client.get(reverse("dashboards:my"))
        acknowledge(manager, page, version=1)
        after = client.get(reverse("dashboards:my"))

    assert before.context["step"].title == "Read and confirm: Scope"
    assert "31 March 2026" in before.content.decode()
    assert "To read and confirm" not in after.content.decode()


def test_overdue_page_comes_first(client, page, manager):
    client.force_login(manager.user)

    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC), tick=False):
        shown = client.get(reverse("dashboards:my"))

    assert shown.context["step"].title == "Read and confirm: Scope"
    assert "Overdue" in shown.content.decode()


def test_record_shows_what_was_confirmed_and_what_is_owed(client, page, manager):
    member = colleague(manager, "Bea")
    given = acknowledge(member, page, version=1)
    page.version = 2
    page.save_revision().publish()
    client.force_login(manager.user)

    shown = client.get(reverse("dashboards:person", args=[member.pk]))

    text = " ".join(shown.content.decode().split())
    assert given.get_absolute_url() in text
    assert "Version 1, confirmed on" in text
    assert "Version 2: to confirm by" in text


def test_people_of_a_company_one_does_not_see_are_not_listed(rf, manager, page):
    MemberFactory()  # a stranger's: it must not leak
    request = rf.get(TEAM, {"format": "csv"})
    request.user, request.access = manager.user, Access(manager.user)

    with on(5):
        answer = handbook._show(request, Reseller.objects.all(), {})

    rows = csv.reader(StringIO(b"".join(answer).decode("utf-8-sig")))
    assert [row[0] for row in rows][1:] == ["Ada Manager"]
