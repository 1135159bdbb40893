from django.apps import AppConfig
from django.conf import settings


class OperationsConfig(AppConfig):
    name = "lms.operations"
    label = "operations"
    verbose_name = "Operations"

    def ready(self) -> None:
        if settings.SENTRY_DSN:
            from lms.operations import sentry  # noqa: PLC0415  # not without it

            sentry.start(settings.SENTRY_DSN)
