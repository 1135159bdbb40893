import pytest
from django.urls import reverse

from courses.models import EvidenceKind, ReadingPlace, TopicPage
from courses.progress import record_evidence
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    UserFactory,
)

CONTINUE = "Continue where you stopped"


@pytest.fixture
def topic(db):
    """Return a published topic of three blocks."""
    page = TopicPageFactory(
        parent=ProgrammePageFactory(),
        body=[("heading", name) for name in ("One", "Two", "Three")],
    )
    return TopicPage.objects.get(pk=page.pk)


@pytest.fixture
def enrolment(topic):
    return EnrolmentFactory(
        edition=EditionFactory(programme=topic.get_parent().specific)
    )


def blocks_of(topic):
    return [block.id for block in topic.body]


def stop_at(client, topic, block):
    return client.post(reverse("courses:place", args=[topic.pk]), {"block": block})


def test_place_is_found_again_on_another_device(client, topic, enrolment):
    _, second, third = blocks_of(topic)
    client.force_login(enrolment.member.user)

    answers = [stop_at(client, topic, block) for block in (second, third, third)]

    assert [answer.status_code for answer in answers] == [204] * 3
    assert ReadingPlace.objects.get().block == third
    client.logout()
    client.force_login(enrolment.member.user)
    page = client.get(topic.url).text
    assert CONTINUE in page
    assert f'href="#b-{third}"' in page


def test_my_learning_leads_to_the_very_place(client, topic, enrolment):
    second = blocks_of(topic)[1]
    client.force_login(enrolment.member.user)
    assert client.get(reverse("dashboards:my")).context["step"].url == topic.url

    stop_at(client, topic, second)

    step = client.get(reverse("dashboards:my")).context["step"]
    assert step.url == f"{topic.url}#b-{second}"


@pytest.mark.parametrize("reader", ["colleague", "manager", "staff"])
def test_place_of_another_person_is_never_shown(client, topic, enrolment, reader):
    client.force_login(enrolment.member.user)
    stop_at(client, topic, blocks_of(topic)[2])
    reseller = enrolment.member.reseller
    member = MemberFactory(reseller=reseller, is_manager=reader == "manager")
    EnrolmentFactory(member=member, edition=enrolment.edition)
    other = UserFactory(is_staff=True) if reader == "staff" else member.user
    client.force_login(other)

    assert CONTINUE not in client.get(topic.url).text
    assert ReadingPlace.objects.get().user == enrolment.member.user


def test_place_of_one_not_in_the_programme_is_kept_too(client, topic):
    client.force_login(MemberFactory().user)

    stop_at(client, topic, blocks_of(topic)[1])

    assert CONTINUE in client.get(topic.url).text


@pytest.mark.parametrize("where", ["top", "read to the end", "block is gone"])
def test_nothing_to_continue_is_not_offered(client, topic, enrolment, where):
    first, second, _ = blocks_of(topic)
    client.force_login(enrolment.member.user)
    stop_at(client, topic, first if where == "top" else second)
    if where == "read to the end":
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    elif where == "block is gone":
        topic.body = [("heading", "Another")]
        topic.save_revision().publish()

    assert CONTINUE not in client.get(topic.url).text


@pytest.mark.parametrize(
    ("block", "status"),
    [
        ("", 422),
        ("x" * 37, 422),
        ("\x00", 422),
        ("<script>alert(1)</script>", 409),
        ("00000000-0000-4000-8000-000000000000", 409),
        ("../../my/", 409),
        ("😀", 409),
    ],
)
def test_block_that_the_page_has_not_is_no_place(client, topic, block, status):
    client.force_login(MemberFactory().user)

    assert stop_at(client, topic, block).status_code == status
    assert not ReadingPlace.objects.exists()


def test_block_of_another_topic_is_no_place(client, topic):
    other = TopicPageFactory(parent=topic.get_parent(), body=[("heading", "Else")])
    client.force_login(MemberFactory().user)

    foreign = blocks_of(TopicPage.objects.get(pk=other.pk))[0]

    assert stop_at(client, topic, foreign).status_code == 409


def test_place_is_kept_for_those_who_may_read(client, topic):
    client.force_login(UserFactory())

    assert stop_at(client, topic, blocks_of(topic)[1]).status_code == 403
    assert client.get(reverse("courses:place", args=[topic.pk])).status_code == 405


# --- What has changed meanwhile ---------------------------------------------------------


def steps_since(client, enrolment, topic, seen):
    url = reverse("courses:steps", args=[enrolment.pk, topic.pk])
    return client.get(url, {"seen": seen}, headers={"HX-Request": "true"})


def test_open_page_learns_what_was_signed_off(
    client, topic, enrolment, django_assert_num_queries
):
    client.force_login(enrolment.member.user)
    steps = client.get(topic.url).text.split('data-mark="')[1]
    mark = steps[: steps.index('"')]

    # session, person, memberships; enrolment, topic, enrolment with its place, evidence;
    # whether what is kept holds
    with django_assert_num_queries(8):
        assert steps_since(client, enrolment, topic, mark).status_code == 204

    record_evidence(enrolment, topic, EvidenceKind.CALL, by=None)
    answer = steps_since(client, enrolment, topic, mark)

    assert answer.status_code == 200
    assert "You went through it with a trainer" in answer.text
    for part in ("topic-steps", "topic-outline", "topic-foot"):
        assert answer.text.count(f'id="{part}"') == 1
    assert answer.text.count('hx-swap-oob="true"') == 3
    assert "toast" in answer.headers["HX-Trigger"]


def test_complete_topic_is_not_asked_about_any_more(client, topic, enrolment):
    record_evidence(enrolment, topic, EvidenceKind.EXEMPTION, by=None)
    client.force_login(enrolment.member.user)

    page = client.get(topic.url).text

    assert 'id="topic-steps"' in page
    assert "data-mark" not in page
