"""The test before a call: camera, microphone, speaker, network."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lms.people.access import MemberRequest
from sessions.models import Booking
from sessions.relay import ice_servers
from sessions.room_phrases import act_words, fault_words, test_words


class FromForm(forms.Form):
    """The call one came from, if any."""

    call = forms.SlugField(required=False)


@login_required
@require_safe
@never_cache  # it holds short-lived credentials for the relay
def device_test(request: MemberRequest) -> HttpResponse:
    """Try one's devices and network; nothing of it leaves the browser.

    `call` in the address is the call one came from, to go back to.
    """
    form = FromForm(request.GET)
    ref = form.cleaned_data["call"] if form.is_valid() else ""
    own = Booking.objects.visible_to(request.access)
    config = {
        "ice_servers": ice_servers(),
        "faults": fault_words(),
        "acts": act_words(),
        "words": test_words(),
    }
    context = {
        "call": own.filter(ref=ref).first() if ref else None,
        "config": config,
        "parts": ("camera", "microphone", "speaker", "network"),
    }
    return render(request, "sessions/device_test.html", context)
