"""What the seed has made: so that it never makes or overwrites a thing again."""

from django.db import models
from django.utils.timezone import now


class SeededItem(models.Model):
    """A thing of the policy file that was made once, whatever became of it."""

    key = models.CharField(max_length=120, unique=True)
    at = models.DateTimeField(default=now)

    wagtail_reference_index_ignore = True

    def __str__(self) -> str:
        return self.key
