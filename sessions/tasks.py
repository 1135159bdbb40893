"""What the worker does about calls."""

from django_tasks import task

from sessions import earlier


@task(backend="jobs")
def offer_freed() -> None:
    """Ask those who wait about the times that are free again; safe to repeat."""
    earlier.offer_freed()
