"""Uploads and renditions lie behind the same door as the pages that show them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404

from lms.people.access import MemberRequest
from lms.s3 import AwayError


@login_required
def media(request: MemberRequest, name: str) -> FileResponse:
    """Send an upload to somebody who may read the pages; 404 to all others.

    Documents have an address of their own, which counts and checks: not here.
    """
    if not request.access.may_read or name.startswith("documents/"):
        raise Http404
    try:
        file = default_storage.open(name)
    except AwayError:  # not to be called missing: the page says that it is away
        raise
    except (OSError, SuspiciousFileOperation, ValueError):
        raise Http404 from None
    response = FileResponse(file)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response
