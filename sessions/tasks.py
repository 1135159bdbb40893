"""What the worker does about calls."""

from django_tasks import task

from sessions import earlier, outside


@task(backend="jobs")
def offer_freed() -> None:
    """Ask those who wait about the times that are free again; safe to repeat."""
    earlier.offer_freed()


@task(backend="jobs", priority=-10)  # mail goes first
def read_outside_calendar(pk: int) -> None:
    """Read when a trainer's other calendar is busy; safe to repeat."""
    outside.read_calendar(pk)
