"""Kept files, sent to whoever may have them."""

from __future__ import annotations

import logging

from django.contrib import messages
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from certificates.models import AuditPack, Certificate, DesignSample, Statement
from certificates.storing import CannotStore, told
from lms.people.access import MemberRequest

logger = logging.getLogger(__name__)


def send(
    request: MemberRequest,
    file: FieldFile,
    *,
    of: Certificate | Statement | AuditPack | DesignSample,
    name: str,
    as_attachment: bool = True,
) -> HttpResponseBase:
    """Answer with the file, under a name.

    Where the storage cannot give it, lead to the page of what it is `of`, and say so
    there in words.
    """
    try:
        with told():
            opened = file.open("rb")
    except CannotStore as reason:
        what = f"The file of {of._meta.model_name} {of.pk}"
        logger.error("%s cannot be read: %s", what, reason)  # noqa: TRY400  the sentence says all
        messages.error(
            request,
            _("The file cannot be read just now. Please tell the training team."),
        )
        return redirect(of)
    return FileResponse(opened, as_attachment=as_attachment, filename=name)
