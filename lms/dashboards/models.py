"""The last beat of the processes that run beside the web."""

from django.db import models


class Beat(models.Model):
    """When a process last did its round. Two clocks share one row: one ticks."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    wagtail_reference_index_ignore = True

    def __str__(self) -> str:
        return self.name
