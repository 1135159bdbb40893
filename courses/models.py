"""Programmes, what they asked for from a date on, and what people have shown."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalManyToManyField
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.fields import StreamField
from wagtail.models import Page, Revision
from wagtail.query import PageQuerySet
from wagtail.search import index
from wagtail.url_routing import RouteResult

from content.blocks import BODY_BLOCKS, CRITERION_BLOCKS, LINE_BLOCKS
from content.walls import MembersPage
from courses.copying import DraftCopyForm
from lms.constraints import AppendOnly
from lms.people.models import Member, Team, User

if TYPE_CHECKING:
    from lms.people.access import Access


class Preparation(models.TextChoices):
    """Whether reading and the check must come before the call."""

    ADVISED = "advised", _("Prepare: advised before the call")
    FIRST = "first", _("Prepare first: the call opens when it is done")


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
        max_length=10, choices=Preparation.choices, default=Preparation.ADVISED
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
        *Page.content_panels,
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

    @property
    def cancel_limit(self) -> timedelta:
        """Until how long before its start a call can be called off in good time."""
        return timedelta(hours=self.cancel_hours)

    def topics(self) -> PageQuerySet:
        """Its topic pages in the order of the tree, published or not."""
        return TopicPage.objects.child_of(self).order_by("path")

    def edition_on(self, day: date | None = None) -> Edition | None:
        """The edition in force on a day (today); None before the first."""
        editions = Edition.objects.filter(programme=self.pk)
        return (
            editions.filter(effective_on__lte=day or now().date())
            .order_by("-number")
            .first()
        )


class TopicPage(MembersPage):
    """A topic of a programme. Its fields draft what the next edition asks for."""

    TEXTS = ("objectives", "body", "agenda", "preparation", "criteria")

    objectives = StreamField(
        LINE_BLOCKS, blank=True, help_text=_("What people will be able to do.")
    )
    body = StreamField(BODY_BLOCKS, blank=True)
    agenda = StreamField(
        LINE_BLOCKS, blank=True, help_text=_("What the call goes through.")
    )
    preparation = StreamField(
        LINE_BLOCKS, blank=True, help_text=_("What to prepare for the call.")
    )
    criteria = StreamField(
        CRITERION_BLOCKS, blank=True, help_text=_("What the trainer ticks.")
    )
    needs_read = models.BooleanField(_("people read the page"), default=True)
    needs_call = models.BooleanField(_("a call covers it"), default=True)
    call_minutes = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(5), MaxValueValidator(90)],
        help_text=_("How long the call takes for this topic, in minutes."),
    )

    content_panels = [
        *Page.content_panels,
        FieldPanel("objectives"),
        FieldPanel("body"),
        FieldPanel("agenda"),
        FieldPanel("preparation"),
        MultiFieldPanel(
            [
                FieldPanel("criteria"),
                FieldRowPanel([FieldPanel("needs_read"), FieldPanel("needs_call")]),
                FieldPanel("call_minutes"),
            ],
            heading=_("What the next edition asks for"),
        ),
    ]
    search_fields = [
        *Page.search_fields,
        index.SearchField("objectives"),
        index.SearchField("body"),
    ]
    parent_page_types = ["courses.ProgrammePage"]
    subpage_types: list[str] = []
    template = "courses/topic.html"
    copy_form_class = DraftCopyForm

    def route(self, request: HttpRequest, path_components: list[str]) -> RouteResult:
        """Answer when unpublished too, to people who may be in the middle of it."""
        if not path_components and not self.live and self.edition_topics.exists():
            return RouteResult(self)
        return super().route(request, path_components)

    def get_template(self, request: HttpRequest, *args: Any, **kwargs: Any) -> str:
        if self.live or getattr(request, "is_preview", False):
            return self.template
        return "courses/topic_revised.html"


class Edition(models.Model):
    """What a programme asks for, from a date on. Never changed: rules ask this."""

    programme = models.ForeignKey(
        ProgrammePage, on_delete=models.PROTECT, related_name="editions"
    )
    number = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=255)
    section = models.CharField(max_length=10, blank=True)
    effective_on = models.DateField()
    need_count = models.PositiveSmallIntegerField(null=True)
    validity_months = models.PositiveSmallIntegerField(null=True)
    due_days = models.PositiveSmallIntegerField(null=True)
    preparation = models.CharField(max_length=10, choices=Preparation.choices)
    published_at = models.DateTimeField(default=now)
    published_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["programme", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "number"], name="edition_number"
            ),
            AppendOnly(name="edition_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.title}, edition {self.number}"


class EditionAudience(models.Model):
    """A team that an edition obliges."""

    edition = models.ForeignKey(
        Edition, on_delete=models.PROTECT, related_name="audience"
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")

    wagtail_reference_index_ignore = True

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["edition", "team"], name="edition_audience_once"
            ),
            AppendOnly(name="edition_audience_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.team} in {self.edition}"


class EditionTopic(models.Model):
    """What an edition asks for in one topic, and the page's text at the time."""

    edition = models.ForeignKey(
        Edition, on_delete=models.PROTECT, related_name="topics"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="edition_topics"
    )
    order = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=255)
    needs_read = models.BooleanField()
    needs_check = models.BooleanField(default=False)
    needs_call = models.BooleanField()
    call_minutes = models.PositiveSmallIntegerField()
    criteria = models.JSONField(default=list, help_text="A list of sentences.")
    revision = models.ForeignKey(
        Revision, null=True, on_delete=models.PROTECT, related_name="+"
    )

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["edition", "order"]
        constraints = [
            models.UniqueConstraint(
                fields=["edition", "topic"], name="edition_topic_once"
            ),
            models.CheckConstraint(
                condition=Q(needs_read=True) | Q(needs_check=True) | Q(needs_call=True),
                name="edition_topic_asks_something",
            ),
            AppendOnly(name="edition_topic_append_only"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def call_length(self) -> timedelta:
        return timedelta(minutes=self.call_minutes)


class Source(models.TextChoices):
    """Why somebody is in a programme."""

    TEAM = "team", _("Your team")
    MANAGER = "manager", _("Your manager")
    SELF = "self", _("You asked")
    STAFF = "staff", _("ByteKast")
    EDITION = "edition", _("The programme changed")
    RENEWAL = "renewal", _("Renewal")
    TRANSFER = "transfer", _("Carried over")


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def visible_to(self, access: Access) -> EnrolmentQuerySet:
        """One's own, in every reseller; a manager's people's; all, for staff."""
        if access.is_staff:
            return self
        return self.filter(
            Q(member__user=access.user)
            | Q(member__reseller__in=access.managed_resellers)
        )

    def open(self) -> EnrolmentQuerySet:
        """Neither completed nor withdrawn nor annulled."""
        return self.filter(completed_at=None, withdrawn_at=None, annulled_at=None)

    def standing(self) -> EnrolmentQuerySet:
        """Neither withdrawn nor annulled: open or completed."""
        return self.filter(withdrawn_at=None, annulled_at=None)

    def qualified(self, on: date | None = None) -> EnrolmentQuerySet:
        """Those that qualify their member on a day (today)."""
        day = on or now().date()
        return (
            self.standing()
            .filter(completed_at__isnull=False, valid_from__lte=day)
            .filter(Q(valid_until=None) | Q(valid_until__gt=day))
            .filter(Q(counts_until=None) | Q(counts_until__gt=day))
        )


class Enrolment(models.Model):
    """A member in a programme, once for each cycle."""

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="enrolments"
    )
    programme = models.ForeignKey(
        ProgrammePage, on_delete=models.PROTECT, related_name="enrolments"
    )
    edition = models.ForeignKey(
        Edition, on_delete=models.PROTECT, related_name="enrolments"
    )
    cycle = models.PositiveSmallIntegerField(default=1)
    source = models.CharField(max_length=10, choices=Source.choices)
    enrolled_at = models.DateTimeField(default=now)
    enrolled_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    due_on = models.DateField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    counts_until = models.DateField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    annulled_at = models.DateTimeField(null=True, blank=True)
    closed_why = models.CharField(max_length=200, blank=True)

    objects = EnrolmentQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["programme", "cycle"]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "programme", "cycle"], name="enrolment_cycle"
            ),
            models.UniqueConstraint(
                fields=["member", "programme"],
                condition=Q(completed_at=None, withdrawn_at=None, annulled_at=None),
                name="enrolment_one_open",
            ),
            models.CheckConstraint(
                condition=Q(completed_at=None, valid_from=None)
                | Q(completed_at__isnull=False, valid_from__isnull=False),
                name="enrolment_valid_when_completed",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(completed_at=None),
                name="enrolment_withdrawn_while_open",
            ),
            models.CheckConstraint(
                condition=Q(annulled_at=None) | Q(completed_at__isnull=False),
                name="enrolment_annulled_after_completion",
            ),
            AppendOnly(
                name="enrolment_append_only",
                may_change=["due_on", "counts_until", "closed_why"],
                write_once=[
                    "completed_at",
                    "valid_from",
                    "valid_until",
                    "withdrawn_at",
                    "annulled_at",
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.programme} ({self.cycle})"

    @property
    def is_open(self) -> bool:
        return not (self.completed_at or self.withdrawn_at or self.annulled_at)


_OfEnrolment = TypeVar("_OfEnrolment", bound=models.Model)


class OfEnrolmentQuerySet(models.QuerySet[_OfEnrolment]):
    """Rows that belong to an enrolment: who sees the one sees the others."""

    def visible_to(self, access: Access) -> Self:
        return self.filter(enrolment__in=Enrolment.objects.visible_to(access))


class EvidenceKind(models.TextChoices):
    """How a step of a topic was shown to be done."""

    READ = "read", _("Read")
    CHECK = "check", _("Check passed")
    CALL = "call", _("Covered in a call")
    EXEMPTION = "exemption", _("Exempt")


class Evidence(models.Model):
    """A step shown to be done. Only ever voided, and once."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="evidence"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="evidence"
    )
    kind = models.CharField(max_length=10, choices=EvidenceKind.choices)
    at = models.DateTimeField(default=now)
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    detail = models.JSONField(default=dict)
    carried_from = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="carried_to"
    )
    voided_at = models.DateTimeField(null=True)
    voided_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    voided_why = models.CharField(max_length=200, blank=True)

    objects = OfEnrolmentQuerySet["Evidence"].as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "topic", "kind"],
                condition=Q(voided_at=None),
                name="evidence_once",
            ),
            AppendOnly(
                name="evidence_append_only",
                write_once=["voided_at", "voided_by", "voided_why"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.topic}, {self.kind}"


class TopicCompletion(models.Model):
    """A topic is complete: written when its evidence suffices."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="completions"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="completions"
    )
    at = models.DateTimeField(default=now)
    voided_at = models.DateTimeField(null=True)

    objects = OfEnrolmentQuerySet["TopicCompletion"].as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "topic"],
                condition=Q(voided_at=None),
                name="completion_once",
            ),
            AppendOnly(name="completion_append_only", write_once=["voided_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.topic}"


class AttemptKind(models.TextChoices):
    """A knowledge check counts, practice does not."""

    CHECK = "check", _("Check")
    PRACTICE = "practice", _("Practice")


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def visible_to(self, access: Access) -> AttemptQuerySet:
        """One's own; all, for staff. Managers see what was passed, not the answers."""
        if access.is_staff:
            return self
        return self.filter(enrolment__member__user=access.user)


class Attempt(models.Model):
    """Questions as they were shown, then the answers: filled once."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.PROTECT, related_name="attempts"
    )
    topic = models.ForeignKey(
        TopicPage, on_delete=models.PROTECT, related_name="attempts"
    )
    kind = models.CharField(max_length=10, choices=AttemptKind.choices)
    started_at = models.DateTimeField(default=now)
    questions = models.JSONField()
    key = models.JSONField()
    order = models.JSONField(default=list)
    submitted_at = models.DateTimeField(null=True)
    answers = models.JSONField(null=True)
    score_percent = models.PositiveSmallIntegerField(null=True)
    passed = models.BooleanField(null=True)

    objects = AttemptQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["started_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "topic", "kind"],
                condition=Q(submitted_at=None),
                name="attempt_one_open",
            ),
            models.CheckConstraint(
                condition=Q(submitted_at=None, answers=None, passed=None)
                | Q(submitted_at__isnull=False, passed__isnull=False),
                name="attempt_filled_whole",
            ),
            models.CheckConstraint(
                condition=Q(score_percent=None) | Q(score_percent__lte=100),
                name="attempt_score_percent",
            ),
            AppendOnly(
                name="attempt_append_only",
                write_once=["submitted_at", "answers", "score_percent", "passed"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment}: {self.topic}, {self.kind}"
