__all__: list[str]

from .deployment import Deployment as Deployment
from .frameworks.eventsourcing import EventSourcing as EventSourcing
from .port import Capability as Capability
from .port import DrivenLog as DrivenLog
from .port import DurableLog as DurableLog
from .port import LogPort as LogPort
from .port import MortalLog as MortalLog
from .port import OutcomeUnknown as OutcomeUnknown
from .port import PoweredLog as PoweredLog
from .port import SlowLog as SlowLog
from .port import SnapshotPort as SnapshotPort
from .port import StorePort as StorePort
from .port import StreamLog as StreamLog
from .port import SystemPort as SystemPort
from .port import SystemUnavailable as SystemUnavailable
from .port import UsageError as UsageError
from .reference import Reference as Reference
from .registry import resolve as resolve
from .user.consumers import ConsumerPort as ConsumerPort
