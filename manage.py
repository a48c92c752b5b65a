#!/usr/bin/env python
"""Django's command line; ``migrate`` runs as the owner of the tables, everything else as the runtime role."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rtts_site.settings")
    if sys.argv[1:2] == ["migrate"]:
        os.environ["RTTS_AS_OWNER"] = "1"
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
