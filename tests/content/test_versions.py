"""Versions of handbook pages: made by publishing, raised when an editor says so."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.urls import reverse
from wagtail.models import Page

from content.models import HandbookPage, HandbookVersion
from content.versions import put_up, put_up_missing
from tests.factories import HandbookPageFactory, UserFactory

pytestmark = pytest.mark.django_db
WRITTEN = [("text", "<p>The policy's own words.</p>")]


def publish(page, *, by=None, **changes):
    for name, value in changes.items():
        setattr(page, name, value)
    page.save_revision(user=by).publish()
    page.refresh_from_db()


def noted():
    return list(HandbookVersion.objects.values_list("number", "title"))


def test_publishing_puts_up_a_version_once():
    page, editor = (
        HandbookPageFactory(title="Scope", is_acknowledged=True),
        UserFactory(),
    )

    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        publish(page, by=editor, body=WRITTEN, due_days=14)
    first = page.live_revision
    publish(page, title="Scope, corrected")

    version = HandbookVersion.objects.get()
    assert (version.number, version.title) == (1, "Scope")
    assert (version.revision, version.published_by) == (first, editor)
    assert version.due_on == date(2026, 3, 15)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": [("hole", "Fill in")], "is_acknowledged": True},
        {"body": WRITTEN, "is_acknowledged": False},
    ],
)
def test_page_with_a_hole_or_that_asks_nobody_is_not_put_up(changes):
    page = HandbookPageFactory()

    publish(page, **changes)

    assert noted() == []


def test_page_is_put_up_when_its_last_hole_is_filled():
    page = HandbookPageFactory(title="Part 2", is_acknowledged=True)
    publish(page, body=[*WRITTEN, ("hole", "Fill in")])

    publish(page, body=WRITTEN)

    assert noted() == [(1, "Part 2")]


def test_older_version_never_comes_back():
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)
    publish(page, body=WRITTEN)
    old = page.live_revision
    publish(page, version=2)

    old.publish()

    page.refresh_from_db()
    assert page.version == 2
    assert noted() == [(1, "Scope"), (2, "Scope")]


def test_what_was_published_before_is_noted_once_by_the_clock():
    page = HandbookPageFactory(body=WRITTEN, is_acknowledged=True, version=3)
    HandbookPageFactory(body=WRITTEN, is_acknowledged=True, live=False)
    HandbookPageFactory(body=[("hole", "x")], is_acknowledged=True)

    assert [put_up_missing(), put_up_missing()] == [1, 0]
    assert noted() == [(3, page.title)]
    assert put_up(page, by=None) == HandbookVersion.objects.get()


def test_copy_begins_at_version_one_and_asks_nobody_twice():
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)
    publish(page, body=WRITTEN, version=4)

    copy = page.copy(update_attrs={"slug": "copy"}, keep_live=False)

    assert (copy.version, copy.live) == (1, False)
    assert HandbookVersion.objects.count() == 1


# --- The editor's choice ------------------------------------------------------------


@pytest.fixture
def cms(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def form_of(page, text="<p>Words</p>"):
    return {
        "title": page.title,
        "slug": page.slug,
        "section": "",
        "due_days": "30",
        "is_acknowledged": "on",
        "last_edited_on": "",
        "tags": "",
        "body-count": "1",
        "body-0-deleted": "",
        "body-0-order": "0",
        "body-0-type": "heading",
        "body-0-id": "",
        "body-0-value": text,
        "comments-TOTAL_FORMS": "0",
        "comments-INITIAL_FORMS": "0",
    }


def save(cms, page, **words):
    url = reverse("wagtailadmin_pages:edit", args=[page.pk])
    answer = cms.post(url, form_of(page) | words)
    assert answer.status_code == 302, answer.context["form"].errors
    page.refresh_from_db()


def test_correction_keeps_the_version_and_a_change_that_matters_raises_it(cms):
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)
    publish(page, body=WRITTEN)

    save(cms, page, **{"action-publish": "1"})
    assert (page.version, page.versions.count()) == (1, 1)

    save(cms, page, asks_again="yes", **{"action-publish": "1"})
    assert (page.version, page.versions.count()) == (2, 2)


def test_draft_that_matters_asks_nothing_until_it_is_published(cms):
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)
    publish(page, body=WRITTEN)

    save(cms, page, asks_again="yes")
    edit = cms.get(reverse("wagtailadmin_pages:edit", args=[page.pk]))
    assert (page.version, page.versions.count()) == (1, 1)
    assert edit.context["form"]["asks_again"].value() == "yes"

    save(cms, page, asks_again="yes")  # saved again: still one higher, not two
    save(cms, page, asks_again="yes", **{"action-publish": "1"})
    assert (page.version, page.versions.count()) == (2, 2)


def test_page_nobody_was_asked_for_offers_no_raise(cms):
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)

    save(cms, page, asks_again="yes", **{"action-publish": "1"})

    assert (page.version, page.versions.count()) == (1, 1)


def test_page_that_was_put_up_is_not_deleted(cms):
    page = HandbookPageFactory(title="Scope", is_acknowledged=True)
    publish(page, body=WRITTEN)

    answer = cms.post(reverse("wagtailadmin_pages:delete", args=[page.pk]))

    assert answer.status_code == 302
    assert HandbookPage.objects.filter(pk=page.pk).exists()


def test_page_can_be_added_in_the_cms(cms):
    parent = HandbookPageFactory(title="Policy")
    url = reverse("wagtailadmin_pages:add", args=["content", "handbookpage", parent.pk])

    words = form_of(HandbookPage(title="Part 5", slug="part-5"))
    answer = cms.post(url, words | {"action-publish": "1"})

    assert answer.status_code == 302
    assert HandbookPage.objects.get(slug="part-5").versions.get().number == 1
    assert Page.objects.get(slug="part-5").live
