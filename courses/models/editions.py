"""What a programme asks for from a date on, and the next one while it is gathered."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from wagtail.models import Revision

from courses.models.pages import Preparation, ProgrammePage, TopicPage
from lms.constraints import AppendOnly
from lms.people.models import Team, User


class Renewal(models.TextChoices):
    """What somebody does again whose qualification runs out."""

    CHANGED = "changed", _("The topics that have changed since, and one call")
    ALL = "all", _("All of it")


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
    renewal = models.CharField(
        max_length=10, choices=Renewal.choices, default=Renewal.ALL
    )
    redo_days = models.PositiveSmallIntegerField(
        null=True,
        help_text="Days in which the qualified redo what changed. None: nothing.",
    )
    summary = models.TextField(blank=True, help_text="What changed, for its people.")
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
    is_changed = models.BooleanField(
        default=False, help_text="What was shown for it before does not count any more."
    )
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


class EditionDraftQuerySet(models.QuerySet["EditionDraft"]):
    def open(self) -> EditionDraftQuerySet:
        """Not in force yet: gathered, or put up and waiting."""
        return self.filter(edition=None)

    def put_up(self) -> EditionDraftQuerySet:
        """Waiting for its hour, and can be stopped."""
        return self.open().filter(starts_at__isnull=False)

    def on_their_way(self) -> EditionDraftQuerySet:
        """In force, and not with everybody yet."""
        return self.filter(edition__isnull=False, finished_at=None)


class EditionDraft(models.Model):
    """The next edition of a programme, while it is gathered, and its way to people.

    The pages' fields say what it will ask; here stands what no page can say. It is
    open until it is put up (`starts_at`), can be stopped until then, and afterwards
    follows the people whom it touches.
    """

    programme = models.ForeignKey(
        ProgrammePage, on_delete=models.PROTECT, related_name="edition_drafts"
    )
    summary = models.TextField(
        _("what has changed"),
        blank=True,
        help_text=_("One or two sentences, for the mail to the people it touches."),
    )
    redo_days = models.PositiveSmallIntegerField(
        _("days in which the qualified redo what changed"),
        null=True,
        blank=True,
        help_text=_("Empty: nothing is asked of those who are qualified."),
    )
    renewal = models.CharField(
        max_length=10, choices=Renewal.choices, default=Renewal.ALL
    )
    effective_on = models.DateField(null=True, blank=True)
    begun_at = models.DateTimeField(default=now)
    begun_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    starts_at = models.DateTimeField(
        null=True, help_text="When it is put up; until then it can be stopped."
    )
    started_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    edition = models.OneToOneField(
        Edition, null=True, on_delete=models.PROTECT, related_name="draft"
    )
    pinned = models.JSONField(
        null=True, help_text="What it asks, as the pages said when it was put up."
    )
    people = models.PositiveIntegerField(
        null=True, help_text="How many it touches, counted when its day came."
    )
    touched = models.PositiveIntegerField(
        default=0, help_text="How many it has touched so far."
    )
    finished_at = models.DateTimeField(null=True)

    objects = EditionDraftQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["programme", "begun_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["programme"],
                condition=Q(edition=None),
                name="edition_draft_one_open",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(edition__isnull=False),
                name="edition_draft_finished_when_published",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None, pinned__isnull=True)
                | Q(starts_at__isnull=False, pinned__isnull=False),
                name="edition_draft_pinned_when_put_up",
            ),
        ]

    def __str__(self) -> str:
        return f"The next edition of {self.programme}"


class DraftTopic(models.Model):
    """What an editor says of a topic in a draft, beyond what its page says."""

    draft = models.ForeignKey(
        EditionDraft, on_delete=models.CASCADE, related_name="topics"
    )
    topic = models.ForeignKey(TopicPage, on_delete=models.CASCADE, related_name="+")
    is_changed = models.BooleanField(
        default=False, help_text="What was shown for it before does not count any more."
    )
    is_left_out = models.BooleanField(default=False)

    wagtail_reference_index_ignore = True

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "topic"], name="draft_topic_once"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} in {self.draft}"
