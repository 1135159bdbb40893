from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from courses.models import Enrolment, Evidence, EvidenceKind, Source
from courses.progress import record_evidence
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ProgrammePageFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
    home_page,
    programme_index,
)

# Whether what is kept still holds takes 1, who is asking 3, whom to ask 1; the rest is
# what the page itself shows.
QUERIES_OF_A_TOPIC = 1 + 3 + 1 + 4  # enrolment, evidence, booked call, place
QUERIES_OF_A_PROGRAMME = 1 + 3 + 1 + 6  # and its teams, one's own, the way up
QUERIES_OF_ALL_PROGRAMMES = 1 + 3 + 1 + 5  # editions, teams, enrolments, as above


@pytest.fixture
def enrolment(db):
    """Return an enrolment in a programme of three topics."""
    programme = ProgrammePageFactory(
        title="User Support",
        section="1.3",
        summary="Support your customers.",
        policy_quote="This programme should be completed by Support teams.",
    )
    for title in ("Using Resolve", "Categorising Tickets", "Escalating Tickets"):
        TopicPageFactory(
            parent=programme,
            title=title,
            body=[("text", f"<p>All about {title}.</p>"), ("hole", "Fill me in")],
            criteria=[("line", "Does it")],
        )
    team = TeamFactory(name="Support")
    edition = EditionFactory(programme=programme, audience=[team])
    enrolment = EnrolmentFactory(edition=edition)
    TeamMembershipFactory(member=enrolment.member, team=team)
    return enrolment


def sign_in(client, enrolment):
    client.force_login(enrolment.member.user)


def topics_of(enrolment):
    return [row.topic.specific for row in enrolment.edition.topics.all()]


def text_of(response):
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("kind", ["index", "programme", "topic"])
def test_pages_of_programmes_send_the_signed_out_to_sign_in(client, enrolment, kind):
    url = {
        "index": programme_index().url,
        "programme": enrolment.programme.url,
        "topic": topics_of(enrolment)[0].url,
    }[kind]

    response = client.get(url)

    assert response.status_code == 302
    assert response.url == f"{reverse('account_login')}?next={url}"


def test_one_who_left_may_not_read(client, enrolment):
    enrolment.member.left_on = now().date()
    enrolment.member.save()
    sign_in(client, enrolment)

    assert client.get(enrolment.programme.url).status_code == 403


@pytest.mark.parametrize("role", ["other member", "trainer", "staff"])
def test_those_not_in_the_programme_may_read_it(client, enrolment, role):
    user = {
        "other member": lambda: MemberFactory().user,
        "trainer": lambda: TrainerFactory().user,
        "staff": lambda: UserFactory(is_staff=True),
    }[role]()
    record_evidence(enrolment, topics_of(enrolment)[0], EvidenceKind.EXEMPTION, by=None)
    client.force_login(user)

    programme = text_of(client.get(enrolment.programme.url))
    topic = text_of(client.get(topics_of(enrolment)[0].url))

    assert "Using Resolve" in programme
    assert "What completes this topic" in topic
    assert "I have read this" not in topic
    assert "exempted" not in topic
    assert ("Ask to take it" in topic) is (role == "other member")


def test_programme_page_says_why_one_is_here_and_what_is_missing(client, enrolment):
    first, second, _ = topics_of(enrolment)
    for kind in (EvidenceKind.READ, EvidenceKind.CALL):
        record_evidence(enrolment, first, kind, by=None)
    record_evidence(enrolment, second, EvidenceKind.READ, by=None)
    sign_in(client, enrolment)

    page = text_of(client.get(enrolment.programme.url))

    assert "1 of 3 topics" in page
    assert "You are here because you are in Support." in page
    assert "This programme should be completed by Support teams." in page
    assert "Continue: Escalating Tickets" in page
    assert "Book a call: 2 topics" in page
    assert reverse("sessions:book", args=[enrolment.pk]) in page
    assert "What is missing for your certificate" in page


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (Source.MANAGER, "Your manager added you to this programme."),
        (Source.STAFF, "ByteKast added you to this programme."),
    ],
)
def test_programme_page_says_who_added_one(client, db, source, why):
    enrolment = EnrolmentFactory(source=source)
    sign_in(client, enrolment)

    assert why in text_of(client.get(enrolment.programme.url))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (Source.MANAGER, "Anna Berg, your manager, added you."),
        (Source.SELF, "You asked to take it, and Anna Berg added you."),
        (Source.STAFF, "Anna Berg of ByteKast added you."),
        (Source.EDITION, "You are here because the programme has changed."),
    ],
)
def test_programme_page_names_who_added_one(client, db, source, why):
    anna = UserFactory(full_name="Anna Berg")
    enrolment = EnrolmentFactory(source=source, enrolled_by=anna)
    sign_in(client, enrolment)

    assert why in text_of(client.get(enrolment.programme.url))


