"""The PDF sample of a design: asked for in the CMS, made by the worker, kept a day."""

from __future__ import annotations

import logging
from hashlib import sha256

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates.designing import design_from, design_of, keep
from certificates.keyfiles import KeyTrouble
from certificates.models import (
    SAMPLE_KEPT_FOR,
    CertificateDesign,
    DesignSample,
    private_storage,
)
from certificates.render import CannotRender
from certificates.samples import sample
from certificates.seal import CannotSeal
from lms.jobs import queued
from lms.people.models import User

logger = logging.getLogger(__name__)


@transaction.atomic
def ask(edited: CertificateDesign, *, by: User) -> DesignSample:
    """Ask the worker for a sample of the design as it is given, a draft or not.

    Asked again for the same design within a day, it is the same sample. Raises Refused
    for a picture that cannot be printed.
    """
    User.objects.select_for_update().get(pk=by.pk)
    revision = keep(design_from(edited))
    asked = DesignSample.objects.filter(
        asked_by=by, design=revision, asked_at__gt=now() - SAMPLE_KEPT_FOR
    ).first()
    if asked is None:
        asked = DesignSample.objects.create(asked_by=by, design=revision)
    if asked.made_at is None:
        _enqueue_after_commit(asked.pk)
    return asked


def make(pk: int) -> bool:
    """Make the file of a sample; tell whether this did. Safe to repeat."""
    asked = (
        DesignSample.objects.filter(pk=pk, made_at=None)
        .select_related("design")
        .first()
    )
    if asked is None or asked.is_over:
        return False
    try:
        pdf = sample(design_of(asked.design))
        name = private_storage().save(f"samples/{asked.key}.pdf", ContentFile(pdf))
    except (CannotRender, CannotSeal, KeyTrouble, OSError) as reason:
        logger.exception("Sample %s cannot be made", pk)
        words = _("It could not be made: %(why)s")
        DesignSample.objects.filter(pk=pk, made_at=None).update(
            trouble=(words % {"why": reason})[:200]
        )
        return False
    is_first = DesignSample.objects.filter(pk=pk, made_at=None).update(
        file=name, sha256=sha256(pdf).hexdigest(), made_at=now(), trouble=""
    )
    if not is_first:
        private_storage().delete(name)
    return bool(is_first)


def carry_on() -> None:
    """Make what was left, and remove the files whose day is over. For the clock."""
    from certificates.tasks import make_sample  # noqa: PLC0415  the task calls back

    asked = {args[0] for args in queued(make_sample)}
    unmade = DesignSample.objects.filter(
        made_at=None, trouble="", asked_at__gt=now() - SAMPLE_KEPT_FOR
    )
    for pk in unmade.values_list("pk", flat=True):
        if pk not in asked:
            make_sample.enqueue(pk)
    over = DesignSample.objects.filter(made_at__lte=now() - SAMPLE_KEPT_FOR)
    for each in over.exclude(file=""):
        each.file.delete(save=False)
        DesignSample.objects.filter(pk=each.pk).update(file="")


def _enqueue_after_commit(pk: int) -> None:
    from certificates.tasks import make_sample  # noqa: PLC0415  as above

    transaction.on_commit(lambda: make_sample.enqueue(pk) and None)
