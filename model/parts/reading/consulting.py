"""Consulting: clients ask a reader of the user's own, and load aggregates as the user's repository gives them."""

from __future__ import annotations

from refold.model.action import Action, action_kind


@action_kind
class Consult(Action, frozen=True, tag="consult"):
    """A client asks a reader about a key, without a stop."""

    phrase = "a reader was asked"

    client: str
    reader: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} asks {self.reader} about {self.key}"


@action_kind
class BeginConsult(Action, frozen=True, tag="begin-consult"):
    """A client asks a reader about a key, and the reader stops where it first leaves its own code."""

    phrase = "a reader was asked"

    client: str
    reader: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} begins to ask {self.reader} about {self.key}"


@action_kind
class Load(Action, frozen=True, tag="load"):
    """A client loads the state of a key, as it does before it decides."""

    phrase = "an aggregate was loaded"

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} loads {self.key}"
