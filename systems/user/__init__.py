"""Your own code behind the port: a service, a log, consumers, and the other roles that it may have."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
