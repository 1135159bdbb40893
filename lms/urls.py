"""All addresses (`design.md` §6)."""

from certificates.views import verify, verify_form
from django.urls import include, path
from django.views.generic import RedirectView
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from lms.dashboards.health import healthz, readyz
from lms.dashboards.landing import landing
from lms.dashboards.media import media
from lms.dashboards.styleguide import styleguide

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("start/", landing, name="landing"),
    path("", include("lms.dashboards.urls")),
    path("", include("lms.people.urls")),
    path("", include("content.urls")),
    path("", include("courses.urls")),
    path("", include("sessions.urls")),
    path("certificates/", include("certificates.urls")),
    path("c/", verify_form, name="verify_form"),
    path("c/<str:serial>", verify, name="verify"),
    path("cms/styleguide/", styleguide, name="styleguide"),
    path(
        "cms/login/",
        RedirectView.as_view(pattern_name="account_login", query_string=True),
    ),
    path("cms/", include(wagtailadmin_urls)),
    path("accounts/", include("allauth.urls")),
    path("documents/", include(wagtaildocs_urls)),
    path("media/<path:name>", media, name="media"),
    path("", include(wagtail_urls)),
]
