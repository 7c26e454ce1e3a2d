"""``python -m refold.reports`` is the command ``refold``."""

from refold.reports.cli import main

main(prog_name="refold")
