"""Views: whatever of a system shows a state. With nothing under way each must be what a replay of the whole log gives (REPL)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from refold.model.application import Application
from refold.model.declarations.offer import Cast
from refold.model.errors import UsageError
from refold.model.extension import Handler
from refold.model.parts.reading.looks import Look, Viewed
from refold.model.tape import Group
from refold.model.words import short
from refold.systems.user.errors import AdapterError
from refold.systems.user.roles.role import OwnRole, Places, Surroundings


class OwnViews(OwnRole):
    """`views()` gives all of them: name -> key -> state. `partial` names those that need not have every key."""

    name = "views"
    field: ClassVar[str] = "views"

    def __init__(self, scene: Surroundings, theirs: Callable[[], Any]) -> None:
        super().__init__(scene, theirs)
        self.partial: Sequence[str] = getattr(getattr(theirs, "__self__", None), "partial", ())
        self.work: Callable[[], None] = lambda: None
        """Lets everybody work to the end; put in its place by the deployment."""

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """It can be called."""
        if not callable(theirs):
            raise UsageError(
                f"{title!r}: its views are {short(theirs)}, expected a method views() that returns name of a view -> key -> the state that"
                " it shows; if they are something else, give them another name"
            )

    @classmethod
    def words(cls, theirs: Any, cast: Cast, application: Application, places: Places) -> Iterator[Group]:
        """Looks."""
        yield "", 4, [(Look(),)]

    def handlers(self) -> dict[type, Handler]:
        """Looks."""
        return {Look: self.on_look}

    def on_look(self, action: Look) -> bool:
        """Let everybody work to the end, and show everything."""
        self.step(action)
        self.work()
        self.show()
        return True

    def rest(self) -> None:
        """Show everything."""
        self.show()

    def show(self) -> None:
        """Every view, as it is now."""
        views = self.ask(ViewsOf(self.theirs), "system", "views")
        if not isinstance(views, Mapping) or not all(isinstance(view, Mapping) for view in views.values()):
            raise AdapterError(
                f"{self.scene.title}: views() returned {short(views)}, expected a dict: name of a view -> key -> the state that it shows"
            )
        for name, states in views.items():
            self.emit(Viewed(name, dict(states), name in self.partial))


class ViewsOf:
    """A function, as an object with the method `views`."""

    def __init__(self, views: Callable[[], Any]) -> None:
        self.views = views
