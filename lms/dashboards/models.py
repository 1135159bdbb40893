"""Whose turn it is, of several clocks."""

from django.db import models


class Beat(models.Model):
    """When a round was last begun, or gone on with. Clocks share the row: one goes."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    wagtail_reference_index_ignore = True

    def __str__(self) -> str:
        return self.name
