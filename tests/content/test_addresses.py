from wagtail.models import Site

from content.addresses import address_of
from tests.factories import HandbookPageFactory


def asked_on_the_site(rf):
    request = rf.get("/")
    request._wagtail_site = Site.objects.get()
    return request


def test_address_is_kept_until_the_page_moves(rf, db, django_assert_num_queries):
    page = HandbookPageFactory(slug="here")
    assert address_of(page, asked_on_the_site(rf)) == "/here/"

    request = asked_on_the_site(rf)
    with django_assert_num_queries(1):  # whether what is kept holds
        assert address_of(page, request) == "/here/"
    page.slug = "there"
    page.save_revision().publish()
    page.refresh_from_db()

    assert address_of(page, asked_on_the_site(rf)) == "/there/"


def test_address_is_asked_for_where_the_site_is_not_known(rf, db):
    page = HandbookPageFactory(slug="here")

    assert address_of(page, rf.get("/")) == "/here/"
    assert address_of(page, None) == "/here/"
