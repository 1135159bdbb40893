import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from content.acknowledging import acknowledge, pages_to_acknowledge
from content.models import Acknowledgement
from lms.audit.models import Event
from lms.errors import Refused
from tests.factories import (
    AcknowledgementFactory,
    HandbookPageFactory,
    MemberFactory,
    TrainerFactory,
    UserFactory,
)

WRITTEN = [("text", "<p>The policy's own words.</p>")]
UNFINISHED = [*WRITTEN, ("hole", "Channels of support")]


@pytest.fixture
def page(db):
    return HandbookPageFactory(title="Scope", body=WRITTEN, is_acknowledged=True)


@pytest.fixture
def member(db):
    return MemberFactory()


def text_of(response):
    return " ".join(response.content.decode().split())


def test_reading_is_confirmed_once_for_each_version(page, member):
    first = acknowledge(member, page)
    again = acknowledge(member, page)
    page.version = 2
    page.save()
    second = acknowledge(member, page)

    assert again == first
    assert (first.version, second.version) == (1, 2)
    assert Event.objects.filter(verb="acknowledged").count() == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"is_acknowledged": False, "body": WRITTEN},
        {"is_acknowledged": True, "body": UNFINISHED},
    ],
)
def test_nothing_is_confirmed_that_is_not_asked_or_not_written(db, member, fields):
    page = HandbookPageFactory(**fields)

    with pytest.raises(Refused):
        acknowledge(member, page)

    assert not Acknowledgement.objects.exists()


@pytest.mark.races
def test_confirming_at_once_is_noted_once(run_at_once):
    page = HandbookPageFactory(body=WRITTEN, is_acknowledged=True)
    member = MemberFactory()

    one, other = run_at_once(*[lambda: acknowledge(member, page)] * 2)

    assert one == other
    assert Acknowledgement.objects.count() == 1


def test_pages_to_confirm_are_those_asked_written_published_and_not_read(page, member):
    AcknowledgementFactory(page=page)  # somebody else's
    read = HandbookPageFactory(body=WRITTEN, is_acknowledged=True)
    acknowledge(member, read)
    raised = HandbookPageFactory(body=WRITTEN, is_acknowledged=True, version=2)
    AcknowledgementFactory(member=member, page=raised, version=1)
    HandbookPageFactory(body=UNFINISHED, is_acknowledged=True)
    HandbookPageFactory(body=WRITTEN)
    HandbookPageFactory(body=WRITTEN, is_acknowledged=True, live=False)

    assert pages_to_acknowledge(member) == [page, raised]


def test_handbook_page_asks_takes_the_word_and_shows_it(client, page, member):
    AcknowledgementFactory(page=page)  # a stranger's: it must not show
    client.force_login(member.user)
    url = reverse("content:acknowledge", args=[page.pk])

    before = text_of(client.get(page.url))
    answers = [client.post(url) for _ in range(2)]
    after = text_of(client.get(page.url))

    assert "I have read this" in before
    assert "You have read this." not in before
    assert [answer.url for answer in answers] == [page.url] * 2
    assert Acknowledgement.objects.get(member=member).page == page
    assert "You have read this." in after
    assert "I have read this" not in after


@pytest.mark.parametrize("role", ["trainer", "staff"])
def test_those_without_a_reseller_read_and_confirm_nothing(client, page, role):
    user = TrainerFactory().user if role == "trainer" else UserFactory(is_staff=True)
    client.force_login(user)

    shown = client.get(page.url)
    answer = client.post(reverse("content:acknowledge", args=[page.pk]))

    assert shown.status_code == 200
    assert "I have read this" not in text_of(shown)
    assert answer.status_code == 403
    assert not Acknowledgement.objects.exists()


def test_handbook_is_not_public(client, page):
    url = reverse("content:acknowledge", args=[page.pk])

    assert client.get(page.url).url.startswith(reverse("account_login"))
    assert client.post(url).url.startswith(reverse("account_login"))


def test_page_with_a_hole_says_a_sentence_and_asks_nothing(client, member):
    page = HandbookPageFactory(body=UNFINISHED, is_acknowledged=True)
    client.force_login(member.user)

    shown = text_of(client.get(page.url))
    answer = client.post(reverse("content:acknowledge", args=[page.pk]))

    assert "This part is still being written." in shown
    assert "Channels of support" not in shown
    assert "I have read this" not in shown
    assert [str(each) for each in get_messages(answer.wsgi_request)] == [
        "There is nothing to confirm on this page yet."
    ]


def test_unpublished_or_unknown_page_is_not_confirmed(client, page, member):
    page.unpublish()
    client.force_login(member.user)

    for pk in (page.pk, 0):
        url = reverse("content:acknowledge", args=[pk])
        assert client.post(url).status_code == 404


@pytest.mark.parametrize("parts", [1, 3])
def test_handbook_lists_its_parts_in_eight_queries(
    client, member, django_assert_num_queries, parts
):
    top = HandbookPageFactory(title="Policy")
    for _ in range(parts):
        HandbookPageFactory(parent=top, body=WRITTEN, is_acknowledged=True)
    draft = HandbookPageFactory(parent=top, live=False)
    client.force_login(member.user)
    client.get(top.url)

    # the page's row and what is kept 2, who asks 3, whom to ask 1; the parts, one's words
    with django_assert_num_queries(8):
        shown = text_of(client.get(top.url))

    assert shown.count("To read") == parts
    assert draft.title not in shown


def test_confirmed_page_is_not_deleted(client, page):
    AcknowledgementFactory(page=page)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    answer = client.post(reverse("wagtailadmin_pages:delete", args=[page.pk]))

    assert answer.status_code == 302
    assert [str(each) for each in get_messages(answer.wsgi_request)] == [
        "Nothing was deleted: people have confirmed that they read “Scope”, and that "
        "record stays. Unpublish the page instead."
    ]
    page.refresh_from_db()