@pytest.mark.parametrize(("days", "words"), [(0, "Due"), (1, "Overdue since")])
def test_programme_page_says_when_it_is_due(client, db, days, words):
    enrolment = EnrolmentFactory(due_on=now().date() - timedelta(days=days))
    sign_in(client, enrolment)

    assert f"<dt>{words}</dt>" in text_of(client.get(enrolment.programme.url))


def test_programme_page_shows_the_booked_call_and_offers_none_for_it(client, enrolment):
    for topic in topics_of(enrolment):
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    booking = BookingFactory(enrolment=enrolment, topics=topics_of(enrolment))
    sign_in(client, enrolment)

    page = text_of(client.get(enrolment.programme.url))

    assert page.count(booking.get_absolute_url()) == 4  # the way on, and each topic
    assert "Your call: " in page
    assert "Book a call" not in page


def test_completed_programme_leads_to_the_certificate(client, enrolment):
    for topic in topics_of(enrolment):
        record_evidence(enrolment, topic, EvidenceKind.EXEMPTION, by=None)
    sign_in(client, enrolment)

    page = text_of(client.get(enrolment.programme.url))

    assert "You have completed this programme" in page
    assert "What is missing" not in page


def test_topic_page_holds_a_sentence_for_each_hole(client, enrolment):
    sign_in(client, enrolment)

    page = text_of(client.get(topics_of(enrolment)[0].url))

    assert "Your trainer goes through this in the call." in page
    assert "Fill me in" not in page


def test_topic_page_leads_on_to_its_neighbours(client, enrolment):
    first, second, third = topics_of(enrolment)
    sign_in(client, enrolment)

    page = text_of(client.get(second.url))

    assert f'rel="prev" href="{first.url}"' in page
    assert f'rel="next" href="{third.url}"' in page
    assert 'rel="prev"' not in text_of(client.get(first.url))


def test_topic_page_shows_criteria_as_the_edition_froze_them(client, enrolment):
    topic = topics_of(enrolment)[0]
    row = enrolment.edition.topics.first()
    assert row.criteria == []  # the factory's edition asks for none
    sign_in(client, enrolment)

    assert "What your trainer looks for" not in text_of(client.get(topic.url))


@pytest.mark.parametrize("topics", [1, 3])
def test_topic_page_costs_the_same_whatever_the_programme_holds(
    client, db, django_assert_num_queries, topics
):
    programme = ProgrammePageFactory()
    pages = TopicPageFactory.create_batch(topics, parent=programme)
    enrolment = EnrolmentFactory(edition=EditionFactory(programme=programme))
    sign_in(client, enrolment)
    client.get(pages[0].url)  # content types and Wagtail's cache are warm

    with django_assert_num_queries(QUERIES_OF_A_TOPIC):
        response = client.get(pages[0].url)

    assert response.status_code == 200


@pytest.mark.parametrize("topics", [1, 3])
def test_programme_page_costs_the_same_whatever_it_holds(
    client, db, django_assert_num_queries, topics
):
    programme = ProgrammePageFactory()
    TopicPageFactory.create_batch(topics, parent=programme)
    enrolment = EnrolmentFactory(edition=EditionFactory(programme=programme))
    sign_in(client, enrolment)
    client.get(programme.url)

    with django_assert_num_queries(QUERIES_OF_A_PROGRAMME):
        response = client.get(programme.url)

    assert response.status_code == 200


@pytest.mark.parametrize("programmes", [1, 3])
def test_programmes_are_listed_in_the_same_number_of_queries(
    client, db, django_assert_num_queries, programmes
):
    enrolment = EnrolmentFactory()
    EditionFactory.create_batch(programmes - 1)
    ProgrammePageFactory(title="Not open yet")
    sign_in(client, enrolment)
    url = programme_index().url
    client.get(url)

    with django_assert_num_queries(QUERIES_OF_ALL_PROGRAMMES):
        page = text_of(client.get(url))

    assert page.count('class="card-link"') == programmes
    assert "Not open yet" not in page


def test_reading_is_recorded_once_and_leads_back(client, enrolment):
    topic = topics_of(enrolment)[0]
    sign_in(client, enrolment)
    url = reverse("courses:read", args=[enrolment.pk, topic.pk])

    answers = [client.post(url) for _ in range(2)]

    assert [(answer.status_code, answer.url) for answer in answers] == [
        (302, topic.url)
    ] * 2
    evidence = Evidence.objects.get()
    assert (evidence.topic_id, evidence.kind) == (topic.pk, EvidenceKind.READ)
    assert evidence.by == enrolment.member.user
    page = text_of(client.get(topic.url))
    assert "You have read this." in page
    assert "I have read this" not in page


