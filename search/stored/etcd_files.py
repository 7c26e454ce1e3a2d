"""The files of a report of etcd's robustness tests: what is read of them, with the names that they have there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from refold.model.errors import UsageError

DELETE, PUT = "delete-operation", "put-operation"
"""The types of writes."""


class Value(msgspec.Struct, frozen=True):
    """A value, or the hash of a long one."""

    Value: str = ""
    Hash: int = 0

    @property
    def told(self) -> str | int:
        """Whichever there is."""
        return self.Hash or self.Value


class Put(msgspec.Struct, frozen=True):
    """A key and its new value."""

    Key: str = ""
    Value: Value = Value()


class Delete(msgspec.Struct, frozen=True):
    """A key that is deleted."""

    Key: str = ""


class Write(msgspec.Struct, frozen=True):
    """An operation of a transaction: a put, a deletion, or a range, which is no write."""

    Type: str
    Put: Put = Put()
    Delete: Delete = Delete()

    @property
    def key(self) -> str:
        """The key that is written."""
        return self.Put.Key if self.Type == PUT else self.Delete.Key


class Condition(msgspec.Struct, frozen=True):
    """What has to hold of a key."""

    ExpectedRevision: int = 0
    ExpectedVersion: int = 0


class EtcdTransaction(msgspec.Struct, frozen=True):
    """What was asked."""

    Conditions: list[Condition] | None = None
    OperationsOnSuccess: list[Write] | None = None
    OperationsOnFailure: list[Write] | None = None


class Input(msgspec.Struct, frozen=True):
    """A request."""

    Type: str
    Txn: EtcdTransaction | None = None


class Pair(msgspec.Struct, frozen=True):
    """A key that an answer shows: the revision of its last change."""

    ModRevision: int = 0


class EtcdResult(msgspec.Struct, frozen=True):
    """What one operation of a transaction has answered."""

    KVs: list[Pair] | None = None


class Answer(msgspec.Struct, frozen=True):
    """What a transaction has answered."""

    Failure: bool = False
    Results: list[EtcdResult] | None = None


class Output(msgspec.Struct, frozen=True):
    """The answer to a request, or the error that came instead."""

    Error: str = ""
    Txn: Answer | None = None
    Revision: int = 0


class Operation(msgspec.Struct, frozen=True):
    """A request and its answer, from one time to another, in nanoseconds."""

    ClientId: int
    Input: Input
    Call: int
    Output: Output
    Return: int


class Event(msgspec.Struct, frozen=True):
    """What a watch has shown."""

    Type: str
    Key: str
    Revision: int
    Value: Value = Value()

    def __post_init__(self) -> None:
        if self.Revision < 1:
            raise ValueError("revisions count from 1")


class Response(msgspec.Struct, frozen=True):
    """Some of what a watch has shown."""

    Events: list[Event] | None = None


class Watch(msgspec.Struct, frozen=True):
    """One watch."""

    Responses: list[Response] | None = None


T = TypeVar("T")


def documents(file: Path, kind: type[T]) -> Iterator[T]:
    """The objects of a file, one after the other. Raises `UsageError` where one is of another kind."""
    decoder = json.JSONDecoder()
    number = position = 0
    try:
        text = file.read_text(encoding="utf-8").strip()
        while position < len(text):
            number += 1
            document, position = decoder.raw_decode(text, position)
            while position < len(text) and text[position].isspace():
                position += 1
            yield msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{file}: object {number} is no {kind.__name__.lower()} of etcd's robustness tests ({error})"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: not JSON ({str(error)[:100]})") from None
