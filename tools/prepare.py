"""Migrate and seed the database; print how to sign in to the demo."""

import io
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lms.settings")
django.setup()

quiet = io.StringIO()
call_command("migrate", verbosity=0, interactive=False, stdout=quiet)
call_command("createcachetable", verbosity=0, stdout=quiet)
call_command("seed", stdout=quiet)
if not settings.DEBUG:
    call_command("collectstatic", verbosity=0, interactive=False, stdout=quiet)
if settings.DEMO:
    call_command("demo_sign_ins")
