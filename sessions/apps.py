from importlib import import_module

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions"
    label = "training_sessions"
    verbose_name = "Calls"

    def ready(self) -> None:
        import_module("sessions.receivers")
        import_module("sessions.unsigned")  # it writes mail in the worker
