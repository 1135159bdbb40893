"""What every page of ours is, in the site and in the CMS; and who gets documents."""

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from wagtail.documents.models import Document

from tests.factories import (
    HandbookPageFactory,
    MemberFactory,
    TopicPageFactory,
    UserFactory,
    home_page,
    programme_index,
)


@pytest.mark.parametrize(
    "make", [home_page, programme_index, HandbookPageFactory, TopicPageFactory]
)
def test_page_comes_and_goes_by_hand_alone(client, db, make):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    response = client.get(reverse("wagtailadmin_pages:edit", args=[make().pk]))

    fields = set(response.context["form"].fields)
    assert fields.isdisjoint({"go_live_at", "expire_at"})
    assert "Set schedule" not in response.text


def test_document_is_for_those_who_may_read_the_pages(client, db):
    file = ContentFile(b"For resellers", "prices.txt")
    url = Document.objects.create(title="Prices", file=file).url

    signed_out = client.get(url)
    client.force_login(UserFactory())  # one who left
    left = client.get(url)
    client.force_login(MemberFactory().user)
    member = client.get(url)

    assert (signed_out.status_code, left.status_code) == (302, 403)
    assert signed_out.url.startswith(reverse("account_login"))
    assert b"".join(member.streaming_content) == b"For resellers"
    member.close()
