import csv
import re
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from django.urls import reverse
from django.utils.timezone import now
from openpyxl import load_workbook

from sessions.models import BookingState
from tests.factories import (
    AcknowledgementFactory,
    BookingFactory,
    EnrolmentFactory,
    EvidenceFactory,
    MemberFactory,
    ResellerFactory,
    TeamMembershipFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True, user__full_name="Ada Manager")


def colleague(manager, name, **fields):
    return MemberFactory(reseller=manager.reseller, user__full_name=name, **fields)


@pytest.mark.parametrize("people", [1, 3])
def test_team_lists_own_people_in_26_queries(
    client, manager, django_assert_num_queries, people
):
    first = EnrolmentFactory(member=colleague(manager, "Person A"))
    for n in range(people - 1):
        EnrolmentFactory(
            member=colleague(manager, f"Person B{n}"), edition=first.edition
        )
    EnrolmentFactory(edition=first.edition)  # a stranger's: it must not leak
    client.force_login(manager.user)

    with django_assert_num_queries(26):
        response = client.get(reverse("dashboards:team"))

    shown = [row.member.user.full_name for row in response.context["page"]]
    assert len(shown) == people + 1
    assert shown[0] == "Ada Manager"


def test_manager_sees_subsidiaries_and_not_the_parent(client):
    parent = ResellerFactory(name="Parent")
    child = ResellerFactory(name="Child", parent=parent)
    above = MemberFactory(reseller=parent, user__full_name="Above")
    below = MemberFactory(reseller=child, is_manager=True, user__full_name="Below")
    top = MemberFactory(reseller=parent, is_manager=True, user__full_name="Top")

    def shown(member):
        client.force_login(member.user)
        page = client.get(reverse("dashboards:team")).context["page"]
        return {row.member for row in page}

    assert shown(top) == {above, below, top}
    assert shown(below) == {below}


def test_company_stands_beside_each_person_where_there_are_several(client, manager):
    client.force_login(manager.user)
    alone = client.get(reverse("dashboards:team"))
    below = ResellerFactory(parent=manager.reseller, name="Pine Training")
    MemberFactory(reseller=below, user__full_name="Bea Below")

    several = client.get(reverse("dashboards:team"))

    def beside(answer):
        return re.findall(r"No team yet(?:\s*· ([^<]+?))?\s*</span", answer.text)

    assert beside(alone) == [""]
    assert beside(several) == [manager.reseller.name, "Pine Training"]


def test_team_is_closed_to_people_who_manage_nobody(client):
    client.force_login(MemberFactory().user)

    assert client.get(reverse("dashboards:team")).status_code == 403


@pytest.mark.parametrize("query", ['a"', "\x00", "x" * 10_000, "%", "';--"])
def test_filters_bear_any_text(client, manager, query):
    client.force_login(manager.user)
    params = {"q": query, "team": query, "state": query, "page": query}

    response = client.get(reverse("dashboards:team"), params)

    assert response.status_code == 200


@pytest.mark.parametrize("query", ["o'connor", "  Liam   O'Connor\x07 "])
def test_people_are_found_by_name(client, manager, query):
    liam = colleague(manager, "Liam O'Connor")
    client.force_login(manager.user)

    response = client.get(reverse("dashboards:team"), {"q": query})

    assert [row.member for row in response.context["page"]] == [liam]


def test_unknown_page_number_shows_the_last_page(client, manager):
    client.force_login(manager.user)

    response = client.get(reverse("dashboards:team"), {"page": "99"})

    assert list(response.context["page"])


def test_team_and_state_filters_narrow(client, manager):
    support = TeamMembershipFactory(member=colleague(manager, "Sue Support"))
    colleague(manager, "Otto Other")
    client.force_login(manager.user)

    response = client.get(reverse("dashboards:team"), {"team": support.team.slug})

    assert [row.member for row in response.context["page"]] == [support.member]


def test_csv_and_xlsx_hold_all_rows_and_no_formula(client, manager):
    evil = "=HYPERLINK(0)"
    colleague(manager, evil)
    client.force_login(manager.user)

    as_csv = client.get(reverse("dashboards:team"), {"format": "csv"})
    as_xlsx = client.get(reverse("dashboards:team"), {"format": "xlsx"})

    rows = list(csv.reader(StringIO(as_csv.getvalue().decode("utf-8-sig"))))
    sheet = load_workbook(BytesIO(as_xlsx.getvalue())).active
    assert [row[0] for row in rows] == ["Name", f"'{evil}", "Ada Manager"]
    assert [row[0].value for row in sheet.rows] == ["Name", f"'{evil}", "Ada Manager"]


