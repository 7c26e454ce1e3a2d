__all__: list[str]

from .model.application import Application as Application
from .model.application import Refusal as Refusal
from .model.declarations.situations import sometimes as sometimes
from .properties.property import Evidence as Evidence
from .properties.property import Finding as Finding
from .properties.property import Property as Property
from .properties.result import Result as Result
from .search.failure import Broken as Broken
from .search.regression import must_hold as must_hold
from .search.run import execute as execute
from .search.state_machine import machine as machine
from .search.stored.checking import check as check
from .search.stored.judged import Judged as Judged
from .search.stored.plan import replay as replay
from .search.verification import verify as verify
from .version import __version__ as __version__
