import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wagtail.models import Page

from content.models import Tag
from courses.models import TopicPage
from tests.factories import (
    HandbookPageFactory,
    MemberFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("indexed_pages")]
QUERIES = 13  # the frame's among them


def sorting(word):
    """An exercise that holds a word wherever it can."""
    item = {"text": f"{word} one", "reason": word}
    category = {"name": word, "hint": word, "items": [item]}
    return "sort", {"title": word, "task": word, "categories": [category] * 2}


def found(client, query):
    response = client.get(reverse("dashboards:search"), {"q": query})
    return [each.page.title for each in response.context["found"]]


def test_search_finds_topics_and_handbook_by_words_and_beginnings(client):
    TopicPageFactory(title="Escalating Tickets")
    HandbookPageFactory(title="Supporting Subscribers")
    TopicPageFactory(title="Escalating in secret", live=False)
    client.force_login(MemberFactory().user)

    assert found(client, "tickets") == ["Escalating Tickets"]
    assert found(client, "subscr") == ["Supporting Subscribers"]
    assert found(client, "escalating") == ["Escalating Tickets"]
    assert found(client, "nothing like it") == []


@pytest.fixture
def member(client):
    client.force_login(MemberFactory().user)
    return client


def words_found(client, query):
    response = client.get(reverse("dashboards:search"), {"q": query})
    return [str(each.words) for each in response.context["found"]]


def tagged(page, *names):
    page.tags.add(*names)
    page.save()
    return page


def test_words_are_shown_where_they_stand_and_marked(member):
    text = (
        f"<p>{'Before it. ' * 30}File <b>tickets</b> &lt;here&gt;.{' After.' * 60}</p>"
    )
    TopicPageFactory(title="Ticketing", body=[("text", text)])

    assert found(member, "tickets") == ["Ticketing"]
    (words,) = words_found(member, "tickets")

    assert "File <mark>tickets</mark> &lt;here&gt;. After." in words
    assert words.startswith("…")
    assert words.endswith("…")


def test_search_is_narrowed_by_kind_and_subject(member):
    tagged(TopicPageFactory(title="Filing tickets"), "Support")
    TopicPageFactory(title="Selling tickets")
    tagged(HandbookPageFactory(title="Rules of tickets"), "Support")
    ProgrammePageFactory(title="All of tickets")

    def names(**asked):
        response = member.get(reverse("dashboards:search"), asked)
        return {each.page.title for each in response.context["found"]}

    assert len(names(q="tickets")) == 4
    assert names(q="tickets", kind="topic") == {"Filing tickets", "Selling tickets"}
    assert names(q="tickets", tag="support") == {"Filing tickets", "Rules of tickets"}
    assert names(tag="support", kind="handbook") == {"Rules of tickets"}
    assert names(tag="support") == {"Filing tickets", "Rules of tickets"}
    assert len(names(q="tickets", kind="x", tag="none")) == 4


def test_subjects_offered_are_those_of_published_pages(member):
    tagged(TopicPageFactory(), "Tickets")
    tagged(TopicPageFactory(live=False), "Secret")
    Tag.objects.create(name="Unused")

    shown = member.get(reverse("dashboards:search"))

    assert [tag.name for tag in shown.context["tags"]] == ["Tickets"]


def test_search_finds_what_was_just_published_and_no_draft(member):
    topic = TopicPageFactory(title="Ticketing", body=[("text", "<p>Old</p>")])
    topic.body = [("text", "<p>Brandnew</p>")]

    revision = topic.save_revision()
    assert found(member, "Brandnew") == []

    revision.publish()
    assert found(member, "Brandnew") == ["Ticketing"]

    topic.refresh_from_db()
    topic.unpublish()
    assert found(member, "Brandnew") == []


def test_no_answer_of_a_check_or_exercise_is_found_or_shown(member):
    topic = TopicPageFactory(
        title="Sorting",
        body=[
            ("text", "<p>Plainword stands in the text.</p>"),
            ("hole", "Plantedword in a hole"),
            sorting("Plantedword"),
        ],
        questions=[
            (
                "true_false",
                {
                    "text": "<p>Plantedword is asked</p>",
                    "is_true": True,
                    "reason": "<p>Plantedword is the reason</p>",
                },
            )
        ],
    )
    topic.save_revision().publish()

    page = member.get(reverse("dashboards:search"), {"q": "Plainword"})

    assert found(member, "Plantedword") == []
    assert found(member, "Plant") == []
    assert list(TopicPage.objects.all().search("Plantedword")) == []
    assert list(Page.objects.all().autocomplete("Planted")) == []
    assert len(page.context["found"]) == 1
    assert "Planted" not in page.content.decode()


@pytest.mark.parametrize("pages", [1, 3])
def test_search_takes_as_many_queries_for_any_number(
    member, django_assert_num_queries, pages
):
    for n in range(pages):
        tagged(TopicPageFactory(title=f"Ticket {n}"), "Support")
        HandbookPageFactory(title=f"Ticket {n}")
    url = reverse("dashboards:search") + "?q=ticket&tag=support"
    member.get(url)

    with django_assert_num_queries(QUERIES):
        shown = member.get(url)

    assert len(shown.context["found"]) == pages


def test_search_is_closed_to_those_who_belong_nowhere(client):
    client.force_login(UserFactory())

    assert client.get(reverse("dashboards:search")).status_code == 403


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(query=st.text() | st.sampled_from(['a"', '"', "\x00", "x" * 10_000, "*", "AND"]))
def test_search_bears_any_text(client, query):
    client.force_login(MemberFactory().user)

    for name in ("q", "kind", "tag"):
        response = client.get(reverse("dashboards:search"), {name: query})
        assert response.status_code == 200
