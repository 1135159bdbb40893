from django.urls import path

from lms.dashboards import learning, search, standing, team

app_name = "dashboards"
urlpatterns = [
    path("my/", learning.my, name="my"),
    path("team/", team.team, name="team"),
    path("team/<key:pk>/", team.person, name="person"),
    path("standing/", standing.standing, name="standing"),
    path("standing/<key:pk>/", standing.reseller, name="reseller"),
    path("search/", search.search, name="search"),
]
