"""Addresses of calls, and of the trainer's screens."""

from django.urls import path

from sessions import (
    absence_views,
    book_views,
    call_changes,
    check_views,
    feed_views,
    hours_views,
    load_views,
    offer_views,
    outside_views,
    scheduling_views,
    team_views,
    trainer_views,
    views,
    week_views,
)

app_name = "sessions"
urlpatterns = [
    path("team/calls/", team_views.team_calls, name="team_calls"),
    path("team/calls/feed/", team_views.team_feed, name="team_feed"),
    path("team/calls/feed/end/", team_views.end_team_feed, name="end_team_feed"),
    path(
        "calendar/team/<slug:token>.ics",
        team_views.team_feed_file,
        name="team_feed_file",
    ),
    path("calls/", views.agenda, name="agenda"),
    path("calls/book/<key:enrolment_pk>/", book_views.book, name="book"),
    path("calls/book/<key:enrolment_pk>/ask/", offer_views.ask, name="ask"),
    path("calls/offers/<uuid:offer>/", offer_views.offer, name="offer"),
    path("calls/feed/", feed_views.feed, name="feed"),
    path("calls/feed/end/", feed_views.end_feed, name="end_feed"),
    path("calendar/<slug:token>.ics", feed_views.feed_file, name="feed_file"),
    path("calls/<slug:ref>/", views.booking, name="booking"),
    path("calls/<slug:ref>/join/", views.join, name="join"),
    path("calls/<slug:ref>/wait/", offer_views.wait, name="wait"),
    path("calls/<slug:ref>/wait/stop/", offer_views.stop_waiting, name="stop_waiting"),
    path("calls/<slug:ref>/move/", book_views.move, name="move"),
    path("calls/<slug:ref>/cancel/", call_changes.cancel, name="cancel"),
    path("calls/<slug:ref>/hand-over/", call_changes.hand_over, name="hand_over"),
    path("calls/<slug:ref>/missed/", call_changes.missed, name="missed"),
    path("calls/<slug:ref>/dispute/", call_changes.dispute, name="dispute"),
    path("calls/<slug:ref>/call.ics", views.calendar_file, name="calendar_file"),
    path("calls/<slug:ref>/sign-off/", trainer_views.sign_off, name="sign_off"),
    path("calls/<slug:ref>/sign-off/undo/", trainer_views.undo, name="undo"),
    path("calls/<slug:ref>/checks/", check_views.check_answers, name="check_answers"),
    path(
        "calls/<slug:ref>/checks/<key:topic_pk>/",
        check_views.help_with_check,
        name="help_with_check",
    ),
    path("trainer/", trainer_views.today, name="today"),
    path("trainer/ready/", scheduling_views.ready, name="ready"),
    path(
        "trainer/ready/<key:enrolment_pk>/", scheduling_views.schedule, name="schedule"
    ),
    path("trainer/week/", week_views.week, name="week"),
    path("trainer/hours/", hours_views.hours, name="hours"),
    path("trainer/hours/calls/", hours_views.hours_calls, name="hours_calls"),
    path("trainer/hours/preview/", hours_views.preview, name="hours_preview"),
    path("trainer/load/", load_views.load, name="load"),
    path("trainer/cannot-work/", absence_views.cannot_work, name="cannot_work"),
    path(
        "standing/trainers/<key:pk>/cannot-work/",
        absence_views.cannot_work_for,
        name="cannot_work_for",
    ),
    path("standing/trainers/<key:pk>/leaving/", absence_views.leaving, name="leaving"),
    path("standing/trainers/", load_views.trainers, name="trainers"),
    path("standing/trainers/<key:pk>/", load_views.trainer, name="trainer"),
    path("standing/disputes/<key:pk>/", load_views.settle, name="settle"),
    path("trainer/hours/calendars/", outside_views.calendars, name="calendars"),
    path(
        "trainer/hours/calendars/<key:pk>/remove/",
        outside_views.remove_calendar,
        name="remove_calendar",
    ),
    path(
        "trainer/hours/calendars/<key:pk>/read/",
        outside_views.read_calendar,
        name="read_calendar",
    ),
]
