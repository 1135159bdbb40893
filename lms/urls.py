"""All addresses (`design.md` §6)."""

from django.urls import include, path
from django.views.generic import RedirectView
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from content.cms import suggest_tags
from content.views import branding_css
from lms.dashboards.landing import landing
from lms.dashboards.media import media
from lms.dashboards.styleguide import styleguide
from lms.operations.metrics import metrics
from lms.operations.probes import healthz, readyz
from lms.operations.security_txt import security_txt
from lms.people.cms_logins import own_account
from lms.people.sign_in_views import remove_passkey, turn_off_app

to_sign_in = RedirectView.as_view(pattern_name="account_login", query_string=True)

handler500 = "lms.operations.away.server_error"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path(".well-known/security.txt", security_txt, name="security_txt"),
    path("metrics", metrics, name="metrics"),
    path("branding.css", branding_css, name="branding_css"),
    path("start/", landing, name="landing"),
    path("", include("lms.dashboards.urls")),
    path("", include("lms.privacy.urls")),
    path("", include("lms.people.urls")),
    path("", include("content.urls")),
    path("", include("courses.urls")),
    path("", include("sessions.urls")),
    path("certificates/", include("certificates.urls")),
    path("", include("certificates.public_urls")),
    path("cms/styleguide/", styleguide, name="styleguide"),
    # The one door: Wagtail's own two sign-in forms stay closed behind these.
    path("cms/login/", to_sign_in),
    path("_util/login/", to_sign_in),
    path("cms/account/", own_account),
    path("cms/tag-autocomplete/", suggest_tags),
    path("cms/tag-autocomplete/<slug:app_name>/<slug:model_name>/", suggest_tags),
    path("cms/", include(wagtailadmin_urls)),
    # allauth's, behind a rule of ours: the last second factor of a role stays.
    path("accounts/2fa/totp/deactivate/", turn_off_app, name="mfa_deactivate_totp"),
    path(
        "accounts/2fa/webauthn/keys/<key:pk>/remove/",
        remove_passkey,
        name="mfa_remove_webauthn",
    ),
    path("accounts/", include("allauth.urls")),
    path("documents/", include(wagtaildocs_urls)),
    path("media/<path:name>", media, name="media"),
    path("", include(wagtail_urls)),
]
