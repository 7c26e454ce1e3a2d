__all__: list[str]

from . import linearizability as linearizability
from .property import Checker as Checker
from .property import Evidence as Evidence
from .property import Finding as Finding
from .property import Property as Property
from .result import Counterexample as Counterexample
from .result import Result as Result
from .suite import checker as checker
from .suite import properties as properties
