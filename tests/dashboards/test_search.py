import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import (
    HandbookPageFactory,
    MemberFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


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

    response = client.get(reverse("dashboards:search"), {"q": query})

    assert response.status_code == 200