def test_person_is_a_404_for_another_resellers_manager(client, manager):
    stranger = MemberFactory()
    client.force_login(manager.user)

    foreign = client.get(reverse("dashboards:person", args=[stranger.pk]))
    missing = client.get(reverse("dashboards:person", args=[10**9]))

    assert foreign.status_code == missing.status_code == 404


@pytest.mark.parametrize("programmes", [1, 3])
def test_person_record_takes_25_queries(
    client, manager, django_assert_num_queries, programmes
):
    member = colleague(manager, "Person A")
    EnrolmentFactory.create_batch(programmes, member=member)
    for _ in range(programmes):
        AcknowledgementFactory(member=member, page__is_acknowledged=True)
    client.force_login(manager.user)

    with django_assert_num_queries(25):
        response = client.get(reverse("dashboards:person", args=[member.pk]))

    assert len(response.context["record"].cells) == programmes


def test_person_record_counts_missed_calls_without_reasons(client, manager):
    member = colleague(manager, "Person A")
    enrolment = EnrolmentFactory(member=member)
    BookingFactory(
        enrolment=enrolment,
        state=BookingState.CANCELLED,
        late=True,
        ended_by=member.user,
        reason="My own matter",
    )
    client.force_login(manager.user)

    page = client.get(reverse("dashboards:person", args=[member.pk]))

    assert "Missed: 0 · cancelled late: 1" in " ".join(page.text.split())
    assert "My own matter" not in page.text


def test_tick_opens_what_a_manager_may_see_of_the_call(client, manager):
    enrolment = EnrolmentFactory(member=colleague(manager, "Person A"))
    call = BookingFactory(
        enrolment=enrolment,
        starts_at=now() - timedelta(days=2),
        state=BookingState.DONE,
    )
    call.topics.update(
        outcome="covered",
        criteria_met=["Names the three categories"],
        note="Well done",
        private_note="Was nervous",
    )
    EvidenceFactory(enrolment=enrolment, kind="call", topic=call.topics.get().topic)
    client.force_login(manager.user)

    page = client.get(reverse("dashboards:person", args=[enrolment.member.pk]))

    for seen in ("Names the three categories", "Well done", call.get_absolute_url()):
        assert seen in page.text
    assert "Was nervous" not in page.text


def test_people_are_sorted_by_name_company_state_and_date(client, manager):
    child = ResellerFactory(parent=manager.reseller, name="Aardvark")
    today = now().date()
    late = EnrolmentFactory(
        member=colleague(manager, "Zoe"), due_on=today - timedelta(days=1)
    )
    soon = EnrolmentFactory(
        member=MemberFactory(reseller=child, user__full_name="Bea"),
        edition=late.edition,
        completed=True,
        valid_until=today + timedelta(days=200),
    )
    slug = late.programme.slug
    ada, zoe, bea = manager, late.member, soon.member
    client.force_login(manager.user)

    def shown(sort):
        page = client.get(reverse("dashboards:team"), {"sort": sort}).context["page"]
        return [row.member for row in page]

    assert shown("") == shown("no such") == shown("name") == [ada, bea, zoe]
    assert shown("-name") == [zoe, bea, ada]
    assert shown("company")[0] == bea
    assert shown(slug) == [zoe, bea, ada]
    assert shown(f"-{slug}") == [bea, zoe, ada]
    assert shown(f"{slug}.date") == [zoe, bea, ada]
    assert shown(f"-{slug}.date") == [bea, zoe, ada]


def test_each_state_shows_those_who_are_in_it_and_the_numbers_follow(client, manager):
    late = EnrolmentFactory(
        member=colleague(manager, "Zoe"), due_on=now().date() - timedelta(days=1)
    )
    EnrolmentFactory(
        member=colleague(manager, "Quinn"), edition=late.edition, completed=True
    )
    gone = colleague(manager, "Liv", left_on=now().date())
    client.force_login(manager.user)

    def shown(state):
        answer = client.get(reverse("dashboards:team"), {"state": state})
        figures = [figure.value for figure in answer.context["matrix"].figures()]
        names = [row.member.user.full_name for row in answer.context["page"]]
        return names, figures

    assert shown("") == (["Ada Manager", "Quinn", "Zoe"], [3, 1, 1, 1])
    assert shown("attention") == (["Zoe"], [1, 0, 1, 1])
    assert shown("overdue") == (["Zoe"], [1, 0, 1, 1])
    assert shown("held") == shown("qualified") == (["Quinn"], [1, 1, 0, 0])
    assert shown("not-required") == (["Ada Manager"], [1, 0, 0, 0])
    assert shown("left") == ([gone.user.full_name], [1, 0, 0, 0])
