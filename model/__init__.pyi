__all__: list[str]

from . import record as record
from .action import Action as Action
from .application import Application as Application
from .application import Refusal as Refusal
from .consumer import Consumer as Consumer
from .datastore import Datastore as Datastore
from .event import NewEvent as NewEvent
from .event import Stored as Stored
from .examples.accounts import Accounts as Accounts
from .examples.inventory import Inventory as Inventory
from .expectation import ANY as ANY
from .expectation import NO_STREAM as NO_STREAM
from .expectation import Criterion as Criterion
from .expectation import Exact as Exact
from .expectation import NoMatch as NoMatch
from .log import Appended as Appended
from .log import AppendRequest as AppendRequest
from .log import Conflict as Conflict
from .log import Log as Log
from .snapshot import Snapshot as Snapshot
