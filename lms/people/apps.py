from importlib import import_module

from django.apps import AppConfig
from django.urls import register_converter
from wagtail.users.apps import WagtailUsersAppConfig

from lms.addresses import KeyConverter


class PeopleConfig(AppConfig):
    name = "lms.people"
    label = "people"
    verbose_name = "People"
    default = True

    def ready(self) -> None:
        register_converter(KeyConverter, "key")
        import_module("lms.people.receivers")


class CmsUsersConfig(WagtailUsersAppConfig):
    """Wagtail's users, with our screens: our fields, no passwords, no delete."""

    default = False
    user_viewset = "lms.people.cms_logins.UserViewSet"
