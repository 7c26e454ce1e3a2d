"""``python -m refold.reports`` is the command ``refold``."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory, where a user's queue.py or random.py would take the place of the library's

from refold.reports.commands.cli import main

main(prog_name="refold")
