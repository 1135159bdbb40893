"""The processes of this installation, as they say of themselves."""

from __future__ import annotations

from django.db import models


class Heartbeat(models.Model):
    """A process that lives, or lived until lately: it writes this row itself.

    `worked_at` is when it last ended a piece of work, which only workers do. The sizes
    are of the disk on which its data lie, as its machine sees it.
    """

    name = models.CharField(max_length=30)
    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    worked_at = models.DateTimeField(null=True)
    disk_free = models.PositiveBigIntegerField(default=0, help_text="In bytes.")
    disk_size = models.PositiveBigIntegerField(default=0, help_text="In bytes.")

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["name", "host", "pid"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "host", "pid"], name="heartbeat_of_each_process_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.pid} on {self.host}"


class TestMail(models.Model):
    """A mail sent to see whether mail arrives: its link, opened, says that it does."""

    sent_at = models.DateTimeField()
    came_at = models.DateTimeField(null=True)

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["-sent_at"]

    def __str__(self) -> str:
        return f"Test mail {self.pk}"


class DiskNote(models.Model):
    """How much room a machine had on a day, to see how fast it goes."""

    host = models.CharField(max_length=100)
    on = models.DateField()
    free = models.PositiveBigIntegerField(help_text="In bytes.")

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["host", "on"]
        constraints = [
            models.UniqueConstraint(fields=["host", "on"], name="disk_note_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.host} on {self.on}"


class ClockJob(models.Model):
    """One of the clock's jobs: when it was last done to its end.

    `tries` have failed since, the last with `error`; none is made before `again_at`.
    """

    name = models.CharField(max_length=60, unique=True)
    done_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    again_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=60, blank=True, help_text="Its kind alone.")

    wagtail_reference_index_ignore = True

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
