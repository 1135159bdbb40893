"""The seed: everything once, and never over an editor's head."""

from datetime import date

import pytest
from django.db import connection
from wagtail.models import Page, Site

from content.models import HandbookPage, HomePage
from courses.models import Edition, EditionTopic, ProgrammePage, TopicPage
from lms.people.models import Team
from lms.seed.content import seed_content
from lms.seed.policy import read_policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]


def rows() -> dict[str, list[tuple]]:
    """Every row of every table that the seed may touch, as the database holds it."""
    tables = [
        name
        for name in connection.introspection.table_names()
        if name.startswith(("content_", "courses_", "people_", "seed_", "wagtailcore_"))
    ]
    with connection.cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            found[table] = sorted(cursor.fetchall(), key=str)
    return found


def test_seed_makes_what_the_policy_names():
    assert [(p.section, p.title) for p in ProgrammePage.objects.order_by("path")] == [
        ("1.1", "Sales & Marketing"),
        ("1.2", "Production & Onboarding"),
        ("1.3", "User Support"),
        ("1.4", "Data Privacy & Analytics"),
    ]
    assert list(Team.objects.values_list("name", flat=True)) == [
        "Sales & Marketing",
        "Production & Deployment",
        "Support",
        "Analysts",
        "Data Protection Officers",
        "Administrators",
        "Training",
    ]
    assert TopicPage.objects.live().count() == 15


def test_seeding_twice_changes_nothing():
    before = rows()

    made = seed_content()

    assert made == []
    assert rows() == before


def test_edition_1_asks_what_the_policy_file_says():
    support = Edition.objects.get(section="1.3")

    assert (support.number, support.title) == (1, "User Support")
    assert support.effective_on == date(2020, 4, 6)  # the policy's own date
    assert (support.need_count, support.validity_months) == (None, None)
    assert [each.team.slug for each in support.audience.all()] == ["support"]
    source = next(p for p in read_policy().programmes if p.section == "1.3")
    assert [
        (each.title, each.needs_read, each.needs_call, each.call_minutes, each.criteria)
        for each in support.topics.all()
    ] == [
        (t.title, True, True, t.call_minutes, [line for _, line in t.criteria])
        for t in source.topics
    ]


def test_each_programme_has_one_edition_and_1_4_needs_one_person():
    editions = Edition.objects.order_by("section").values_list(
        "section", "number", "need_count"
    )

    assert list(editions) == [
        ("1.1", 1, None),
        ("1.2", 1, None),
        ("1.3", 1, None),
        ("1.4", 1, 1),
    ]
    assert EditionTopic.objects.exclude(revision=None).count() == 15
    programme = ProgrammePage.objects.get(section="1.4")
    assert "please confirm" in programme.need_note


def test_handbook_holds_the_policy_and_its_date():
    parts = HandbookPage.objects.exclude(section="").order_by("path")

    assert [(part.section, part.title, part.has_holes) for part in parts] == [
        ("1", "ByteKast Qualifications", False),
        ("2", "Supporting Subscribers", True),
        ("3", "Supporting End-Users", True),
        ("4", "Reseller Support", True),
    ]
    assert {page.last_edited_on for page in parts} == {date(2020, 4, 6)}


def test_site_follows_a_new_public_url(settings):
    settings.PUBLIC_URL = "http://localhost:8123"

    seed_content()

    assert Site.objects.get().root_url == "http://localhost:8123"


def test_wagtails_welcome_page_is_gone():
    assert [page.specific_class for page in Page.objects.filter(depth=2)] == [HomePage]


def test_editors_words_survive():
    topic = TopicPage.objects.get(slug="using-resolve")
    topic.title, topic.slug = "Working with Resolve", "resolve"
    topic.body = [("text", "<p>Ours.</p>")]
    topic.save_revision().publish()
    Team.objects.filter(slug="support").update(name="Help desk", slug="help-desk")

    seed_content()

    topic.refresh_from_db()
    assert (topic.title, str(topic.body[0].value)) == (
        "Working with Resolve",
        "<p>Ours.</p>",
    )
    assert TopicPage.objects.count() == 15
    assert Team.objects.count() == 7
    assert Team.objects.filter(slug="support").exists() is False


def test_what_an_editor_deleted_stays_deleted():
    HandbookPage.objects.get(slug="scope").delete()
    Team.objects.get(slug="training").delete()

    seed_content()

    assert HandbookPage.objects.filter(slug="scope").exists() is False
    assert Team.objects.filter(slug="training").exists() is False
