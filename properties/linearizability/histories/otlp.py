"""Spans of OpenTelemetry, as OTLP writes them in JSON: a span is an operation, from its start to its end.

A file is one object with `resourceSpans`, or one such object a line, as collectors write it. A span counts if it has the
attribute `refold.f`, the operation; the others are left out. `refold.argument` and `refold.result` are its values, or
`refold.argument.json` and `refold.result.json` as JSON text; `refold.key` is the object; `refold.process` who called
(default: the service); `refold.outcome` is `ok`, `fail` or `info`, and without it a span whose status is an error is of
unknown outcome. Where one ends as another starts, the two overlap: clocks say no more.
"""

from collections.abc import Iterator
from typing import IO, Any

import msgspec

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.record import Record
from refold.properties.linearizability.histories.text import DEPTH_MAX, depth
from refold.properties.linearizability.value import brief, frozen

__all__ = ["otlp"]

_ERROR = (2, "STATUS_CODE_ERROR")
_SPAN = "write resourceSpans, scopeSpans and spans, each a list, as OTLP has them"


def otlp(file: IO[bytes], name: str) -> Iterator[Record]:
    """The records of a file, in the order of time."""
    events: list[tuple[int, bool, int, Record]] = []
    for line, span, service in _spans(file, name):
        attributes = _attributes(span, name, line)
        f = attributes.get("refold.f")
        if f is None:
            continue
        if not isinstance(f, str):
            raise HistoryError(name, line, f"refold.f is {brief(f)}", "give the operation a name")
        outcome = attributes.get("refold.outcome", "info" if _failed(span) else "ok")
        if outcome not in ("ok", "fail", "info"):
            raise HistoryError(name, line, f"refold.outcome is {brief(outcome)}", "use ok, fail or info")
        call = span.get("spanId") or f"span {len(events)}"
        process, key = attributes.get("refold.process", service), attributes.get("refold.key")
        start, end = _time(span, "startTimeUnixNano", name, line), _time(span, "endTimeUnixNano", name, line)
        if start is None or (end is not None and end < start):
            what = "a span without a start" if start is None else "a span that ends before it starts"
            raise HistoryError(name, line, what, "write startTimeUnixNano and endTimeUnixNano")
        argument = _value(attributes, "refold.argument", name, line)
        number = len(events)
        events.append(
            (start, False, number, Record(line, process, "invoke", f, argument, key, (service, call, number)))
        )
        if end is not None:
            result = _value(attributes, "refold.result", name, line)
            made = Record(line, process, outcome, f, result, key, (service, call, number))
            events.append((end, True, number + 1, made))
    events.sort(key=lambda event: event[:3])
    return iter([record for _, _, _, record in events])


def _spans(file: IO[bytes], name: str) -> Iterator[tuple[int, dict[str, Any], str]]:
    for line, document in _documents(file, name):
        for resource in _list(document, "resourceSpans", name, line):
            service = _attributes(resource.get("resource") or {}, name, line).get("service.name", "client")
            for scope in _list(resource, "scopeSpans", name, line):
                for span in _list(scope, "spans", name, line):
                    yield line, span, service if isinstance(service, str) else "client"


def _documents(file: IO[bytes], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The whole file, if it is one object; otherwise one a line."""
    content = file.read().removeprefix(b"\xef\xbb\xbf")
    try:
        whole = _decoded(content, name, 1)
    except HistoryError as error:
        if b"\n" not in content.strip() or "nested" in error.what:
            raise
    else:
        yield 1, whole
        return
    for line, text in enumerate(content.splitlines(), 1):
        if text.strip():
            yield line, _decoded(text, name, line)


def _decoded(content: bytes, name: str, line: int) -> dict[str, Any]:
    try:
        if depth(content.decode()) > DEPTH_MAX:
            raise HistoryError(name, line, f"nested more than {DEPTH_MAX} deep", "spans are flat: remove the nesting")
        document = msgspec.json.decode(content)
    except UnicodeDecodeError as error:
        raise HistoryError(name, line, f"byte {content[error.start]:#04x} is not UTF-8", "write UTF-8") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise HistoryError(name, line, f"not JSON ({error})", "write OTLP as JSON, one object or one a line") from None
    if not isinstance(document, dict):
        raise HistoryError(name, line, "not a JSON object", _SPAN)
    return document


def _list(holder: dict[str, Any], field: str, name: str, line: int) -> list[dict[str, Any]]:
    found = holder.get(field) or []
    if not isinstance(found, list) or not all(isinstance(member, dict) for member in found):
        raise HistoryError(name, line, f"{field} is {brief(found)}", _SPAN)
    return found


def _attributes(holder: Any, name: str, line: int) -> dict[str, Any]:
    """The attributes of a span or resource by their names, those of refold and the name of the service."""
    if not isinstance(holder, dict):
        raise HistoryError(name, line, f"a resource is {brief(holder)}", _SPAN)
    attributes = {}
    for attribute in _list(holder, "attributes", name, line):
        key = attribute.get("key")
        if isinstance(key, str) and (key.startswith("refold.") or key == "service.name"):
            attributes[key] = _plain(attribute.get("value"), key, name, line)
    return attributes


def _plain(value: Any, key: str, name: str, line: int) -> Any:
    """An AnyValue of OTLP as a value."""
    try:
        ((kind, told),) = value.items()
        if kind == "arrayValue":
            return tuple(_plain(member, key, name, line) for member in told.get("values") or ())
        if kind == "kvlistValue":
            members = (
                (member["key"], _plain(member.get("value"), key, name, line)) for member in told.get("values") or ()
            )
            return tuple(sorted(members, key=lambda member: str(member[0])))
        convert = {"stringValue": str, "intValue": int, "doubleValue": float, "boolValue": bool}[kind]
        return convert(told)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise HistoryError(
            name, line, f"attribute {key} is {brief(value)}", 'write one value of OTLP, as {"intValue": 3}'
        ) from None


def _value(attributes: dict[str, Any], field: str, name: str, line: int) -> Any:
    text = attributes.get(f"{field}.json")
    if text is None:
        return attributes.get(field)
    try:
        return frozen(msgspec.json.decode(text))
    except (msgspec.DecodeError, ValueError, TypeError):
        raise HistoryError(name, line, f"{field}.json is {brief(text)}", "write JSON") from None


def _failed(span: dict[str, Any]) -> bool:
    status = span.get("status")
    return isinstance(status, dict) and status.get("code") in _ERROR


def _time(span: dict[str, Any], field: str, name: str, line: int) -> int | None:
    """Nanoseconds; None if there are none, which OTLP writes as 0 too."""
    told = span.get(field)
    if told in (None, "", 0, "0"):
        return None
    if isinstance(told, bool) or not (
        isinstance(told, int) or (isinstance(told, str) and told.isascii() and told.isdigit())
    ):
        raise HistoryError(name, line, f"{field} is {brief(told)}", "write nanoseconds since 1970")
    return int(told) if len(str(told)) < 25 else None
