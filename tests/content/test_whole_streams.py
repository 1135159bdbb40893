"""Streams that do not reach the CMS whole: refused in words, and nothing is saved."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from content.permissions import grant_channel_team
from lms.people.accounts import set_channel_team
from tests.factories import HandbookPageFactory, UserFactory

NOT_WHOLE = "This part did not reach us whole. Please reload the page."
WHOLE = {
    "due_days": "30",
    "last_edited_on": "",
    "body-count": "1",
    "body-0-deleted": "",
    "body-0-order": "0",
    "body-0-type": "heading",
    "body-0-id": "",
    "body-0-value": "Scope",
}


@pytest.fixture
def editor(client: Client, db: None) -> Client:
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    client.force_login(staff)
    return client


def send(editor: Client, page: Any, **words: str | None) -> Any:
    sent = {"title": page.title, "slug": page.slug} | WHOLE | words
    sent |= {"comments-TOTAL_FORMS": "0", "comments-INITIAL_FORMS": "0"}
    url = reverse("wagtailadmin_pages:edit", args=[page.pk])
    kept = {name: value for name, value in sent.items() if value is not None}
    return editor.post(url, kept)


def test_whole_stream_is_taken(editor):
    page = HandbookPageFactory()

    response = send(editor, page)
    page.refresh_from_db()

    assert response.status_code == 302
    draft = page.get_latest_revision_as_object()
    assert [each.value for each in draft.body] == ["Scope"]


@pytest.mark.parametrize(
    "torn",
    [
        {"body-count": None},
        {"body-count": "many"},
        {"body-count": "9" * 5000},
        {"body-0-deleted": None},
        {"body-0-order": "first"},
        {"body-0-type": "text", "body-0-value": "{"},
        {"body-0-type": "text", "body-0-value": "7"},
        {"body-0-type": "text", "body-0-value": "[" * 100_000},
    ],
)
def test_torn_stream_is_refused_in_words(editor, torn):
    page = HandbookPageFactory()

    response = send(editor, page, **torn)

    assert response.status_code == 200
    assert response.context["form"].errors == {"body": [NOT_WHOLE]}
    assert page.revisions.count() == 0
