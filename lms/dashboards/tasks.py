"""What the worker does for the joined screens."""

from django_tasks import task

from lms.dashboards import digest


@task(backend="jobs")
def write_digests() -> None:
    """Write managers their week; safe to repeat."""
    if digest.write_some():
        write_digests.enqueue()
