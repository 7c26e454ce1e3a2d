"""The properties that must hold. Each folds the history of a run, and looks for violations of one guarantee."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
