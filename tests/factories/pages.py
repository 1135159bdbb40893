"""Pages of the CMS: the home page, the handbook, programmes and their topics."""

from collections.abc import Iterable
from typing import Any

import factory
from django.contrib.contenttypes.models import ContentType
from django.utils.text import slugify
from factory import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory
from modelsearch.index import insert_or_update_object
from wagtail.models import Page

from content.models import Acknowledgement, HandbookPage, HomePage
from courses.models import (
    ProgrammeIndexPage,
    ProgrammePage,
    TopicPage,
)
from lms.people.models import (
    Team,
)
from tests.factories.people import MemberFactory

PAGE_FIELDS = Page._meta.concrete_fields


are_pages_indexed = False  # the fixture `indexed_pages` says otherwise


def home_page() -> HomePage:
    """Return the one home page, at the root of the one site, as the seed makes it.

    Wagtail's own page of welcome becomes it, and so the site's root.
    """
    if home := HomePage.objects.first():
        return home
    (welcome,) = Page.get_first_root_node().get_children()
    welcome.title = welcome.draft_title = "Home"
    welcome.content_type = ContentType.objects.get_for_model(HomePage)
    Page.objects.bulk_update([welcome], ["title", "draft_title", "content_type"])
    write_part(welcome, HomePage())
    return HomePage.objects.get()


def programme_index() -> ProgrammeIndexPage:
    """Return the one index of programmes, below the home page."""
    return ProgrammeIndexPage.objects.first() or write_page(
        home_page(), ProgrammeIndexPage(title="Programmes", slug="programmes")
    )


def write_page(parent: Page, page: Any) -> Any:
    """Write a page as the last one below its parent, as it is.

    Its rows are those that Wagtail writes. But Wagtail looks the page over first, then
    enters it in the search, the index of references and the log: five times the work.
    """
    parent.refresh_from_db(fields=["path", "numchild"])
    page.depth = parent.depth + 1
    page.path = Page._get_path(parent.path, page.depth, 1)
    if parent.numchild:
        paths = parent.get_children().order_by("path").values_list("path", flat=True)
        page.path = Page(path=paths.last())._inc_path()
    page.url_path = f"{parent.url_path}{page.slug}/"
    page.draft_title = page.draft_title or page.title
    page.locale_id = parent.locale_id
    parent.numchild += 1
    Page.objects.filter(pk=parent.pk).update(numchild=parent.numchild)
    row = Page(**{each.attname: getattr(page, each.attname) for each in PAGE_FIELDS})
    Page.objects.bulk_create([row])
    write_part(row, page)
    if are_pages_indexed:
        insert_or_update_object(page)
    return page


def write_part(row: Page, page: Page) -> None:
    """Write what a kind of page has beside the row of every page."""
    page.id = page.page_ptr_id = row.id
    page.save_base(raw=True, force_insert=True)


class PageFactory(DjangoModelFactory[Any]):
    """A live page below `parent`, without a revision.

    Search finds it in tests that ask for the fixture `indexed_pages`.
    """

    class Meta:
        abstract = True
        skip_postgeneration_save = True

    slug = LazyAttribute(lambda page: slugify(page.title))

    @classmethod
    def _create(cls, model_class: type[Page], parent: Page, **fields: Any) -> Page:
        return write_page(parent, model_class(**fields))


class HandbookPageFactory(PageFactory):
    class Meta:
        model = HandbookPage

    parent = LazyFunction(home_page)
    title = Sequence(lambda n: f"Handbook {n}")


class ProgrammePageFactory(PageFactory):
    """A programme without topics and editions; `audience=` takes teams."""

    class Meta:
        model = ProgrammePage

    parent = LazyFunction(programme_index)
    title = Sequence(lambda n: f"Programme {n}")

    @factory.post_generation
    def audience(
        self: ProgrammePage, create: bool, teams: Iterable[Team] | None
    ) -> None:
        if teams:
            self.audience.set(teams)
            self.audience.commit()


class TopicPageFactory(PageFactory):
    """A topic, the last one of its programme (`parent`)."""

    class Meta:
        model = TopicPage

    parent = SubFactory(ProgrammePageFactory)
    title = Sequence(lambda n: f"Topic {n}")


class AcknowledgementFactory(DjangoModelFactory[Acknowledgement]):
    class Meta:
        model = Acknowledgement

    member = SubFactory(MemberFactory)
    page = SubFactory(HandbookPageFactory)
    version = SelfAttribute("page.version")
