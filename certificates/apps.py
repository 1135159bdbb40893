from importlib import import_module

from django.apps import AppConfig

from certificates.letters import missing_letters
from lms.people.printing import print_with


class CertificatesConfig(AppConfig):
    name = "certificates"
    label = "certificates"
    verbose_name = "Certificates"

    def ready(self) -> None:
        import_module("certificates.receivers")
        import_module("certificates.approvals")
        print_with(missing_letters)
