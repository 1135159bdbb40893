"""Addresses below `/certificates/`; the public ones lie at `/c/`."""

from django.urls import path

from certificates import (
    audit_views,
    design_views,
    staff_views,
    statement_views,
    team_views,
    views,
)

app_name = "certificates"
urlpatterns = [
    path("", views.certificates, name="certificates"),
    path("team/", team_views.team, name="team"),
    path("audit/", audit_views.audits, name="audits"),
    path("audit/<uuid:key>/", audit_views.audit, name="audit"),
    path("audit/<uuid:key>/file/", audit_views.audit_file, name="audit_file"),
    path("design/styles/<slug:colours>/", design_views.styles, name="design_styles"),
    path("design/fonts/<slug:name>/", design_views.font, name="design_font"),
    path("design/sample/<uuid:key>/", design_views.sample, name="design_sample"),
    path(
        "design/sample/<uuid:key>/file/",
        design_views.sample_file,
        name="design_sample_file",
    ),
    path("pack/", team_views.pack_view, name="pack"),
    path("statements/", statement_views.statements, name="statements"),
    path("statements/<slug:serial>/", statement_views.statement, name="statement"),
    path(
        "statements/<slug:serial>/pdf/",
        statement_views.statement_file,
        name="statement_file",
    ),
    path(
        "statements/<slug:serial>/withdraw/",
        statement_views.statement_withdraw,
        name="statement_withdraw",
    ),
    path("staff/", staff_views.staff, name="staff"),
    path("<slug:serial>/manage/", staff_views.manage, name="manage"),
    path("<slug:serial>/anew/", staff_views.anew, name="anew"),
    path("<slug:serial>/", views.certificate, name="certificate"),
    path("<slug:serial>/share/", views.share, name="share"),
    path("<slug:serial>/pdf/", views.pdf, name="pdf"),
    path("<slug:serial>/credential.json", views.credential, name="credential"),
]
