"""Correct variants: the reference system with another cure of the same disease, as the catalogue's last column names them."""

from refold.systems.variants import clients, consumers, dual, logs, reading, topics
from refold.systems.variants.registry import VARIANTS, Variant, variant

__all__ = ["VARIANTS", "Variant", "clients", "consumers", "dual", "logs", "reading", "topics", "variant"]
