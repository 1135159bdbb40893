"""Beside the CMS's screen of the design: its preview's styles and fonts, PDF samples."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from certificates import fonts
from certificates.models import DesignSample
from certificates.previews import face_called, styles_of
from certificates.sending import send
from lms.people.access import MemberRequest

CHANGE = "certificates.change_certificatedesign"
_editors_alone = permission_required(CHANGE, raise_exception=True)


@login_required
@_editors_alone
@require_GET
@cache_control(private=True, max_age=300)
def styles(request: MemberRequest, colours: str) -> HttpResponse:
    """A preview's style sheet, in these colours."""
    text = styles_of(colours)
    if text is None:
        raise Http404
    return HttpResponse(text, content_type="text/css; charset=utf-8")


@login_required
@_editors_alone
@require_GET
@cache_control(private=True, max_age=86400)
def font(request: MemberRequest, name: str) -> HttpResponseBase:
    """One of the certificates' fonts, as the worker has made it."""
    face = face_called(name)
    path = fonts.fonts_folder() / face.filename if face else None
    if path is None or not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), content_type=f"font/{path.suffix[1:]}")


@login_required
@_editors_alone
@require_GET
def sample(request: MemberRequest, key: UUID) -> HttpResponse:
    """One's PDF sample: whether it is made, and its file."""
    own = get_object_or_404(DesignSample.objects.visible_to(request.access), key=key)
    return render(request, "certificates/sample.html", {"sample": own})


@login_required
@_editors_alone
@require_GET
def sample_file(request: MemberRequest, key: UUID) -> HttpResponseBase:
    """The file, for a day, and for whoever asked for it alone."""
    own = get_object_or_404(DesignSample.objects.visible_to(request.access), key=key)
    if not own.is_there:
        return redirect(own)
    name = "certificate-sample.pdf"
    response = send(request, own.file, of=own, name=name, as_attachment=False)
    response["Cache-Control"] = "private, no-store"
    return response
