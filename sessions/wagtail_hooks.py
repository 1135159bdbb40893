"""Trainers in the CMS, under People."""

from __future__ import annotations

from wagtail import hooks
from wagtail.admin.viewsets.base import ViewSet

from sessions.cms import TrainerViewSet


def register_screens() -> list[ViewSet]:
    return [TrainerViewSet()]


hooks.register("register_admin_viewset", register_screens)
