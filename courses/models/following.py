"""Where somebody stopped reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.timezone import now

from courses.models.pages import TopicPage
from lms.people.models import User

if TYPE_CHECKING:
    from lms.people.access import Access


class ReadingPlaceQuerySet(models.QuerySet["ReadingPlace"]):
    def visible_to(self, access: Access) -> ReadingPlaceQuerySet:
        """One's own, and nobody else's."""
        return self.filter(user=access.user)


class ReadingPlace(models.Model):
    """The block of a topic that a person last had before them, on any device."""

    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="reading_places"
    )
    topic = models.ForeignKey(TopicPage, on_delete=models.CASCADE, related_name="+")
    block = models.CharField(max_length=36, help_text="The block's id in the page.")
    at = models.DateTimeField(default=now)

    objects = ReadingPlaceQuerySet.as_manager()
    wagtail_reference_index_ignore = True

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "topic"], name="reading_place_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.topic}"
