"""Everything that people read: results, findings and histories as text, JSON, HTML and pictures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
