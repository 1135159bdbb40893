from django.core.cache import cache
from django.test import RequestFactory
from wagtail.images.models import Image
from wagtail.images.tests.utils import get_test_image_file
from wagtail.models import Site

from content.kept import KEY, MOST_THINGS, Memory, forget, kept
from content.models import Branding
from tests.factories import (
    HandbookPageFactory,
    MemberFactory,
    TeamFactory,
    home_page,
)


def made_by(values):
    return lambda: next(values)


def test_what_is_kept_is_made_once(db):
    values = iter(range(9))

    got = [kept(None, "a number", made_by(values)) for _ in range(3)]

    assert got == [0, 0, 0]


def test_what_is_forgotten_is_made_anew(db):
    values = iter(range(9))
    kept(None, "a number", made_by(values))

    forget()

    assert kept(None, "a number", made_by(values)) == 1


def test_lost_cache_costs_time_alone(db):
    values = iter(range(9))
    kept(None, "a number", made_by(values))

    cache.clear()

    assert kept(None, "a number", made_by(values)) == 1
    assert kept(None, "a number", made_by(values)) == 1


def test_request_asks_once_whether_it_holds(db, django_assert_num_queries):
    request = RequestFactory().get("/")
    kept(None, "a number", lambda: 1)

    with django_assert_num_queries(1):
        for _ in range(3):
            kept(request, "a number", lambda: 1)


def test_memory_has_an_end():
    memory = Memory()

    for number in range(3 * MOST_THINGS):
        memory.under("one version")[number] = number

    assert len(memory.under("one version")) < MOST_THINGS


def test_whatever_is_shown_to_all_is_forgotten_when_it_changes(db):
    home = home_page()
    page = HandbookPageFactory()
    other = HandbookPageFactory()
    image = Image.objects.create(title="Desk", file=get_test_image_file())
    site = Site.objects.get()
    branding = Branding.objects.create(site=site)

    def move():
        page.move(other, pos="first-child")

    changes = {
        "page": page.save,
        "draft": lambda: page.save_revision().publish(),
        "move": move,
        "image": image.save,
        "image deleted": image.delete,
        "site": site.save,
        "branding": branding.save,
        "home": home.save,
    }
    unseen = []
    for name, change in changes.items():
        before = cache.get(KEY)
        change()
        if cache.get(KEY) == before:
            unseen.append(name)

    assert unseen == []
    before = cache.get(KEY)
    TeamFactory()  # nothing that a page shows
    assert cache.get(KEY) == before


def test_reader_gets_a_copy_of_the_page_that_is_kept(rf, db):
    place = HandbookPageFactory().url_path.strip("/").split("/")[1:]
    home = home_page()

    first, second = (home.route(rf.get("/"), list(place)).page for _ in range(2))

    assert first == second
    assert first is not second
    assert first.__dict__ is not second.__dict__
    assert first._state.fields_cache is not second._state.fields_cache


def test_page_shows_its_changes_at_once(client, db):
    page = HandbookPageFactory(title="Before", slug="here")
    client.force_login(MemberFactory().user)
    assert client.get("/here/").text.count("Before") > 0

    page.title = "After"
    page.save_revision().publish()
    renamed = client.get("/here/").text
    page.slug = "there"
    page.save_revision().publish()
    moved = client.get("/there/")
    gone = client.get("/here/")
    page.unpublish()
    unpublished = client.get("/there/")

    assert "After" in renamed
    assert "Before" not in renamed
    assert [answer.status_code for answer in (moved, gone, unpublished)] == [
        200,
        404,
        404,
    ]
