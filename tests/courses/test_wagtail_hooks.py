"""What an editor may not do to pages that people's records point to."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils.timezone import now
from wagtail.models import Page

from courses.models import Edition, Enrolment, ProgrammePage, TopicPage
from courses.wagtail_hooks import edition_button
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    HandbookPageFactory,
    ProgrammePageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
    UserFactory,
    home_page,
    programme_index,
)


@pytest.fixture
def cms(client, db):
    """Return a client signed in as one who may do anything in the CMS."""
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def edition(db):
    """Return an edition on two topics of a programme."""
    programme = ProgrammePageFactory(title="User Support")
    for title in ("Using Resolve", "Escalating Tickets"):
        TopicPageFactory(parent=programme, title=title)
    return EditionFactory(programme=programme)


def said_by(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def of_the_edition(edition, which):
    return {
        "topic": lambda: edition.topics.first().topic,
        "programme": lambda: edition.programme,
        "index": programme_index,
        "home": home_page,
    }[which]()


def bulk(action, *pages):
    ids = "&".join(f"id={page.pk}" for page in pages)
    url = reverse("wagtail_bulk_action", args=["wagtailcore", "page", action])
    return f"{url}?{ids}"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("which", ["topic", "programme", "index", "home"])
def test_page_of_an_edition_is_not_deleted(cms, edition, which, method):
    page = of_the_edition(edition, which)
    pages = Page.objects.count()
    url = reverse("wagtailadmin_pages:delete", args=[page.pk])

    response = getattr(cms, method)(url)

    assert response.status_code == 302
    assert said_by(response).startswith("Nothing was deleted: a published edition asks")
    assert Page.objects.count() == pages


@pytest.mark.parametrize("which", ["topic", "programme", "index"])
def test_pages_of_an_edition_are_not_deleted_among_many(cms, edition, which):
    pages = [HandbookPageFactory(), of_the_edition(edition, which)]

    response = cms.post(bulk("delete", *pages))

    assert response.status_code == 302
    assert "Nothing was deleted" in said_by(response)
    assert Page.objects.filter(pk__in=[page.pk for page in pages]).count() == 2


def test_page_that_nobody_learns_from_is_deleted(cms, edition):
    draft = TopicPageFactory(parent=edition.programme)

    response = cms.post(reverse("wagtailadmin_pages:delete", args=[draft.pk]))

    assert response.status_code == 302
    assert not TopicPage.objects.filter(pk=draft.pk).exists()


@pytest.mark.parametrize("which", ["topic", "programme", "index", "home"])
def test_page_of_an_edition_is_not_unpublished(cms, edition, which):
    page = of_the_edition(edition, which)

    response = cms.post(
        reverse("wagtailadmin_pages:unpublish", args=[page.pk]),
        {"include_descendants": "on"},
    )

    assert response.status_code == 302
    assert said_by(response).startswith("Nothing was unpublished")
    assert not Page.objects.not_live().exists()


@pytest.mark.parametrize("which", ["topic", "programme", "index"])
def test_pages_of_an_edition_are_not_unpublished_among_many(cms, edition, which):
    pages = [HandbookPageFactory(), of_the_edition(edition, which)]

    response = cms.post(bulk("unpublish", *pages), {"include_descendants": "on"})

    assert response.status_code == 302
    assert "Nothing was unpublished" in said_by(response)
    assert not Page.objects.not_live().exists()


def test_topic_is_unpublished_once_an_edition_goes_without_it(cms, edition):
    first, second = [row.topic for row in edition.topics.all()]
    enrolment = EnrolmentFactory(edition=edition)
    EditionFactory(programme=edition.programme, topics=[second])
    url = reverse("wagtailadmin_pages:unpublish", args=[first.pk])

    response = cms.post(url)
    assert "Nothing was unpublished" in said_by(response)  # one is in the middle

    Enrolment.objects.filter(pk=enrolment.pk).update(withdrawn_at=now())
    cms.post(url)
    first.refresh_from_db()
    assert not first.live


def test_topic_of_an_edition_is_not_moved_to_another_programme(cms, edition):
    topic, other = edition.topics.first().topic, ProgrammePageFactory()
    args = [topic.pk, other.pk]

    response = cms.post(reverse("wagtailadmin_pages:move_confirm", args=args))

    assert response.status_code == 302
    assert said_by(response).startswith("Nothing was moved")
    topic.refresh_from_db()
    assert topic.get_parent().pk == edition.programme.pk


def test_topics_of_an_edition_are_not_moved_among_many(cms, edition):
    loose, other = TopicPageFactory(), ProgrammePageFactory()
    topic = edition.topics.first().topic

    response = cms.post(bulk("move", loose, topic), {"chooser": other.pk})

    assert response.status_code == 302
    assert "Nothing was moved" in said_by(response)
    assert not other.get_children().exists()


def test_topic_that_no_edition_asks_for_is_moved(cms, edition):
    topic, other = TopicPageFactory(), ProgrammePageFactory()
    args = [topic.pk, other.pk]

    cms.post(reverse("wagtailadmin_pages:move_confirm", args=args))

    topic.refresh_from_db()
    assert topic.get_parent().pk == other.pk


def test_copy_of_a_programme_is_a_draft_without_number_audience_edition(cms, edition):
    programme = edition.programme
    programme.section = "1.3"
    programme.audience.set([TeamFactory()])
    programme.save_revision().publish()
    url = reverse("wagtailadmin_pages:copy", args=[programme.pk])
    fields = cms.get(url).context["form"].fields

    cms.post(
        url,
        {
            "new_title": "User Support, new",
            "new_slug": "new",
            "new_parent_page": programme.get_parent().pk,
            "copy_subpages": "on",
            "publish_copies": "on",
            "alias": "on",
        },
    )

    copy = ProgrammePage.objects.get(slug="new")
    assert {"publish_copies", "alias"}.isdisjoint(fields)
    assert (copy.live, copy.alias_of, copy.section) == (False, None, "")
    assert not copy.audience.exists()
    assert not copy.editions.exists()
    assert [topic.live for topic in copy.topics()] == [False, False]
    draft = copy.get_latest_revision_as_object()
    assert (draft.section, list(draft.audience.all())) == ("", [])
    programme.refresh_from_db()
    assert (programme.section, programme.audience.count()) == ("1.3", 1)


# --- Publishing the first edition ---------------------------------------------------


@pytest.fixture
def programme(db):
    """Return a programme without an edition, whose team has one person."""
    team = TeamFactory(name="Support")
    TeamMembershipFactory(team=team)
    programme = ProgrammePageFactory(title="User Support", audience=[team])
    TopicPageFactory(parent=programme, title="Using Resolve")
    return programme


def publish_url(programme):
    return reverse("courses_publish_edition", args=[programme.pk])


def test_new_programme_offers_its_first_edition_and_says_what_it_asks(cms, programme):
    explorer = cms.get(reverse("wagtailadmin_explore", args=[programme.pk]))
    page = " ".join(cms.get(publish_url(programme)).content.decode().split())

    assert publish_url(programme) in explorer.content.decode()
    assert "1 person is in these teams today" in page
    assert "Using Resolve" in page
    assert "Read · Call, 20 minutes" in page


def test_publishing_twice_publishes_one_edition_and_adds_its_people(cms, programme):
    answers = [cms.post(publish_url(programme)) for _ in range(2)]

    assert Edition.objects.get().programme == programme
    assert Enrolment.objects.count() == 1
    assert said_by(answers[0]) == "Edition 1 is published. People added: 1."
    assert "Edition 1 is published already." in said_by(answers[1])
    explorer = cms.get(reverse("wagtailadmin_explore", args=[programme.pk]))
    assert publish_url(programme) not in explorer.content.decode()
    assert cms.get(publish_url(programme)).status_code == 200


def test_unfinished_programme_says_what_is_missing(cms, programme):
    programme.unpublish()

    page = cms.get(publish_url(programme)).content.decode()
    answer = cms.post(publish_url(programme))

    assert "Publish the programme&#x27;s page first." in page
    assert said_by(answer) == "Publish the programme's page first."
    assert not Edition.objects.exists()


def test_first_edition_is_not_for_those_who_may_not_publish(client, programme):
    url = publish_url(programme)

    client.force_login(UserFactory())
    assert client.post(url).status_code == 302
    assert not Edition.objects.exists()
    assert list(edition_button(programme, UserFactory())) == []


def test_programme_with_an_edition_offers_the_next(cms, edition):
    (button,) = edition_button(edition.programme, UserFactory(is_superuser=True))

    url = reverse("courses_next_edition", args=[edition.programme_id])
    assert (button.label, button.url) == ("Next edition", url)


def test_other_pages_offer_no_edition(cms, edition):
    user = UserFactory(is_superuser=True)

    for page in (edition.topics.first().topic, home_page()):
        assert list(edition_button(page, user)) == []


def test_menu_leads_straight_to_programmes_and_handbook(cms, edition):
    handbook = HandbookPageFactory()

    menu = cms.get("/cms/").content.decode()

    for page in (programme_index(), handbook):
        assert reverse("wagtailadmin_explore", args=[page.pk]) in menu


@pytest.mark.parametrize("which", ["topic", "programme", "index", "home"])
def test_draft_can_be_previewed(cms, edition, which):
    page = of_the_edition(edition, which)
    page.specific.save_revision()

    response = cms.get(reverse("wagtailadmin_pages:view_draft", args=[page.pk]))

    assert response.status_code == 200


@pytest.mark.parametrize("which", ["topic", "programme", "index", "home"])
def test_preview_needs_nobody_to_look_at_it(edition, which):
    page = of_the_edition(edition, which).specific

    response = page.make_preview_request()

    assert response.status_code == 200


def test_page_not_saved_yet_can_be_previewed(cms, edition):
    args = ["courses", "topicpage", edition.programme.pk]
    url = reverse("wagtailadmin_pages:preview_on_add", args=args)
    streams = {f"{name}-count": "0" for name in (*TopicPage.TEXTS, "questions")}
    numbers = {"call_minutes": "20", "pass_percent": "80", "cooldown_minutes": "0"}
    form = {"title": "New topic", "slug": "new"} | numbers | streams

    made = cms.post(url, form)
    shown = cms.get(f"{url}?mode=")

    assert made.json() == {"is_valid": True, "is_available": True}
    assert shown.status_code == 200
    assert "New topic" in shown.content.decode()
