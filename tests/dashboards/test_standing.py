"""The channel team's screens of where each reseller stands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from lms.audit.looking import LOOKED
from lms.audit.models import Event
from lms.dashboards.standing import PAGE_SIZE
from lms.dashboards.trend import days_up_to, trend_of
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
PAGE = "/standing/"
TODAY = date(2026, 11, 24)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _frozen():
    with time_machine.travel(datetime(2026, 11, 24, 9, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def staff(client):
    user = UserFactory(is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def edition():
    return EditionFactory(audience=[TeamFactory(name="Support")], topics=[])


@pytest.fixture
def person(edition):
    """Somebody in the team of a reseller, qualified from a day to a day."""

    def make(reseller, since=None, until=None, **fields):
        member = MemberFactory(reseller=reseller, **fields)
        team = edition.audience.get().team
        TeamMembershipFactory(team=team, member=member, from_on=date(2024, 1, 1))
        if since:
            at = datetime(since.year, since.month, since.day, tzinfo=UTC)
            EnrolmentFactory(
                member=member,
                edition=edition,
                enrolled_at=at,
                completed_at=at,
                valid_from=since,
                valid_until=until,
            )
        return member

    return make


def names(response):
    return [line.reseller.name for line in response.context["lines"]]


def words(response):
    return [line.cells[0].words for line in response.context["lines"]]


def states(response):
    return [str(line.cells[0].state.word) for line in response.context["lines"]]


def test_need_of_a_reseller_counts_its_subsidiaries_in(client, staff, person):
    top = ResellerFactory(name="Alder")
    below = ResellerFactory(name="Birch", parent=top)
    person(top, since=date(2026, 1, 1))
    person(below)

    page = client.get(PAGE)

    assert names(page) == ["Alder", "Birch"]
    assert words(page) == ["1 of 2 qualified", "0 of 1 qualified"]
    assert states(page) == ["Need not met", "Need not met"]
    assert "subsidiary of" in page.text


def test_it_is_shown_as_it_was_and_will_be_on_any_day(client, staff, person):
    person(ResellerFactory(name="Alder"), date(2026, 3, 1), date(2027, 1, 14))

    def on(day):
        page = client.get(PAGE, {"on": day})
        return states(page), words(page)

    assert on("2026-02-28") == (["Need not met"], ["0 of 1 qualified"])
    met = ["1 of 1 qualified · until 14 January 2027"]
    assert on("2026-03-01") == (["Need met"], met)
    assert on("2027-01-13") == (["Need met"], met)
    assert on("2027-01-14") == (["Need not met"], ["0 of 1 qualified"])


def test_next_gap_is_of_who_is_in_training_too(client, staff, person, edition):
    top = ResellerFactory()
    member = person(top)
    due_on = TODAY + DAY
    EnrolmentFactory(member=member, edition=edition, due_on=due_on)

    page = client.get(PAGE)

    assert states(page) == ["In training"]
    assert words(page) == ["not met from 25 November 2026"]
    assert page.context["lines"][0].next_gap == due_on


@pytest.mark.parametrize("on", ["1999-12-31", "2040-01-01", "soon", "9999-12-31"])
def test_day_out_of_reach_is_told_and_today_is_shown(client, staff, person, on):
    person(ResellerFactory())

    page = client.get(PAGE, {"on": on})

    assert page.status_code == 200
    assert "on" in page.context["form"].errors
    assert page.context["day"] == TODAY


def test_who_was_not_approved_on_the_day_is_left_out(client, staff, person):
    ResellerFactory(name="Alder", approved_on=date(2026, 6, 1))
    ResellerFactory(name="Birch", ended_on=date(2026, 6, 1))

    assert names(client.get(PAGE, {"on": "2026-05-31"})) == ["Birch"]
    assert names(client.get(PAGE, {"on": "2026-06-01"})) == ["Alder"]


def test_filters_and_order_stand_in_the_address(client, staff, person):
    gap_soon, gap_late, no_gap, unmet = (
        ResellerFactory(name=name) for name in ("Delta", "Charlie", "Bravo", "Alpha")
    )
    person(gap_soon, date(2026, 1, 1), date(2026, 12, 1))
    person(gap_late, date(2026, 1, 1), date(2027, 12, 1))
    person(no_gap, date(2026, 1, 1))
    person(unmet)

    def shown(**asked):
        return names(client.get(PAGE, asked))

    assert shown(state="unmet") == ["Alpha"]
    assert set(shown(state="gap")) == {"Delta", "Charlie"}
    assert shown(sort="gap")[:2] == ["Delta", "Charlie"]
    assert shown(sort="-gap")[:2] == ["Charlie", "Delta"]
    assert shown(sort="-name") == ["Delta", "Charlie", "Bravo", "Alpha"]
    assert shown(q="bra") == ["Bravo"]
    assert shown(sort="nonsense", state="nonsense") == shown()


def test_long_list_is_parted_and_keeps_what_is_asked(client, staff):
    ResellerFactory.create_batch(PAGE_SIZE + 1)

    page = client.get(PAGE, {"page": 2, "on": "2026-05-01"})

    assert len(names(page)) == 1
    assert "on=2026-05-01" in page.text


def test_file_says_need_and_gap_of_that_day(client, staff, person, edition):
    top = ResellerFactory(name="=Alder")
    person(top, date(2026, 3, 1), date(2027, 1, 14))

    body = client.get(PAGE, {"format": "csv", "on": "2026-04-01"}).content.decode()

    assert body.splitlines()[1] == (
        f"'=Alder,,{edition.programme.title},2026-04-01,Everyone in Support,Need met,"
        "1,1,0,0,2027-01-14"
    )
    assert client.get(PAGE, {"format": "xlsx"}).status_code == 200


@pytest.mark.parametrize("count", [1, 3])
def test_page_of_any_number_takes_20_queries(
    client, staff, person, django_assert_num_queries, count
):
    for _number in range(count):
        top = ResellerFactory()
        person(ResellerFactory(parent=top), date(2026, 1, 1))
    client.get(PAGE)

    with django_assert_num_queries(20):
        page = client.get(PAGE)

    assert len(names(page)) == 2 * count


# --- The trend -----------------------------------------------------------------------


def test_trend_is_of_month_ends_and_the_day():
    days = days_up_to(TODAY)

    assert days[0] == date(2025, 11, 30)
    assert days[-2:] == [date(2026, 10, 31), TODAY]
    assert len(days) == 13
    assert days_up_to(date(2026, 3, 1))[-2:] == [date(2026, 2, 28), date(2026, 3, 1)]


def test_trend_says_how_many_needs_were_met(client, staff, person):
    person(ResellerFactory(), date(2026, 3, 1), date(2026, 9, 1))
    person(ResellerFactory(), date(2026, 6, 1))

    trend = client.get(PAGE).context["trend"]

    met = {point.on: (point.met, point.asked) for point in trend.points}
    assert met[date(2026, 2, 28)] == (0, 2)
    assert met[date(2026, 3, 31)] == (1, 2)
    assert met[date(2026, 6, 30)] == (2, 2)
    assert met[date(2026, 9, 30)] == (1, 2)
    assert met[TODAY] == (1, 2)


def test_trend_rises_with_the_share_and_has_a_table_under_it(client, staff, person):
    person(ResellerFactory(), date(2026, 6, 1))

    page = client.get(PAGE)

    before, after = page.context["trend"].points[0], page.context["trend"].points[-1]
    assert (before.y, after.y) == (148, 12)
    assert (before.x, after.x) == (12, 628)
    assert "0 of 1 on 30 November 2025, 1 of 1 on 24 November 2026" in page.text
    assert page.text.count("<tr>") >= 13 + 2


def test_trend_of_nothing_asked_for_is_left_out(client, staff):
    assert not trend_of({TODAY: []}).has_any
    assert '<svg\n      class="trend"' not in client.get(PAGE).text


# --- As its managers see it ----------------------------------------------------------


def test_reseller_is_marked_and_the_look_is_logged(client, staff, person):
    top = ResellerFactory(name="Alder")
    manager = person(top, is_manager=True)
    page = client.get(reverse("dashboards:reseller", args=[top.pk]))

    assert "You see this as the managers of Alder see" in page.text
    assert manager.user.full_name in page.text
    look = Event.objects.get(verb=LOOKED)
    assert (look.actor, look.target_id) == (staff, str(top.pk))


def test_reseller_without_a_manager_says_so(client, staff):
    top = ResellerFactory()

    page = client.get(reverse("dashboards:reseller", args=[top.pk]))

    assert "It has no manager yet" in page.text


def test_look_at_a_person_is_logged_and_a_managers_is_not(client, staff, person):
    top = ResellerFactory()
    member, manager = person(top), person(top, is_manager=True)
    page = reverse("dashboards:person", args=[member.pk])

    client.get(page)
    client.force_login(manager.user)
    client.get(page)

    look = Event.objects.get(verb=LOOKED)
    assert (look.actor, look.about) == (staff, member.user)


def test_who_reads_only_is_offered_nothing_to_change_there(client, person):
    member = person(ResellerFactory())
    page = reverse("dashboards:reseller", args=[member.reseller_id])
    shown = []
    for may in (True, False):
        client.force_login(UserFactory(is_staff=True, may_change_people=may))
        shown.append("Add the ticked to a programme" in client.get(page).text)

    assert shown == [True, False]
