"""What must hold. There is one file for each guarantee, which folds the history of a run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
