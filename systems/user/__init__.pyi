from .roles.relays import RelayPort as RelayPort
from .roles.sinks import Sink as Sink
from .roles.sinks import SinkPort as SinkPort
from .roles.tables import Relay as Relay
from .roles.tables import Service as Service
from .roles.tables import Worker as Worker
from .roles.tables import sqlite_system as sqlite_system
