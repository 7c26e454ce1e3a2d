"""Writes docs/reference/catalogue.md from properties/diagnosis/catalogue.json.

python benchmarks/catalogue.py
"""

from pathlib import Path

from refold.properties.diagnosis.catalogue import markdown

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "catalogue.md"

if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(markdown(), encoding="utf-8")
