"""What pages have in common: their tags, and the pages that share them."""

import pytest

from content.models import Tag
from lms.dashboards.finding import related_to
from tests.factories import HandbookPageFactory, MemberFactory, TopicPageFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("indexed_pages")]


def tagged(page, *names):
    page.tags.add(*names)
    page.save()
    return page


def test_related_are_published_pages_that_share_most_tags_first():
    page = tagged(TopicPageFactory(title="Own"), "Tickets", "Support")
    one = tagged(TopicPageFactory(title="One"), "Tickets")
    both = tagged(HandbookPageFactory(title="Both"), "Tickets", "Support")
    tagged(TopicPageFactory(title="Other"), "Legal")
    tagged(TopicPageFactory(title="Draft", live=False), "Tickets")

    others = related_to(page, None)

    assert [tag.name for tag in others.tags] == ["Support", "Tickets"]
    assert [each.title for each in others.pages] == [both.title, one.title]
    assert related_to(TopicPageFactory(), None).pages == ()


@pytest.mark.parametrize("pages", [1, 3])
def test_related_pages_take_queries_once_for_all_readers(
    client, django_assert_num_queries, pages
):
    page = tagged(TopicPageFactory(title="Own"), "Tickets")
    for n in range(pages):
        tagged(TopicPageFactory(title=f"Near {n}"), "Tickets")

    with django_assert_num_queries(5):  # the version, tags, two kinds of item, pages
        related_to(page, None)
    with django_assert_num_queries(1):
        others = related_to(page, None)

    assert len(others.pages) == pages


def test_topic_and_handbook_show_what_is_related(client):
    topic = tagged(TopicPageFactory(title="Filing tickets"), "Tickets")
    part = tagged(HandbookPageFactory(title="Support model"), "Tickets")
    client.force_login(MemberFactory().user)

    of_topic, of_part = (
        client.get(each.url).content.decode() for each in (topic, part)
    )

    assert f'href="{part.url}">Support model' in of_topic
    assert f'href="{topic.url}">Filing tickets' in of_part
    assert "/search/?tag=tickets" in of_topic


def test_renamed_tag_is_shown_at_once(client):
    topic = tagged(TopicPageFactory(), "Tikets")
    client.force_login(MemberFactory().user)
    client.get(topic.url)

    tag = Tag.objects.get()
    tag.name = "Tickets"
    tag.save()

    assert "Tickets</a>" in client.get(topic.url).content.decode()