def test_reading_by_htmx_swaps_foot_steps_and_outline(client, enrolment):
    topic = topics_of(enrolment)[0]
    sign_in(client, enrolment)
    url = reverse("courses:read", args=[enrolment.pk, topic.pk])

    answer = text_of(client.post(url, headers={"HX-Request": "true"}))

    assert "<html" not in answer
    assert 'id="topic-foot"' in answer
    assert 'id="topic-steps" hx-swap-oob="true"' in answer
    assert 'id="topic-outline" hx-swap-oob="true"' in answer
    assert "You have read it" in answer
    assert "Continue: Categorising Tickets" in answer


@pytest.mark.parametrize("whose", ["stranger", "manager", "signed out"])
def test_reading_is_for_oneself_alone(client, enrolment, whose):
    topic = topics_of(enrolment)[0]
    url = reverse("courses:read", args=[enrolment.pk, topic.pk])
    if whose == "stranger":
        client.force_login(MemberFactory().user)
    elif whose == "manager":
        reseller = enrolment.member.reseller
        client.force_login(MemberFactory(reseller=reseller, is_manager=True).user)

    answer = client.post(url)

    assert answer.status_code == (302 if whose == "signed out" else 404)
    assert not Evidence.objects.exists()


def test_reading_a_topic_of_another_programme_is_not_found(client, enrolment):
    sign_in(client, enrolment)
    url = reverse("courses:read", args=[enrolment.pk, TopicPageFactory().pk])

    assert client.post(url).status_code == 404
    assert client.get(url).status_code == 405


def test_reading_in_a_withdrawn_enrolment_is_not_found(client, enrolment):
    Enrolment.objects.update(withdrawn_at=now())
    sign_in(client, enrolment)
    topic = topics_of(enrolment)[0]

    url = reverse("courses:read", args=[enrolment.pk, topic.pk])

    assert client.post(url).status_code == 404


def test_topic_unpublished_under_somebody_keeps_what_they_have_done(client, enrolment):
    first, *_ = topics_of(enrolment)
    record_evidence(enrolment, first, EvidenceKind.EXEMPTION, by=None)
    first.unpublish()
    sign_in(client, enrolment)

    programme = text_of(client.get(enrolment.programme.url))
    answer = client.get(first.url)

    assert "1 of 3 topics" in programme
    assert "Using Resolve" in programme
    assert "being revised" in programme
    assert answer.status_code == 200
    assert "This topic is being revised" in text_of(answer)
    assert "All about Using Resolve." not in text_of(answer)


def test_draft_topic_that_no_edition_asks_for_is_not_found(client, enrolment):
    draft = TopicPageFactory(parent=enrolment.programme, live=False)
    sign_in(client, enrolment)

    assert client.get(draft.url).status_code == 404


def test_topic_beyond_the_edition_can_be_read(client, enrolment):
    later = TopicPageFactory(parent=enrolment.programme, title="A new topic")
    sign_in(client, enrolment)

    page = text_of(client.get(later.url))

    assert "This topic is not part of what is asked of you." in page
    assert "I have read this" not in page


def test_topic_follows_the_membership_switched_to(client, enrolment):
    other = MemberFactory(user=enrolment.member.user, joined_on=now().date())
    sign_in(client, enrolment)
    session = client.session
    session["membership"] = other.pk
    session.save()

    page = text_of(client.get(topics_of(enrolment)[0].url))

    assert "I have read this" not in page


def test_staff_have_a_way_to_edit_the_page(client, enrolment):
    topic = topics_of(enrolment)[0]
    edit = reverse("wagtailadmin_pages:edit", args=[topic.pk])

    client.force_login(UserFactory(is_staff=True))
    assert edit in text_of(client.get(topic.url))

    sign_in(client, enrolment)
    assert edit not in text_of(client.get(topic.url))


@pytest.mark.parametrize(
    "path", ["/programmes/nothing/", "/programmes/nothing/at/all/", "/welcome/"]
)
def test_unknown_page_is_not_found(client, enrolment, path):
    sign_in(client, enrolment)

    assert client.get(path).status_code == 404


def test_home_names_the_programmes_to_the_signed_out(client, enrolment):
    page = text_of(client.get("/"))

    assert "User Support" in page
    assert "For Support" in page
    assert reverse("account_login") in page
    assert reverse("verify_form") in page
    assert enrolment.programme.url not in page


def test_home_leads_the_signed_in_to_their_start(client, enrolment):
    sign_in(client, enrolment)

    page = text_of(client.get("/"))

    assert reverse("landing") in page


def test_home_of_an_empty_site_is_a_page(client, db):
    home_page()

    assert client.get("/").status_code == 200
