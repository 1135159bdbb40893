from importlib import import_module

from django.apps import AppConfig


class ContentConfig(AppConfig):
    name = "content"
    label = "content"
    verbose_name = "Content"

    def ready(self) -> None:
        import_module("content.receivers").connect()
        import_module("content.whole_streams").register()
