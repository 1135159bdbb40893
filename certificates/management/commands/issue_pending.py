"""`manage.py issue_pending`: make the files of all certificates that lack one."""

from __future__ import annotations

from argparse import ArgumentParser
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context

from django.core.management.base import BaseCommand
from django.db import connections

from certificates.fonts import ensure_fonts
from certificates.models import Certificate, CertificateState
from certificates.preparing import prepare
from certificates.render import renderer_of


class Command(BaseCommand):
    help = "Make the files of all certificates that are pending or wait for letters."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--workers",
            type=int,
            default=1,
            help="How many processes make them (1: this one alone).",
        )

    def handle(self, *args: object, workers: int, **options: object) -> None:
        ensure_fonts()
        pks = list(
            Certificate.objects.standing()
            .exclude(state=CertificateState.READY)
            .order_by("issued_at")
            .values_list("pk", flat=True)
        )
        if workers <= 1:
            made = [_prepare(pk) for pk in pks]
        else:
            _load()
            connections.close_all()  # each process opens its own
            with ProcessPoolExecutor(workers, get_context("fork")) as processes:
                made = list(processes.map(_prepare, pks))
        self.stdout.write(f"{sum(made)} of {len(pks)} certificates are ready now.")


def _load() -> None:
    """Import what takes a second, so that each process has it from its start."""
    renderer_of("")
    for name in ("certificates.examining", "certificates.sealer", "pyld.jsonld"):
        import_module(name)


def _prepare(pk: int) -> bool:
    """Asked for by hand: no pause is kept."""
    return prepare(pk, is_asked_for=True)
