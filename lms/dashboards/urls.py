from django.urls import path

from lms.dashboards import (
    changing,
    deciding,
    duties,
    handbook,
    learning,
    membership,
    reminding,
    requests,
    search,
    standing,
    team,
)

app_name = "dashboards"
urlpatterns = [
    path("my/", learning.my, name="my"),
    path("team/", team.team, name="team"),
    path("team/handbook/", handbook.team_handbook, name="team_handbook"),
    path("team/<key:pk>/", team.person, name="person"),
    path("team/left/", membership.left, name="left"),
    path("team/<key:pk>/leave/", membership.leave, name="leave"),
    path("team/<key:pk>/away/", membership.away, name="away"),
    path("team/<key:pk>/manager/", membership.manager, name="manager"),
    path("team/add/", changing.add, name="add"),
    path("team/who-had-to/", duties.duties, name="duties"),
    path("team/requests/", requests.requests, name="requests"),
    path("team/requests/<key:pk>/", requests.answer, name="answer"),
    path("team/remind/", reminding.remind_all, name="remind_late"),
    path("team/<key:pk>/remind/", reminding.remind_person, name="remind"),
    path("team/<key:pk>/teams/", changing.teams, name="teams"),
    path("team/programmes/<key:pk>/", changing.enrolment, name="enrolment"),
    path("team/programmes/<key:pk>/undo/", changing.undo, name="undo"),
    path("team/evidence/<key:pk>/void/", changing.void, name="void"),
    path("standing/waiting/", deciding.waiting, name="waiting"),
    path("standing/names/<key:pk>/", deciding.answer_name, name="answer_name"),
    path("standing/", standing.standing, name="standing"),
    path("standing/handbook/", handbook.standing_handbook, name="standing_handbook"),
    path(
        "standing/<key:pk>/handbook/",
        handbook.reseller_handbook,
        name="reseller_handbook",
    ),
    path("standing/<key:pk>/", standing.reseller, name="reseller"),
    path("search/", search.search, name="search"),
]
