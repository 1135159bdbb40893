"""How the installation is, in words, for the channel team; and a mail to try it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from lms.limits import LINKS, count_miss, may_guess
from lms.operations import doctor, mailing
from lms.operations.findings import Level, size
from lms.operations.models import Heartbeat
from lms.people.access import MemberRequest
from lms.people.roles import people_staff_required, staff_required


class Shown(NamedTuple):
    """A level as a word, an icon and a colour."""

    word: str | Promise
    icon: str
    tone: str


LEVELS = {
    Level.OK: Shown(gettext_lazy("Well"), "check", "good"),
    Level.WARN: Shown(gettext_lazy("Look at it"), "alert", "warn"),
    Level.BAD: Shown(gettext_lazy("Does not work"), "x", "bad"),
}
COLUMNS = [
    {"label": gettext_lazy("Process")},
    {"label": gettext_lazy("Machine")},
    {"label": gettext_lazy("Started")},
    {"label": gettext_lazy("Last sign of life")},
    {"label": gettext_lazy("Disk free")},
]


@dataclass(frozen=True)
class Part:
    """One part as the page shows it."""

    title: str
    words: str
    step: str
    state: Shown


@require_safe
@staff_required
def health(request: MemberRequest) -> HttpResponse:
    """Every part looked at, the worst first."""
    results = doctor.examine(own_lane=True)
    results.sort(key=lambda result: -result.finding.level)
    processes = list(Heartbeat.objects.all())
    words = {
        "verdict": _verdict(results),
        "parts": [
            Part(
                str(result.check.title),
                result.finding.words,
                result.finding.step,
                LEVELS[result.finding.level],
            )
            for result in results
        ],
        "processes": [(beat, size(beat.disk_free)) for beat in processes],
        "columns": COLUMNS,
        "may_send": request.access.may_change_people,
    }
    return render(request, "dashboards/health.html", words)


def _verdict(results: list[doctor.Result]) -> dict[str, Any]:
    worst = doctor.worst(results)
    parts = [
        str(result.check.title) for result in results if result.finding.level == worst
    ]
    if worst is Level.OK:
        return {"tone": "good", "title": _("All is well")}
    title = (
        _("Something does not work")
        if worst is Level.BAD
        else _("Something to look at")
    )
    return {"tone": LEVELS[worst].tone, "title": title, "text": ", ".join(parts)}


@require_POST
@people_staff_required
def send_test_mail(request: MemberRequest) -> HttpResponse:
    """Send oneself a mail that says whether mail arrives."""
    mailing.send_test_mail(request.user)
    messages.success(
        request,
        _("On its way to %s: open its link when it comes.") % request.user.email,
    )
    return redirect("dashboards:health")


@never_cache
def mail_came(request: HttpRequest, word: str) -> HttpResponse:
    """The link of a test mail: its button says that the mail came."""
    mail = mailing.mail_of(word) if may_guess(request, LINKS) else None
    if mail is None:
        count_miss(request, LINKS)
        raise Http404
    if request.method == "POST":
        mailing.note_came(mail)
        return redirect("dashboards:mail_came", word)
    return render(request, "dashboards/mail_came.html", {"mail": mail})
