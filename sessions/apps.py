from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions"
    label = "training_sessions"
    verbose_name = "Calls"

    def ready(self) -> None:
        from sessions import receivers  # noqa: F401, PLC0415  # needs the models
