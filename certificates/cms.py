"""The certificates' design in the CMS: one for all, edited as a draft, published."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy
from wagtail.admin.panels import (
    FieldPanel,
    FieldRowPanel,
    HelpPanel,
    MultiFieldPanel,
    ObjectList,
)
from wagtail.snippets.views.snippets import EditView, SnippetViewSet

from certificates.design_form import DesignForm
from certificates.models import CertificateDesign
from certificates.sampling import ask
from lms.errors import Refused
from lms.people.screens import Asked

MENU = "register_certificates_menu_item"
SAMPLE = "action-sample"  # the name of the button


def the_one(request: HttpRequest) -> HttpResponse:
    """Lead to the design: there is one, and nobody adds another."""
    design = get_object_or_404(CertificateDesign)
    return redirect("certificate_design:edit", design.pk)


class EditDesign(Asked, EditView):
    def save_action(self) -> HttpResponse:
        """Go to the sample, where that button was used: the draft is saved by now."""
        if SAMPLE not in self.request.POST:
            response: HttpResponse = super().save_action()
            return response
        try:
            return redirect(ask(self.object, by=self.by))
        except Refused as refusal:
            messages.error(self.request, str(refusal))
            return redirect(self.request.path)

    def publish_action(self) -> HttpResponse | None:
        """Publish it, and freeze it in the same transaction."""
        try:
            with transaction.atomic():
                response: HttpResponse | None = super().publish_action()
        except Refused as refusal:
            messages.error(self.request, str(refusal))
            return redirect(self.request.path)
        return response


class DesignViewSet(SnippetViewSet):
    model = CertificateDesign
    icon = "edit"
    menu_label = gettext_lazy("Design")
    menu_hook = MENU
    menu_order = 20
    admin_url_namespace = "certificate_design"
    base_url_path = "certificates/design"
    copy_view_enabled = False
    edit_view_class = EditDesign
    routes = {
        *("edit", "history", "history_results", "preview_on_edit"),
        *("revisions_view", "revisions_revert", "revisions_compare"),
    }
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldPanel("heading"),
                    FieldPanel("above_name"),
                    FieldPanel("below_name"),
                    FieldPanel("foot"),
                ],
                heading=gettext_lazy("Texts"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("logo"),
                    FieldPanel("logo_text"),
                    FieldPanel("has_issuer"),
                ],
                heading=gettext_lazy("Logo"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("signatory"),
                    FieldPanel("signatory_role"),
                    FieldPanel("signature"),
                ],
                heading=gettext_lazy("Signature"),
            ),
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("ink"), FieldPanel("accent")]),
                    FieldPanel("paper"),
                ],
                heading=gettext_lazy("Colours and paper"),
            ),
            HelpPanel(
                template="certificates/cms/_sample_button.html",
                heading=gettext_lazy("PDF sample"),
            ),
        ],
        base_form_class=DesignForm,
    )

    def get_common_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        absent = {
            f"{name}_url_name": None
            for name in (
                *("add", "delete", "usage", "lock", "unlock", "unpublish"),
                *("revisions_unschedule", "index_results"),
            )
        }
        words: dict[str, Any] = super().get_common_view_kwargs(**absent, **kwargs)
        return words

    def get_urlpatterns(self) -> list[URLPattern]:
        patterns: list[URLPattern] = super().get_urlpatterns()
        return [
            path("", the_one, name="list"),
            *(pattern for pattern in patterns if pattern.name in self.routes),
        ]

    def register_chooser_viewset(self) -> None:
        """Nobody chooses among one."""
