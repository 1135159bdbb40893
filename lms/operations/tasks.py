"""What the worker does to show that it works."""

from django_tasks import task


@task(backend="jobs")
def prove() -> None:
    """Do nothing: that it was done is what it shows."""
