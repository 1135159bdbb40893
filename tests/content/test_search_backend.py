"""Searching for anything at all answers, in the site and in the CMS."""

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wagtail.models import Page

from content.models import HandbookPage
from content.search_backend import LONGEST_QUERY, clean_query
from courses.models import TopicPage
from tests.factories import HandbookPageFactory, TopicPageFactory, UserFactory

NASTY = ['a"', '"a', '"""', "'", "\0", "a\0b", "*", "a*", "(", ")", "-", ":", "^"]
NASTY += ["NEAR(", "AND", "OR NOT", "{a}", "a:b", '">', "\\", "%", "“a”", "x" * 10_000]
TEXTS = st.text() | st.text(alphabet="\"'*()-:^{}\\%\0ANDORT aé“”", max_size=40)
pytestmark = pytest.mark.usefixtures("indexed_pages")


@given(TEXTS)
def test_clean_query_is_short_printable_and_without_quotes(text):
    query = clean_query(text)

    assert len(query) <= LONGEST_QUERY
    assert query.isprintable()
    assert not set(query) & set("\"'“”")
    assert clean_query(query) == query


def test_clean_query_keeps_the_words():
    assert clean_query('  “Using”  "Resolve"\0now ') == "Using Resolve now"


@pytest.mark.parametrize("text", NASTY)
def test_searching_for_anything_answers(db, text):
    TopicPageFactory(title="Using Resolve")

    for model in (Page, TopicPage, HandbookPage):
        list(model.objects.all().search(text))
        list(model.objects.all().autocomplete(text))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(TEXTS)
def test_searching_for_any_text_never_raises(db, text):
    list(TopicPage.objects.all().search(text))
    list(Page.objects.all().autocomplete(text))


def test_search_finds_a_topic_by_its_words_but_not_by_a_hole(db):
    topic = TopicPageFactory(
        title="Using Resolve",
        body=[("text", "<p>Filing tickets</p>"), ("hole", "Secretmark")],
    )
    HandbookPageFactory(title="Scope")

    assert list(TopicPage.objects.all().search('"tickets"')) == [topic]
    assert list(TopicPage.objects.all().autocomplete("Reso")) == [topic]
    assert list(TopicPage.objects.all().search("Secretmark")) == []


@pytest.mark.parametrize("text", ['a"', "\0", "x" * 10_000])
@pytest.mark.parametrize("screen", ["explorer", "search", "chooser"])
def test_searching_in_the_cms_answers(client, db, screen, text):
    HandbookPageFactory()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    name = {
        "explorer": "wagtailadmin_explore_root",
        "search": "wagtailadmin_pages:search",
        "chooser": "wagtailadmin_choose_page_search",
    }[screen]

    response = client.get(reverse(name), {"q": text})

    assert response.status_code == 200
