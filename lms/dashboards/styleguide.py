"""The style guide: every component with sample data, in all its states."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from content.blocks import BODY_BLOCKS
from lms import states
from lms.people.access import MemberRequest
from lms.people.roles import staff_required
from lms.states import State

ICONS = Path(__file__).resolve().parents[1] / "static" / "lms" / "icons.svg"
HERE = "#sample"
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
PROGRAMMES = (
    "Sales & Marketing",
    "Production & Onboarding",
    "User Support",
    "Data Privacy & Analytics",
)
SWATCHES = (
    "accent",
    "soft",
    "canvas",
    "surface",
    "sunken",
    "ink",
    "good",
    "info",
    "warn",
    "bad",
)


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(
        label=_("Full name"), help_text=_("As certificates will print it.")
    )
    email = forms.EmailField(label=_("Email address"))
    zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=[("Europe/London", "London"), ("Asia/Singapore", "Singapore")],
    )
    engagement = forms.ChoiceField(
        label=_("Engagement"),
        choices=[("employee", _("Employee")), ("contractor", _("Contractor"))],
        widget=forms.RadioSelect,
    )
    teams = forms.MultipleChoiceField(
        label=_("Teams"),
        choices=[("support", "Support"), ("analysts", "Analysts")],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What they do decides what they qualify for."),
        required=False,
    )
    due_on = forms.DateField(
        label=_("Due on"),
        widget=forms.DateInput(attrs={"type": "date"}),
        required=False,
    )
    note = forms.CharField(
        label=_("A note"), widget=forms.Textarea(attrs={"rows": 3}), required=False
    )
    is_manager = forms.BooleanField(
        label=_("May manage the team"),
        help_text=_("Sees everybody's standing and fetches certificates."),
        required=False,
    )


@staff_required
def styleguide(request: MemberRequest) -> HttpResponse:
    """Show all components to the channel team."""
    return render(request, "dashboards/styleguide.html", _samples())


def _samples() -> dict[str, Any]:
    wrong = SampleForm({"name": "Anna Berg", "email": "anna@", "zone": "Europe/London"})
    wrong.is_valid()
    return {
        "states": states.STATES,
        "icons": re.findall(
            r'<symbol id="([a-z-]+)" viewBox="0 0 24', ICONS.read_text()
        ),
        "swatches": SWATCHES,
        "tones": ("info", "good", "warn", "bad", "neutral"),
        "form": SampleForm(auto_id="plain_%s"),
        "wrong": wrong,
        "page_obj": Paginator(range(230), 20).page(3),
        "days": _days(),
        "day_strip": _day_strip(),
        "soonest": _soonest(),
        "joins": _joins(),
        "steps": _steps(),
        "outline": _outline(),
        "columns": [
            {"label": _("Name"), "url": HERE, "sort": "ascending"},
            {"label": _("Team"), "url": HERE},
            {"label": _("Topics"), "number": True},
            {"label": _("State")},
        ],
        "people": _people(),
        "matrix_columns": [{"label": name} for name in (_("Name"), *PROGRAMMES)],
        "matrix_rows": _matrix(),
        "crumbs": [
            {"label": _("My learning"), "url": HERE},
            {"label": "User Support", "url": HERE},
        ],
        "facts": [
            {"label": _("When"), "value": "Tue 24 Nov, 14:00 (London)"},
            {
                "label": _("With"),
                "value": "Mei Tan",
                "detail": _("trainer at ByteKast"),
            },
            {"label": _("Programme"), "value": "User Support", "url": HERE},
            {"label": _("State"), "state": states.CALL_BOOKED},
        ],
        "figures": [
            {"value": 18, "label": _("people"), "url": HERE},
            {"value": 11, "label": _("qualified"), "url": HERE, "tone": "good"},
            {"value": 3, "label": _("overdue"), "url": HERE, "tone": "bad"},
            {"value": "9 days", "label": _("to the soonest free time")},
        ],
        "lines": [
            {
                "when": "Today, 14:00",
                "title": "Anna Berg",
                "url": HERE,
                "detail": "Northwind · Using Resolve, Categorising Tickets",
                "state": states.CALL_BOOKED,
            },
            {
                "when": "Today, 16:30",
                "title": "Jonas Weber",
                "url": HERE,
                "detail": "Northwind Austria · Fundamentals",
                "state": states.WAITING_FOR_SIGN_OFF,
                "action_url": HERE,
                "action_label": _("Sign off"),
            },
        ],
        "valid": State(
            "valid", _("Valid"), "shield-check", "good", "", states.Actor.NOBODY
        ),
        "ended": State("ended", _("Expired"), "clock", "warn", "", states.Actor.NOBODY),
        "revoked": states.REVOKED,
        "blocks": [
            block.bind(block.get_preview_value()) for _name, block in BODY_BLOCKS
        ],
        "in_progress": states.IN_PROGRESS,
        "call_booked": states.CALL_BOOKED,
        "qualified": states.QUALIFIED,
    }


def _steps() -> list[dict[str, str]]:
    return [
        {"word": "Read it", "state": "done", "detail": "Done on 12 November"},
        {
            "word": "Pass the check",
            "state": "current",
            "detail": "6 questions, 2 attempts left",
            "url": HERE,
            "action": "Start the check",
        },
        {
            "word": "Talk it through in a call",
            "state": "open",
            "detail": "30 minutes with a trainer",
            "url": HERE,
            "action": "Book a call",
        },
        {
            "word": "Get the certificate",
            "state": "locked",
            "detail": "When all four topics are complete",
        },
    ]


def _outline() -> list[dict[str, Any]]:
    return [
        {"title": "Using Resolve", "state": "done", "url": HERE},
        {
            "title": "Categorising Tickets",
            "state": "current",
            "url": HERE,
            "current": True,
        },
        {
            "title": "Escalating Tickets",
            "state": "open",
            "url": HERE,
            "detail": "30 min",
        },
        {"title": "Support Response Times & Useful Resources", "state": "locked"},
    ]


def _days() -> list[dict[str, Any]]:
    days = []
    for day, label in enumerate(("Mon 23 November", "Tue 24 November")):
        start = MONDAY + timedelta(days=day)
        times = [start + timedelta(minutes=45 * n) for n in range(7)]
        slots = [
            {
                "label": f"{at:%H:%M}",
                "at": at,
                "detail": f"{at + timedelta(hours=8):%H:%M} Singapore",
                "url": HERE,
                "selected": day == 1 and (at.hour, at.minute) == (12, 0),
            }
            for at in times
        ]
        days.append({"label": label, "id": f"day-{start:%Y-%m-%d}", "slots": slots})
    return days


def _day_strip() -> list[dict[str, Any]]:
    days = [MONDAY + timedelta(days=n) for n in range(14)]
    return [
        {
            "weekday": f"{day:%a}",
            "number": day.day,
            "month": f"{day:%b}",
            "words": f"{day:%a} {day.day} {day:%B}",
            "url": HERE if day.weekday() < 5 else "",
            "selected": day.day == 24,
        }
        for day in days
    ]


def _soonest() -> list[dict[str, Any]]:
    return [
        {"label": "Mon 23 Nov, 09:00", "detail": "17:00 (Singapore)", "url": HERE},
        {"label": "Mon 23 Nov, 09:45", "detail": "17:45 (Singapore)", "url": HERE},
        {
            "label": "Tue 24 Nov, 14:00",
            "detail": "22:00 (Singapore)",
            "url": HERE,
            "selected": True,
        },
    ]


def _joins() -> list[dict[str, Any]]:
    return [
        {
            "word": "Opens at 13:50",
            "hint": "Your call is on Tue 24 Nov, 14:00 (London).",
        },
        {
            "word": "Join",
            "url": HERE,
            "enabled": True,
            "live": True,
            "hint": "Your trainer is here.",
        },
        {"word": "Rejoin", "url": HERE, "enabled": True},
        {"word": "See what was covered", "url": HERE, "hint": "The call has ended."},
    ]


def _people() -> list[dict[str, Any]]:
    return [
        {
            "name": "Anna Berg",
            "team": "Support",
            "topics": "3 of 4",
            "state": states.CALL_BOOKED,
        },
        {
            "name": "Jonas Weber",
            "team": "Sales & Marketing",
            "topics": "4 of 4",
            "state": states.QUALIFIED,
        },
        {
            "name": "Priya Nair",
            "team": "Analysts",
            "topics": "0 of 3",
            "state": states.OVERDUE,
        },
    ]


def _matrix() -> list[dict[str, Any]]:
    def cell(state: State, detail: str = "", url: str = HERE) -> dict[str, Any]:
        return {"state": state, "detail": detail, "url": url}

    none = cell(states.NOT_REQUIRED, url="")
    rows = {
        ("Anna Berg", "Support"): (
            none,
            none,
            cell(states.CALL_BOOKED, "3 of 4"),
            none,
        ),
        ("Jonas Weber", "Sales & Marketing"): (
            cell(states.QUALIFIED, "until 4 May 2027"),
            none,
            none,
            none,
        ),
        ("Priya Nair", "Analysts, Production & Deployment"): (
            none,
            cell(states.GO_OVER_AGAIN, "2 of 4"),
            none,
            cell(states.OVERDUE, "0 of 3"),
        ),
    }
    return [
        {
            "name": name,
            "team": team,
            "cells": [
                {"label": f"{name}, {programme}", **cell}
                for programme, cell in zip(PROGRAMMES, cells, strict=True)
            ],
        }
        for (name, team), cells in rows.items()
    ]
