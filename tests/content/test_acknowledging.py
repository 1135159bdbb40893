from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.db import IntegrityError, transaction
from django.urls import reverse

from content.acknowledging import (
    acknowledge,
    asked_now,
    in_scope,
    still_to_confirm,
    words_of,
)
from content.models import Acknowledgement
from lms.audit.models import Event
from lms.errors import Refused
from tests.factories import (
    AcknowledgementFactory,
    HandbookPageFactory,
    MemberFactory,
    ResellerFactory,
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
    first = acknowledge(member, page, version=1)
    again = acknowledge(member, page, version=1)
    page.version = 2
    page.save()
    second = acknowledge(member, page, version=2)

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
        acknowledge(member, page, version=1)

    assert not Acknowledgement.objects.exists()


@pytest.mark.races
def test_confirming_at_once_is_noted_once(run_at_once):
    page = HandbookPageFactory(body=WRITTEN, is_acknowledged=True)
    member = MemberFactory()

    one, other = run_at_once(*[lambda: acknowledge(member, page, version=1)] * 2)

    assert one == other
    assert Acknowledgement.objects.count() == 1


def test_pages_to_confirm_are_those_asked_written_published_and_not_read(page, member):
    AcknowledgementFactory(page=page)  # somebody else's
    read = HandbookPageFactory(body=WRITTEN, is_acknowledged=True)
    acknowledge(member, read, version=1)
    raised = HandbookPageFactory(body=WRITTEN, is_acknowledged=True, version=2)
    AcknowledgementFactory(member=member, page=raised, version=1)
    HandbookPageFactory(body=UNFINISHED, is_acknowledged=True)
    HandbookPageFactory(body=WRITTEN)
    HandbookPageFactory(body=WRITTEN, is_acknowledged=True, live=False)

    assert [word.page for word in still_to_confirm(member)] == [page, raised]


def test_handbook_page_asks_takes_the_word_and_shows_it(client, page, member):
    AcknowledgementFactory(page=page)  # a stranger's: it must not show
    client.force_login(member.user)
    url = reverse("content:acknowledge", args=[page.pk])

    before = text_of(client.get(page.url))
    answers = [client.post(url, {"version": 1}) for _ in range(2)]
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
    answer = client.post(reverse("content:acknowledge", args=[page.pk]), {"version": 1})

    assert "This part is still being written." in shown
    assert "Channels of support" not in shown
    assert "I have read this" not in shown
    assert answer.status_code == 409
    assert "There is nothing to confirm on this page yet." in text_of(answer)


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

    # whether what is kept holds 1, who asks 3, whom to ask 1; the parts, their
    # versions, one's words
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
        "Nothing was deleted: people were asked to confirm “Scope”, and that "
        "record stays. Unpublish the page instead."
    ]
    page.refresh_from_db()


@pytest.mark.parametrize("version", ["1", "", "x", "99999999999", None])
def test_old_version_is_refused_in_words_and_the_new_one_shown(client, member, version):
    page = HandbookPageFactory(body=WRITTEN, is_acknowledged=True, version=2)
    client.force_login(member.user)
    words = {} if version is None else {"version": version}

    answer = client.post(reverse("content:acknowledge", args=[page.pk]), words)

    assert answer.status_code == 409
    assert "a newer version of this page came while you were reading" in text_of(answer)
    assert "I have read this" in text_of(answer)
    assert not Acknowledgement.objects.exists()


def test_scope_is_every_live_member_of_a_live_reseller(db):
    manager = MemberFactory(is_manager=True)
    MemberFactory(left_on=date(2021, 1, 1))
    MemberFactory(reseller=ResellerFactory(ended_on=date(2021, 1, 1)))
    TrainerFactory()
    UserFactory(is_staff=True)

    assert list(in_scope()) == [manager]


def test_one_of_an_ended_reseller_is_asked_nothing(page):
    member = MemberFactory(reseller=ResellerFactory(ended_on=date(2021, 1, 1)))

    assert still_to_confirm(member) == []


def test_due_date_counts_from_the_version_or_from_joining(page):
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        page.save_revision().publish()  # due in 30 days
        old, new = MemberFactory(), MemberFactory(joined_on=date(2026, 3, 20))
        words = words_of([old, new], asked_now())

        assert words[old.pk][0].due_on == date(2026, 3, 31)
        assert words[new.pk][0].due_on == date(2026, 4, 19)

    for day, is_overdue in ((31, False), (32, True)):
        at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days=day - 1)
        with time_machine.travel(at, tick=False):
            assert words_of([old], asked_now())[old.pk][0].is_overdue == is_overdue


@pytest.mark.parametrize("count", [1, 3])
def test_words_of_many_take_three_queries(db, django_assert_num_queries, count):
    members = MemberFactory.create_batch(count)
    for _ in range(count):
        page = HandbookPageFactory(body=WRITTEN, is_acknowledged=True)
        AcknowledgementFactory(member=members[0], page=page)

    with django_assert_num_queries(3):  # pages, versions, words
        words = words_of(members, asked_now())

    assert [bool(word.given) for word in words[members[0].pk]] == [True] * count
    assert len(words) == count


# --- The page as it was confirmed ---------------------------------------------------


def confirmed_and_changed(member):
    """A page confirmed in its first version, which has a second one since."""
    page = HandbookPageFactory(
        title="Scope", body=[("text", "<p>First words</p>")], is_acknowledged=True
    )
    page.save_revision().publish()
    page.refresh_from_db()
    given = acknowledge(member, page, version=1)
    page.body, page.version = [("text", "<p>Other words</p>")], 2
    page.save_revision().publish()
    return given


def test_what_was_confirmed_opens_as_it_was(client, member):
    given = confirmed_and_changed(member)
    client.force_login(member.user)

    shown = text_of(client.get(given.get_absolute_url()))
    today = text_of(client.get(given.page.url))

    assert "First words" in shown
    assert "Other words" not in shown
    assert "The page has a newer version now." in shown
    assert "Other words" in today
    assert "I have read this" in today


def test_what_was_confirmed_opens_without_a_revision(client, member, page):
    given = AcknowledgementFactory(member=member, page=page)
    client.force_login(member.user)

    assert "own words" in text_of(client.get(given.get_absolute_url()))


def test_what_was_confirmed_opens_for_those_who_may_see_the_person(client, member):
    given = confirmed_and_changed(member)
    answers = {}
    for who, user in {
        "manager": MemberFactory(reseller=member.reseller, is_manager=True).user,
        "staff": UserFactory(is_staff=True),
        "colleague": MemberFactory(reseller=member.reseller).user,
        "stranger": MemberFactory(is_manager=True).user,
    }.items():
        client.force_login(user)
        answers[who] = client.get(given.get_absolute_url()).status_code

    assert answers == {"manager": 200, "staff": 200, "colleague": 404, "stranger": 404}


def test_what_was_confirmed_never_changes(member, page):
    given = acknowledge(member, page, version=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        Acknowledgement.objects.filter(pk=given.pk).update(version=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        given.delete()
