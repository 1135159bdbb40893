"""What the worker does for certificates; all safe to repeat."""

from django_tasks import task

from certificates import (
    auditing,
    expiring,
    fonts,
    preparing,
    sampling,
    statements,
)


@task(backend="jobs")
def prepare(pk: int) -> None:
    """Make the file of a certificate."""
    preparing.prepare(pk)


@task(backend="jobs")
def make_fonts() -> None:
    """Make the fonts before the first certificate asks for them."""
    fonts.ensure_fonts()


@task(backend="jobs")
def tell_of_ends() -> None:
    """Tell holders of what runs out; safe to repeat."""
    if expiring.tell_some():
        tell_of_ends.enqueue()


@task(backend="jobs")
def make_audit_pack(pk: int) -> None:
    """Make the file of an audit pack."""
    auditing.make(pk)


@task(backend="jobs")
def make_statement(pk: int) -> None:
    """Make the file of a statement of standing."""
    statements.make(pk)


@task(backend="jobs")
def make_sample(pk: int) -> None:
    """Make the PDF sample of a design."""
    sampling.make(pk)
