"""Migrate and seed the database; print how to sign in to the demo."""

import gc
import io
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lms.settings")
django.setup()

database = connection.settings_dict
if connection.vendor == "sqlite" and not Path(database["NAME"]).exists():
    # A new file has nothing to lose yet: one wait for the disk, not hundreds.
    database["OPTIONS"]["init_command"] += "; PRAGMA synchronous=OFF"

quiet = io.StringIO()
gc.disable()  # migrating makes so many objects that looking for rings costs a third
call_command("migrate", verbosity=0, interactive=False, stdout=quiet)
gc.enable()
call_command("createcachetable", verbosity=0, stdout=quiet)
call_command("seed", stdout=quiet)
if not settings.DEBUG:
    call_command("collectstatic", verbosity=0, interactive=False, stdout=quiet)
if settings.DEMO:
    call_command("demo_sign_ins")
connection.close()
os.sync()
