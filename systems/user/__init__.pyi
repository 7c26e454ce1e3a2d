from .roles.tables import Service as Service
from .roles.tables import Worker as Worker
from .roles.tables import sqlite_system as sqlite_system
