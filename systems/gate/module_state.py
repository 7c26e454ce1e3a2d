"""What a package keeps for the whole Python process in the globals of its modules: one instance for all, a pool, “is set up already”.

The processes of a run are actors in one Python process. The memory of one that dies is gone, but not such globals. Where a package has
them, the code that starts the process puts them back first.
"""

from __future__ import annotations

import sys
from types import ModuleType

from refold.model.errors import UsageError


class ModuleState:
    """The globals of a package's modules as they are now: ``AT_FIRST = ModuleState("dbos")``, below the imports.

    `restore` binds each name to the object that it stood for; names and modules that came later are left alone. What has changed within
    those objects, such as the items of a list, stays changed. One process at a time may use the package. Raises `UsageError` for a package
    that has not been imported.
    """

    def __init__(self, *packages: str) -> None:
        self.modules: list[tuple[ModuleType, dict[str, object]]] = []
        for package in packages:
            found = [
                module
                for name, module in list(sys.modules.items())
                if module is not None and (name == package or name.startswith(f"{package}."))
            ]
            if not found:
                raise UsageError(f"ModuleState: there is no module {package!r} yet; import it first")
            self.modules += [(module, dict(vars(module))) for module in found]

    def restore(self) -> None:
        """Put them back."""
        for module, names in self.modules:
            vars(module).update(names)
