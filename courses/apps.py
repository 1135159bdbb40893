from importlib import import_module

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "courses"
    label = "courses"
    verbose_name = "Programmes"

    def ready(self) -> None:
        import_module("courses.receivers")
        import_module("courses.approvals")
