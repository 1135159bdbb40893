"""Programmes and topics as editors write them; their fields draft the next edition."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.http import HttpRequest
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from taggit.models import ItemBase
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.fields import StreamField
from wagtail.models import Page
from wagtail.query import PageQuerySet
from wagtail.search import index
from wagtail.url_routing import RouteResult

from content.blocks import CRITERION_BLOCKS, LINE_BLOCKS
from content.copying import DraftCopyForm
from content.models import Tag
from content.walls import MembersPage, title_panel
from courses.exercise_blocks import TOPIC_BLOCKS
from courses.questions import MOST_QUESTIONS, QUESTION_BLOCKS
from courses.topic_form import TopicForm
from lms.people.models import Team

if TYPE_CHECKING:
    from courses.models.editions import Edition


class Preparation(models.TextChoices):
    """Whether reading and the check must come before the call."""

    ADVISED = "advised", _("Prepare: advised before the call")
    FIRST = "first", _("Prepare first: the call opens when it is done")


class PreviewMode(models.TextChoices):
    """As whom an editor looks at a topic that is not published yet."""

    NEW = "new", _("Somebody new to it")
    BEGUN = "begun", _("In progress: read")
    LOCKED = "locked", _("Its call is locked: prepare first")
    USED_UP = "used_up", _("All attempts at its check used up")
    DONE = "done", _("Done")


class ProgrammeIndexPage(MembersPage):
    """All programmes, for those who may read them."""

    parent_page_types = ["content.HomePage"]
    subpage_types = ["courses.ProgrammePage"]
    max_count = 1
    template = "courses/programmes.html"
    admin_default_ordering = "ord"


class ProgrammePage(MembersPage):
    """One of the qualifications (Policy 1). Its fields draft the next edition."""

    section = models.CharField(
        max_length=10, blank=True, help_text=_("The policy's number, such as 1.3.")
    )
    summary = models.TextField(
        blank=True, help_text=_("One or two sentences: what this qualifies for.")
    )
    policy_quote = models.TextField(
        blank=True, help_text=_("The policy's own sentences, word for word.")
    )
    audience = ParentalManyToManyField(
        Team,
        blank=True,
        related_name="+",
        help_text=_("Whoever is in one of these teams has to qualify."),
    )
    need_count = models.PositiveSmallIntegerField(
        _("needed per reseller"),
        null=True,
        blank=True,
        help_text=_("At least so many people. Empty: everyone in its teams."),
    )
    need_note = models.CharField(
        max_length=200,
        blank=True,
        help_text=_("What is still to be confirmed about the need. Editors only."),
    )
    validity_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Empty: the qualification does not expire.")
    )
    due_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Days people have. Empty: no due date.")
    )
    preparation = models.CharField(
        max_length=10,
        choices=Preparation.choices,
        default=Preparation.ADVISED,
        help_text=_("Whether reading and the check must come before the call."),
    )
    cancel_hours = models.PositiveSmallIntegerField(
        _("calls can be called off until, in hours"),
        default=24,
        validators=[MaxValueValidator(14 * 24)],
        help_text=_(
            "Before the start. Later is possible still, and counts as late. "
            "Not part of an edition: a change here holds at once, for booked calls too."
        ),
    )

    content_panels = [
        title_panel(_("As people read it, and as certificates print it.")),
        FieldPanel("section"),
        FieldPanel("summary"),
        FieldPanel("policy_quote"),
        MultiFieldPanel(
            [
                FieldPanel("audience"),
                FieldRowPanel([FieldPanel("need_count"), FieldPanel("need_note")]),
                FieldRowPanel([FieldPanel("validity_months"), FieldPanel("due_days")]),
                FieldPanel("preparation"),
            ],
            heading=_("What the next edition asks for"),
        ),
        FieldPanel("cancel_hours"),
    ]
    search_fields = [
        *Page.search_fields,
        index.SearchField("summary"),
        index.SearchField("policy_quote"),
    ]
    parent_page_types = ["courses.ProgrammeIndexPage"]
    subpage_types = ["courses.TopicPage"]
    template = "courses/programme.html"
    admin_default_ordering = "ord"
    copy_form_class = DraftCopyForm
    exclude_fields_in_copy = ["section", "audience"]

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programmes")

    @property
    def cancel_limit(self) -> timedelta:
        """Until how long before its start a call can be called off in good time."""
        return timedelta(hours=self.cancel_hours)

    def topics(self) -> PageQuerySet:
        """Its topic pages in the order of the tree, published or not."""
        return TopicPage.objects.child_of(self).order_by("path")

    def edition_on(self, day: date | None = None) -> Edition | None:
        """The edition in force on a day (today); None before the first."""
        begun = self.editions.filter(effective_on__lte=day or now().date())
        latest: Edition | None = begun.order_by("-number").first()
        return latest


class TopicTag(ItemBase):
    """A tag on a topic."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="topic_items")
    content_object = ParentalKey(
        "courses.TopicPage", on_delete=models.CASCADE, related_name="tagged_items"
    )


