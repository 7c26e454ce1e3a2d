from .deployment import Deployment as Deployment
from .port import OutcomeUnknown as OutcomeUnknown
from .port import SystemPort as SystemPort
from .port import SystemUnavailable as SystemUnavailable
from .port import UsageError as UsageError
from .reference import Reference as Reference
from .registry import resolve as resolve
