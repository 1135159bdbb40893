from django.apps import AppConfig
from wagtail.users.apps import WagtailUsersAppConfig


class PeopleConfig(AppConfig):
    name = "lms.people"
    label = "people"
    verbose_name = "People"
    default = True


class CmsUsersConfig(WagtailUsersAppConfig):
    """Wagtail's users, with our screens: our fields, no passwords, no delete."""

    default = False
    user_viewset = "lms.people.cms.UserViewSet"