class TopicPage(MembersPage):
    """A topic of a programme. Its fields draft what the next edition asks for."""

    TEXTS = ("objectives", "body", "agenda", "preparation", "criteria")

    objectives = StreamField(
        LINE_BLOCKS,
        blank=True,
        help_text=_("One line for each: what they can do afterwards."),
    )
    body = StreamField(
        TOPIC_BLOCKS,
        blank=True,
        help_text=_(
            "The text, and exercises to try. Where it still has to be written, add "
            "“To fill in”."
        ),
    )
    agenda = StreamField(
        LINE_BLOCKS,
        blank=True,
        help_text=_("One line for each step. People read it before the call."),
    )
    preparation = StreamField(
        LINE_BLOCKS,
        blank=True,
        help_text=_("One line for each thing to bring or to have done."),
    )
    criteria = StreamField(
        CRITERION_BLOCKS,
        blank=True,
        help_text=_("One line for each. People read them too."),
    )
    tags = ClusterTaggableManager(
        through=TopicTag,
        blank=True,
        help_text=_("Choose from the list: they lead from one page to another."),
    )
    questions = StreamField(
        QUESTION_BLOCKS,
        blank=True,
        max_num=MOST_QUESTIONS,
        help_text=_(
            "The knowledge check. Nobody sees the answers, or finds them by search, "
            "before they have answered. A change here never scores anybody anew."
        ),
    )
    pass_percent = models.PositiveSmallIntegerField(
        _("pass mark"),
        default=80,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("In percent of the questions. It is rounded in nobody's favour."),
    )
    attempts_allowed = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "Then people talk it through in their call, where the trainer may pass "
            "it or give new attempts. Empty: no limit."
        ),
    )
    cooldown_minutes = models.PositiveSmallIntegerField(
        _("pause between attempts, in minutes"),
        default=0,
        validators=[MaxValueValidator(7 * 24 * 60)],
        help_text=_("0: people may try again at once."),
    )
    is_shuffled = models.BooleanField(
        _("shuffle questions and answers"),
        default=True,
        help_text=_("For each attempt anew."),
    )
    draw = models.PositiveSmallIntegerField(
        _("draw so many questions"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("For each attempt, out of all above. Empty: all of them."),
    )
    one_at_a_time = models.BooleanField(
        _("show one question at a time"),
        default=False,
        help_text=_("Else all of them stand on one page."),
    )
    needs_read = models.BooleanField(
        _("people read the page"),
        default=True,
        help_text=_("They press “I have read this” at its foot."),
    )
    needs_call = models.BooleanField(
        _("a call covers it"),
        default=True,
        help_text=_("A trainer goes through it with them, and signs it off."),
    )
    call_minutes = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(5), MaxValueValidator(90)],
        help_text=_("How long the call takes for this topic, in minutes."),
    )

    content_panels = [
        title_panel(_("As people read it: a few words.")),
        FieldPanel("objectives", heading=_("What people will be able to do")),
        FieldPanel("body", heading=_("Text and exercises")),
        FieldPanel("questions", heading=_("Knowledge check")),
        MultiFieldPanel(
            [
                FieldRowPanel([FieldPanel("pass_percent"), FieldPanel("draw")]),
                FieldRowPanel(
                    [FieldPanel("attempts_allowed"), FieldPanel("cooldown_minutes")]
                ),
                FieldRowPanel([FieldPanel("is_shuffled"), FieldPanel("one_at_a_time")]),
            ],
            heading=_("How the check goes"),
            classname="collapsed",
        ),
        MultiFieldPanel(
            [
                FieldPanel("agenda", heading=_("What the call goes through")),
                FieldPanel("preparation", heading=_("What to prepare for it")),
            ],
            heading=_("The call"),
        ),
        MultiFieldPanel(
            [
                FieldPanel("criteria", heading=_("What the trainer ticks")),
                FieldRowPanel([FieldPanel("needs_read"), FieldPanel("needs_call")]),
                FieldPanel("call_minutes"),
            ],
            heading=_("What the next edition asks for"),
        ),
        FieldPanel("tags"),
    ]
    search_fields = [
        *Page.search_fields,
        index.SearchField("objectives"),
        index.SearchField("body"),
    ]
    parent_page_types = ["courses.ProgrammePage"]
    subpage_types: list[str] = []
    template = "courses/topic.html"
    base_form_class = TopicForm
    copy_form_class = DraftCopyForm

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")

    def route(self, request: HttpRequest, path_components: list[str]) -> RouteResult:
        """Answer when unpublished too, to people who may be in the middle of it."""
        if not path_components and not self.live and self.edition_topics.exists():
            return RouteResult(self)
        return super().route(request, path_components)

    @property
    def preview_modes(self) -> list[tuple[str, Any]]:
        """As whom an editor may look at it; only what can come about in it."""
        never = set()
        if not self.questions:
            never.add(PreviewMode.USED_UP)
        if not self.needs_call:
            never.add(PreviewMode.LOCKED)
        return [mode for mode in PreviewMode.choices if mode[0] not in never]

    @property
    def default_preview_mode(self) -> str:
        return PreviewMode.NEW

    def get_template(self, request: HttpRequest, *args: Any, **kwargs: Any) -> str:
        if self.live or getattr(request, "is_preview", False):
            return self.template
        return "courses/topic_revised.html"
