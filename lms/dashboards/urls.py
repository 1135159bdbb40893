from django.urls import path

from lms.dashboards import handbook, learning, search, standing, team

app_name = "dashboards"
urlpatterns = [
    path("my/", learning.my, name="my"),
    path("team/", team.team, name="team"),
    path("team/handbook/", handbook.team_handbook, name="team_handbook"),
    path("team/<key:pk>/", team.person, name="person"),
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
