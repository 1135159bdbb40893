"""The home page, the handbook, and who has read it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey
from taggit.models import ItemBase, TagBase
from wagtail.admin.panels import FieldPanel, MultiFieldPanel
from wagtail.contrib.settings.models import BaseSiteSetting, register_setting
from wagtail.fields import StreamField
from wagtail.models import Page, Revision
from wagtail.search import index
from wagtail.url_routing import RouteResult

from content.blocks import BODY_BLOCKS, holes_in
from content.branding import validate_accent
from content.copying import DraftCopyForm
from content.handbook_form import HandbookForm
from content.kept import kept
from content.walls import ADDRESS, NO_SCHEDULE, MembersPage, title_panel
from content.whole import WholePageForm
from lms.constraints import AppendOnly
from lms.people.models import Member, User

if TYPE_CHECKING:
    from lms.people.access import Access


class HomePage(Page):
    """What this is, for somebody who is not signed in."""

    introduction = models.TextField(
        blank=True,
        help_text=_("Two or three sentences: what this is and for whom."),
    )

    content_panels = [*Page.content_panels, FieldPanel("introduction")]
    settings_panels = NO_SCHEDULE
    promote_panels = ADDRESS
    base_form_class = WholePageForm
    parent_page_types = ["wagtailcore.Page"]
    subpage_types = ["content.HandbookPage", "courses.ProgrammeIndexPage"]
    max_count = 1
    template = "content/home.html"

    def route(self, request: HttpRequest, path_components: list[str]) -> RouteResult:
        """Find the page by its whole address: no query where it is kept.

        Each reader gets a copy: what a request finds with it is not the next one's.
        """
        if not path_components:
            return super().route(request, path_components)
        place = f"{self.url_path}{'/'.join(path_components)}/"
        page = copy(kept(request, ("place", place), lambda: _page_at(place)))
        return page.route(request, [])


def _page_at(place: str) -> Page:
    """The page at a place, whole; 404 where none is, or a bare one."""
    page = Page.objects.filter(url_path=place).first()
    model = page.specific_class if page else None
    if page is None or model is None or model is Page:
        raise Http404
    return get_object_or_404(model, pk=page.pk)


class Tag(TagBase):
    """A word that pages have in common. Editors choose from a list they keep."""

    free_tagging = False  # Wagtail's word for: nobody makes one by mistyping it

    class Meta:
        ordering = ["name"]
        verbose_name = _("tag")
        verbose_name_plural = _("tags")


class HandbookTag(ItemBase):
    """A tag on a page of the handbook."""

    tag = models.ForeignKey(
        Tag, on_delete=models.CASCADE, related_name="handbook_items"
    )
    content_object = ParentalKey(
        "content.HandbookPage", on_delete=models.CASCADE, related_name="tagged_items"
    )


class HandbookPage(MembersPage):
    """A part of the policy; the top one lists the others."""

    section = models.CharField(
        max_length=10,
        blank=True,
        help_text=_("The policy's number, such as 2. Empty where it has none."),
    )
    body = StreamField(
        BODY_BLOCKS,
        blank=True,
        help_text=_("The text. Where it still has to be written, add “To fill in”."),
    )
    tags = ClusterTaggableManager(
        through=HandbookTag,
        blank=True,
        help_text=_("Choose from the list: they lead from one page to another."),
    )
    version = models.PositiveSmallIntegerField(default=1)
    last_edited_on = models.DateField(
        null=True, blank=True, help_text=_("The date that the policy itself gives.")
    )
    is_acknowledged = models.BooleanField(
        _("people confirm that they have read it"),
        default=False,
        help_text=_(
            "Everybody of every reseller is asked, once nothing is left to fill in."
        ),
    )
    due_days = models.PositiveSmallIntegerField(
        _("days people have to confirm"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_(
            "From the day on which a version is published, or on which somebody joins."
        ),
    )

    content_panels = [
        title_panel(_("As people read it, and as their record names it.")),
        FieldPanel("section"),
        FieldPanel("body"),
        MultiFieldPanel(
            [
                FieldPanel("is_acknowledged"),
                FieldPanel("due_days"),
                FieldPanel("asks_again"),
            ],
            heading=_("Reading and confirming"),
        ),
        FieldPanel("tags"),
        FieldPanel("last_edited_on"),
    ]
    base_form_class = HandbookForm
    copy_form_class = DraftCopyForm
    exclude_fields_in_copy = ["version"]
    search_fields = [*Page.search_fields, index.SearchField("body")]
    parent_page_types = ["content.HomePage", "content.HandbookPage"]
    subpage_types = ["content.HandbookPage"]
    template = "content/handbook.html"
    admin_default_ordering = "ord"

    class Meta:
        verbose_name = _("page of the handbook")
        verbose_name_plural = _("pages of the handbook")

    @property
    def has_holes(self) -> bool:
        """Whether an editor still has to fill something in."""
        return bool(holes_in(self.body))

    @property
    def can_be_acknowledged(self) -> bool:
        """Whether people are to confirm it: asked for, and written to the end."""
        return self.is_acknowledged and not self.has_holes


class HandbookVersion(models.Model):
    """A version of a handbook page that people are to confirm, and its first text."""

    page = models.ForeignKey(
        HandbookPage, on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=255)
    revision = models.ForeignKey(
        Revision, null=True, on_delete=models.PROTECT, related_name="+"
    )
    published_at = models.DateTimeField(default=now)
    published_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    due_on = models.DateField()

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["page", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["page", "number"], name="handbook_version_once"
            ),
            AppendOnly(name="handbook_version_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.title}, version {self.number}"

    @property
    def due_days(self) -> int:
        """How many days people had from its publication, and have from joining."""
        return (self.due_on - self.published_at.date()).days


class AcknowledgementQuerySet(models.QuerySet["Acknowledgement"]):
    def visible_to(self, access: Access) -> AcknowledgementQuerySet:
        """Those of the members that one may see."""
        return self.filter(member__in=Member.objects.visible_to(access))


class Acknowledgement(models.Model):
    """A member has read a version of a handbook page, with the text it had then."""

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="acknowledgements"
    )
    page = models.ForeignKey(
        HandbookPage, on_delete=models.PROTECT, related_name="acknowledgements"
    )
    version = models.PositiveSmallIntegerField()
    revision = models.ForeignKey(
        Revision, null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(default=now)

    objects = AcknowledgementQuerySet.as_manager()
    wagtail_reference_index_ignore = True
    log_about = "member.user_id"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "page", "version"], name="acknowledged_once"
            ),
            AppendOnly(name="acknowledgement_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.member} has read {self.page} ({self.version})"

    def get_absolute_url(self) -> str:
        return reverse("content:acknowledged", args=[self.pk])


@register_setting(icon="palette")
class Branding(BaseSiteSetting):
    """How the product presents itself: one accent colour, one address to ask."""

    accent = models.CharField(
        max_length=7,
        default="#0b6078",
        validators=[validate_accent],
        help_text=_("The one colour of buttons and links, as #rrggbb."),
    )
    training_email = models.EmailField(
        blank=True,
        help_text=_("Shown at the foot of each page under: Who do I ask?"),
    )

    panels = [FieldPanel("accent"), FieldPanel("training_email")]

    @classmethod
    def current(cls) -> Branding:
        """What was saved, or the defaults: reading writes nothing. One query."""
        return cls.objects.first() or cls()
