"""What the worker does for certificates; all safe to repeat."""

from django_tasks import task

from certificates import fonts, preparing


@task(backend="jobs")
def prepare(pk: int) -> None:
    """Make the file of a certificate."""
    preparing.prepare(pk)


@task(backend="jobs")
def make_fonts() -> None:
    """Make the fonts before the first certificate asks for them."""
    fonts.ensure_fonts()
