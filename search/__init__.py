"""The ways of finding a counterexample: runs, campaigns, the Hypothesis machine, shrinking."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
