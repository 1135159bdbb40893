from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from content.permissions import grant_channel_team
from courses.to_fill_in import matters, to_look_at
from lms.people.accounts import set_channel_team
from tests.factories import (
    EditionFactory,
    HandbookPageFactory,
    ProgrammePageFactory,
    TeamFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def test_teams_that_no_edition_names_are_told():
    training, support = TeamFactory(name="Training"), TeamFactory(name="Support")
    EditionFactory(audience=[support])

    assert [matter.title for matter in matters()] == [training.name]


def test_holes_are_counted_wherever_they_stand():
    hole = ("hole", "Which screen is it?")
    TopicPageFactory(title="Whole", body=[("heading", "Done")])
    TopicPageFactory(title="Gaps", body=[hole], agenda=[hole])
    HandbookPageFactory(title="Part 2", body=[hole])

    told = [(matter.title, matter.words) for matter in matters()]

    assert told == [
        ("Gaps", "2 places to fill in"),
        ("Part 2", "1 place to fill in"),
    ]


@pytest.mark.parametrize("pages", [1, 3])
def test_list_takes_five_queries(django_assert_num_queries, pages):
    for _ in range(pages):
        TopicPageFactory(body=[("hole", "?")])
        ProgrammePageFactory(need_note="To confirm.")

    with django_assert_num_queries(5):  # editions, teams, and the three kinds of page
        found = matters()

    assert len(found) == 2 * pages


def test_first_screen_of_the_cms_shows_the_list(client):
    TopicPageFactory(title="Gaps", body=[("hole", "Which screen is it?")])
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    client.force_login(staff)

    page = client.get("/cms/").content.decode()

    assert "1 place to fill in" in page


# --- To look at again ---------------------------------------------------------------

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUESTION = ("true_false", {"text": "So?", "is_true": True, "reason": "Yes."})


@time_machine.travel(NOW, tick=False)
def test_topics_without_a_check_and_old_ones_are_told():
    year = timedelta(days=365)
    for title, age in (("Old", year + timedelta(seconds=1)), ("New", year)):
        TopicPageFactory(title=title, questions=[QUESTION], last_published_at=NOW - age)
    TopicPageFactory(title="Unchecked", last_published_at=NOW)
    TopicPageFactory(title="Draft", live=False)

    told = [(matter.title, matter.words) for matter in to_look_at()]

    assert told == [
        ("Unchecked", "It has no knowledge check."),
        ("Old", "Last published on 23 November 2025, over a year ago."),
    ]


@pytest.mark.parametrize("pages", [1, 3])
def test_what_to_look_at_takes_as_many_queries(django_assert_num_queries, pages):
    for _ in range(pages):
        TopicPageFactory()

    with django_assert_num_queries(2):  # topics; who tried their checks
        found = to_look_at()

    assert len(found) == pages
