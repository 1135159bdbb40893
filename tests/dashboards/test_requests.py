import pytest
from django.urls import reverse

from courses.models import Enrolment, ProgrammeRequest
from tests.factories import (
    EditionFactory,
    MemberFactory,
    ProgrammeRequestFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True, user__full_name="Anna Berg")


@pytest.fixture
def asked(manager):
    return ask_of(manager)


def ask_of(manager):
    return ProgrammeRequestFactory(
        member__reseller=manager.reseller, programme=EditionFactory().programme
    )


def text_of(response):
    return " ".join(response.text.split())


def answer(client, asked, **words):
    return client.post(reverse("dashboards:answer", args=[asked.pk]), words)


def test_asking_from_the_page_and_taking_it_back(client, asked):
    member, programme = asked.member, asked.programme
    asked.delete()
    client.force_login(member.user)
    ask = reverse("courses:ask", args=[programme.pk])
    assert ask in client.get(programme.url).text

    client.post(ask, {"note": "Please."})
    page = client.get(programme.url)
    client.post(reverse("courses:withdraw", args=[ProgrammeRequest.objects.get().pk]))

    assert "You asked on" in text_of(page)
    assert ask in client.get(programme.url).text
    assert not ProgrammeRequest.objects.open().exists()


def test_asking_too_long_or_without_cause_keeps_what_was_typed(client, asked):
    client.force_login(asked.member.user)
    ask = reverse("courses:ask", args=[asked.programme_id])

    long = client.post(ask, {"note": "x" * 501})
    Enrolment.objects.create(
        member=asked.member,
        programme=asked.programme,
        edition=asked.programme.edition_on(),
        source="team",
    )
    refused = client.post(ask, {"note": "Please."})

    assert (long.status_code, refused.status_code) == (422, 409)
    assert "Please." in refused.text


def test_manager_grants_from_the_team_page(client, manager, asked):
    client.force_login(manager.user)
    assert reverse("dashboards:answer", args=[asked.pk]) in (
        client.get(reverse("dashboards:team")).text
    )

    answer(client, asked, do="grant")

    assert Enrolment.objects.get().member == asked.member
    page = client.get(reverse("dashboards:requests"))
    assert page.context["requests"] == []


def test_declining_wants_a_line_and_is_read_by_who_asked(client, manager, asked):
    client.force_login(manager.user)

    empty = answer(client, asked, do="decline", answer=" ")
    answer(client, asked, do="decline", answer="Not this year.")
    late = answer(client, asked, do="grant")
    client.force_login(asked.member.user)

    assert (empty.status_code, late.status_code) == (409, 409)
    page = text_of(client.get(asked.programme.url))
    assert "Anna Berg cannot add you now" in page
    assert "Not this year." in page


@pytest.mark.parametrize("words", [{}, {"do": "x"}, {"do": "grant", "due_on": "x"}])
def test_answer_without_sense_is_a_422(client, manager, asked, words):
    client.force_login(manager.user)

    assert answer(client, asked, **words).status_code == 422
    assert ProgrammeRequest.objects.open().get() == asked


@pytest.mark.parametrize("count", [1, 3])
def test_requests_list_own_people_in_7_queries(
    client, manager, django_assert_num_queries, count
):
    own = [ask_of(manager) for _ in range(count)]
    ProgrammeRequestFactory()  # a stranger's
    client.force_login(manager.user)

    with django_assert_num_queries(7):
        page = client.get(reverse("dashboards:requests"))

    assert page.context["requests"] == own


def test_channel_team_sees_all(client, asked):
    client.force_login(UserFactory(is_staff=True))

    page = client.get(reverse("dashboards:requests"))

    assert page.context["requests"] == [asked]
    assert "They ask for a programme" in client.get(reverse("dashboards:standing")).text
