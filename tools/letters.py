"""Keep what the fonts of our certificates can print: run it when a font changes."""

import os
import sys
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    from certificates import fonts, letters  # noqa: PLC0415  set up first

    letters.KEPT.write_text(letters.as_kept(fonts.letters_to_keep()))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lms.settings")
    django.setup()
    main()
