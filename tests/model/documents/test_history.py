"""Histories as lines: what is written is read back to the byte, and what cannot be read is refused with its line."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import refold.model.documents.history as history_module
from refold.model.action import ACTIONS, Submit
from refold.model.application import Application
from refold.model.documents.history import LINE_MAX, HistoryReader, MalformedHistory, plain, schema, to_line
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.examples.inventory import Inventory
from refold.model.expectation import ANY, NO_STREAM, STREAM_EXISTS, Exact
from refold.model.parts.rebuilds import RebuildEnded
from refold.model.record import (
    HISTORY_VERSION,
    RECORDS,
    Altered,
    Applied,
    ConsumerSpec,
    Disordered,
    NotRecovered,
    Observed,
    Opened,
    Prepared,
    Recovered,
    Settling,
    SnapshotLoaded,
    Step,
)
from refold.search.run import execute
from refold.systems.reference import Reference

APPLICATIONS = (Accounts(), Inventory())
SHIPPED = [kind for kind in RECORDS if kind.__module__.startswith("refold.")]
OF_EXTENSIONS = [kind for kind in SHIPPED if kind.__module__ not in ("refold.model.record", "refold.model.event")]
SCHEMA = Path(history_module.__file__).with_name("history.schema.json")


def real(application: Application, runs: int = 16) -> list[Any]:
    """The histories of random plans, one after the other; every family of extensions has its turns."""
    system, generator = Reference(), random.Random(9)
    menu = system.menu(application)
    headers = [bytes([0, 0, pick, 0]) for pick in range(1, len(menu.extra) + 1) for _ in range(runs)]
    return [
        record
        for header in headers
        for record in execute(system, application, menu.decode(header + generator.randbytes(100))).history
    ]


REAL = {application.name: real(application) for application in APPLICATIONS}
OPENED = Opened(
    HISTORY_VERSION, "by hand", "accounts", ("alice",), (ConsumerSpec(name="index", projection="pointers"),)
)


def read(*lines: bytes, application: Application | None = None) -> list[Any]:
    """The records of these lines behind a proper first line."""
    return list(HistoryReader(application).records([to_line(OPENED), *lines]))[1:]


def test_real_runs_show_every_kind_of_record_of_the_core_and_most_others() -> None:
    """So that what is tested with them is tested for nearly all; the rarest are made by hand below."""
    shown = {type(record) for records in REAL.values() for record in records}
    core = {kind for kind in SHIPPED if kind.__module__ == "refold.model.record"} | {Stored}
    assert core <= shown | {Altered, Disordered, NotRecovered}
    assert len(shown) > 0.8 * len(SHIPPED)


def some(kind: Any) -> Any:
    """A value of a type, as small as it can be without being empty."""
    match kind:
        case msgspec.inspect.StructType():
            return kind.cls(**{field.name: some(field.type) for field in kind.fields})
        case msgspec.inspect.UnionType():
            return some(kind.types[0])
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            return (some(kind.item_type),)
        case msgspec.inspect.TupleType():
            return tuple(some(item) for item in kind.item_types)
        case msgspec.inspect.DictType():
            return {some(kind.key_type): some(kind.value_type)}
        case msgspec.inspect.IntType():
            return 7
        case msgspec.inspect.FloatType():
            return 7.5
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.StrType():
            return "word"
        case msgspec.inspect.LiteralType():
            return kind.values[0]
        case msgspec.inspect.NoneType():
            return None
        case msgspec.inspect.AnyType():
            return {"a": [1, None, "word"]}
    raise AssertionError(f"no value for {kind}")


@pytest.mark.parametrize("kind", SHIPPED, ids=lambda kind: kind.__name__)
def test_a_record_of_each_kind_keeps_its_bytes_and_fits_the_schema(kind: type) -> None:
    """Made by hand, every field filled."""
    record = some(msgspec.inspect.type_info(kind))
    line = to_line(record if kind is not Opened else OPENED)
    (*_, back) = HistoryReader().records([line] if kind is Opened else [to_line(OPENED), line])
    assert type(back) is kind
    assert to_line(back) == line
    document = schema(SHIPPED)
    reference = document["discriminator"]["mapping"][kind.__struct_config__.tag]  # type: ignore[attr-defined]
    own = {"$defs": document["$defs"], "$ref": reference}
    jsonschema.Draft202012Validator(own).validate(json.loads(line))


@pytest.mark.parametrize("kind", [*OF_EXTENSIONS, *ACTIONS.values()], ids=lambda kind: kind.__name__)
def test_a_record_of_an_extension_and_an_action_are_a_line_of_words(kind: type) -> None:
    """For who reads the history or the plan. The words of the core's records are in `refold.reports`."""
    words = str(some(msgspec.inspect.type_info(kind)))
    assert words
    assert "\n" not in words
    assert f"{kind.__name__}(" not in words


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
@pytest.mark.parametrize("knowing", [False, True])
def test_every_record_is_written_read_and_written_again_to_the_same_bytes(
    application: Application, knowing: bool
) -> None:
    """With the application, which makes objects of events and commands; without it, but for the order of an event's fields."""
    reader = HistoryReader(application if knowing else None)
    for record in REAL[application.name]:
        line = to_line(record)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        lines = [line] if type(record) is Opened else [to_line(OPENED), line]
        (*_, back) = reader.records(lines)
        assert type(back) is type(record)
        assert json.loads(to_line(back)) == json.loads(line)
        assert to_line(back) == line or not knowing


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
def test_with_the_application_events_and_commands_come_back_as_they_were(application: Application) -> None:
    """Equal objects of the same classes."""
    for record in REAL[application.name]:
        if isinstance(record, Stored | Prepared):
            (back,) = read(to_line(record), application=application)
            assert back == record


def test_an_action_stays_what_was_written() -> None:
    """It is shown as it is."""
    step = next(r for r in REAL["accounts"] if isinstance(r, Step) and isinstance(r.action, Submit))
    (back,) = read(to_line(step))
    assert back.action == json.loads(to_line(step))["action"]


@pytest.mark.parametrize(
    "record",
    [
        Applied("index", 1, {"b": {3, 1, 2}, "a": frozenset({"y", "x"})}),
        Applied("index", 1, {'\u2028 \u00e9 \U0001f600 \x00 \\ "': [None, True, 1.5, 1 << 60, -1]}),
        Applied("", 0, {}),
        Recovered("log", 0, None),
        Settling(),
        Prepared("a", "a-1", None, "log", "s", 0, Exact(2), (NewEvent("a-1/0", "X", {"k": [1]}),)),
        Prepared("a", "a-1", "text", "log", "s", 0, ANY, ()),
        Prepared("a", "a-1", 3, "log", "s", 0, NO_STREAM, ()),
        Prepared("a", "a-1", [1], "log", "s", 0, STREAM_EXISTS, ()),
        SnapshotLoaded("stream:s", 1, {"n": float("inf")}, 1),
    ],
)
def test_a_record_with_odd_values_keeps_its_bytes(record: Any) -> None:
    """Sets are sorted, so that their order in memory does not show."""
    (back,) = read(to_line(record))
    assert to_line(back) == to_line(record)


def test_a_value_that_is_no_json_cannot_be_written() -> None:
    """The error is a TypeError, which the command line explains."""
    with pytest.raises(TypeError):
        to_line(Applied("index", 1, {"k": object()}))


def test_a_lone_surrogate_in_a_name_or_an_error_is_spelled_out() -> None:
    """A name of a consumer, or what an exception says: no file can hold it, and the rest of the history is not lost for it."""
    line = to_line(RebuildEnded("\ud800 lone", "raised", "RuntimeError: \udfff"))
    assert json.loads(line) == {
        "kind": "rebuild-ended",
        "consumer": "\\ud800 lone",
        "how": "raised",
        "detail": "RuntimeError: \\udfff",
    }
    assert to_line(Observed("\ud800", 1, {"\ud800": [("\ud800",)]})).decode().count("\\\\ud800") == 3


def test_plain_is_what_a_file_gives_back() -> None:
    """For sets, tuples and objects."""
    value = {"s": frozenset({2, 1}), "t": (1, (2,)), "o": Register("acme", "ada"), "n": None}
    assert plain(value) == {"s": [1, 2], "t": [1, [2]], "o": {"org": "acme", "name": "ada"}, "n": None}
    (back,) = read(to_line(Applied("index", 1, value)))
    assert back.writes == plain(value)


# -- what cannot be read


def garbled() -> list[tuple[str, list[bytes], int, str]]:
    """(name, lines, the line that is wrong, what is said)."""
    first, event = to_line(OPENED), to_line(Applied("index", 1, {"k": 1}))
    return [
        ("empty", [], 1, "the file is empty"),
        ("first-line-is-no-opening", [event], 1, "begins with a record of kind “history”"),
        ("second-opening", [first, first], 2, "a second “history” record"),
        ("version-of-tomorrow", [first.replace(b'"version":1', b'"version":99')], 1, "version 99 is unknown"),
        ("cut-off", [first, event[:-9]], 2, "cut off in the middle"),
        ("blank-line", [first, b"\n", event], 2, "not a record of a refold history"),
        ("not-json", [first, b"hello\n"], 2, "not a record of a refold history"),
        ("binary", [first, bytes(range(256)) + b"\n"], 2, "not a record of a refold history"),
        ("no-utf8", [first, event.replace(b'"k"', b'"\xff"')], 2, "not a record of a refold history"),
        ("array", [first, b"[]\n"], 2, "not a record of a refold history"),
        ("no-kind", [first, b'{"position": 1}\n'], 2, "not a record of a refold history"),
        ("unknown-kind", [first, b'{"kind": "teleported"}\n'], 2, "not a record of a refold history.*teleported"),
        (
            "from-zero",
            [first, to_line(Stored(0, "k", 1, "a-1/0", "E", {}))],
            2,
            r"Expected `int` >= 1 - at `\$\.position`",
        ),
        ("missing-field", [first, b'{"kind": "applied", "consumer": "x"}\n'], 2, "missing required field `position`"),
        ("wrong-type", [first, event.replace(b'"position":1', b'"position":"1"')], 2, "Expected `int`"),
        ("no-whole-number", [first, event.replace(b'"position":1', b'"position":1e400')], 2, "not a record"),
        ("too-deep", [first, event.replace(b'"k":1', b'"k":' + b"[" * 50_000 + b"]" * 50_000)], 2, "nested too deep"),
        ("too-long", [first, b" " * (LINE_MAX + 1)], 2, "longer than"),
    ]


@pytest.mark.parametrize(
    ("name", "lines", "number", "message"), garbled(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_garbled_history_is_refused_with_its_line(name: str, lines: list[bytes], number: int, message: str) -> None:
    """In one sentence."""
    with pytest.raises(MalformedHistory, match=message) as error:
        list(HistoryReader().records(lines))
    assert error.value.line == number
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_records_before_the_garbled_line_are_read() -> None:
    """The reader streams: what came before is not lost."""
    reader = HistoryReader().records([to_line(OPENED), to_line(Settling()), b"hello\n"])
    assert [next(reader), next(reader)] == [OPENED, Settling()]
    with pytest.raises(MalformedHistory):
        next(reader)


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"event","position":1,"stream":"acme","version":1,"id":"a/0","type":"Registered","data":{"org":1}}\n',
        b'{"kind":"event","position":1,"stream":"acme","version":1,"id":"a/0","type":"Registered","data":null}\n',
        b'{"kind":"declined","client":"a","op":"a-1","command":{"Fly":{}},"source":"log","stream":"s","seen":0,"reason":""}\n',
        b'{"kind":"declined","client":"a","op":"a-1","command":7,"source":"log","stream":"s","seen":0,"reason":""}\n',
    ],
)
def test_an_event_or_command_that_the_application_cannot_read_is_named(line: bytes) -> None:
    """Without the application it is fine."""
    assert read(line)
    with pytest.raises(MalformedHistory, match=r"line 2: not a record of a refold history \(.*(accounts|command)"):
        read(line, application=Accounts())


def test_a_random_cut_or_flip_is_read_or_refused_and_never_anything_else() -> None:
    """Two thousand damaged files."""
    generator = random.Random(4)
    lines = [to_line(record) for record in REAL["accounts"][:200]]
    whole = b"".join(lines)
    refused = []
    for _ in range(2000):
        damaged = bytearray(whole[: generator.randrange(1, 8000)])
        for _ in range(generator.randrange(3)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            list(HistoryReader(Accounts()).records(bytes(damaged).splitlines(keepends=True)))
        except MalformedHistory as error:
            refused.append(str(error))
    assert len(refused) > 1000
    assert not [sentence for sentence in refused if "\n" in sentence]


# -- the published schema


def test_the_schema_file_is_what_the_code_says() -> None:
    """REFOLD_UPDATE_GOLDEN=1 writes it anew: a change of it is a change of the format."""
    text = json.dumps(schema(SHIPPED), indent=1) + "\n"
    if os.environ.get("REFOLD_UPDATE_GOLDEN"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text, "run this test with REFOLD_UPDATE_GOLDEN=1 and review the file"


def test_the_schema_is_a_schema_and_describes_every_kind() -> None:
    """Each with its docstring as its description."""
    document = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(document)
    assert set(document["discriminator"]["mapping"]) == {kind.__struct_config__.tag for kind in SHIPPED}
    assert all(document["$defs"][kind.__name__].get("description") for kind in SHIPPED)


@pytest.mark.parametrize("name", REAL)
def test_real_lines_are_valid_under_the_schema(name: str) -> None:
    """Each kind, with plenty of values; checked against its own definition."""
    document = json.loads(SCHEMA.read_text(encoding="utf-8"))
    mapping = document["discriminator"]["mapping"]
    some: dict[type, list[Any]] = {}
    for record in REAL[name]:
        some.setdefault(type(record), []).append(record)
    for kind, records in some.items():
        own = jsonschema.Draft202012Validator({"$defs": document["$defs"], "$ref": mapping[kind.__struct_config__.tag]})
        for record in records[:12]:
            own.validate(json.loads(to_line(record)))
    jsonschema.Draft202012Validator(document).validate(json.loads(to_line(REAL[name][0])))


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"kind": "teleported"},
        {"kind": "applied", "consumer": "index"},
        {"kind": "applied", "consumer": "index", "position": "1", "writes": {}},
        {"kind": "history", "version": 1, "system": "x", "application": "y", "clients": [1], "consumers": []},
    ],
)
def test_what_the_reader_refuses_the_schema_refuses_too(line: dict[str, Any]) -> None:
    """They are one description."""
    document = json.loads(SCHEMA.read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(document).validate(line)
    with pytest.raises(MalformedHistory):
        list(HistoryReader().records([msgspec.json.encode(line) + b"\n"]))


def test_blank_lines_at_the_end_are_no_records() -> None:
    """An editor, or `echo >>`, may leave them."""
    assert list(HistoryReader().records([to_line(OPENED), to_line(Settling()), b"\n", b" \r\n"])) == [
        OPENED,
        Settling(),
    ]


def test_what_was_not_recorded_stays_out_and_what_is_unknown_is_said() -> None:
    """Commands and payloads of requests may be null; an event of a type that the application does not have is named."""
    reader = HistoryReader(Accounts())
    asked = Prepared("a", "a-1", None, "log", "acme", 0, ANY, (NewEvent("a-1/0", "Registered", None),))
    assert list(reader.records([to_line(OPENED), to_line(asked)])) == [OPENED, asked]
    strange = to_line(Stored(1, "acme", 1, "a-1/0", "Registred", {"org": "acme", "name": "ada"}))
    with pytest.raises(
        MalformedHistory, match=r"no event 'Registred' in application accounts \(did you mean 'Registered'\?\)"
    ):
        list(reader.records([to_line(OPENED), strange]))


def test_a_scan_has_an_id_for_every_position() -> None:
    """One without stopped the properties that compare them."""
    first = to_line(Opened(HISTORY_VERSION, "own", "accounts", (), ()))
    with pytest.raises(MalformedHistory, match="a scan of 2 positions and 1 ids"):
        list(HistoryReader().records([first, b'{"kind": "scanned", "positions": [1, 2], "ids": ["a"]}']))


class Nameless(Accounts):
    """Is called like its class."""

    name = ""


@pytest.mark.parametrize(("application", "called"), [(Accounts(), "accounts"), (Nameless(), "Nameless")])
def test_the_application_that_cannot_read_an_event_is_named(application: Application, called: str) -> None:
    """By its name, or by its class."""
    event = to_line(Stored(1, "acme", 1, "alice-1/0", "Registered", {"account": 7}))
    with pytest.raises(MalformedHistory, match=f"application {called} cannot read an event or command"):
        list(HistoryReader(application).records([to_line(OPENED), event]))


def outcome(records: Any) -> tuple[list[Any], str]:
    """The records up to what is wrong, and that."""
    read: list[Any] = []
    try:
        for some in records:
            read.extend(some if isinstance(some, list) else [some])
    except MalformedHistory as error:
        return read, str(error)
    return read, ""


def in_blocks(content: bytes, application: Application | None, lines: int) -> tuple[list[Any], str]:
    """The outcome when so many lines are read at a time."""
    kept = content.splitlines(keepends=True)
    blocks = [b"".join(kept[start : start + lines]) for start in range(0, len(kept), lines)]
    return outcome(HistoryReader(application).batches(blocks))


@pytest.mark.parametrize(
    "application", [None, *APPLICATIONS], ids=lambda application: getattr(application, "name", "none")
)
def test_many_lines_at_a_time_are_the_records_that_they_are_one_by_one(application: Application | None) -> None:
    """Histories as they are, and a thousand damaged ones, with the same sentence for what is wrong."""
    generator = random.Random(5)
    records = REAL["accounts" if application is None else application.name]
    opened = next(record for record in records if isinstance(record, Opened))
    lines = [to_line(opened), *(to_line(record) for record in records[:400] if not isinstance(record, Opened))]
    for number in range(1000):
        damaged = list(lines[: generator.randrange(2, 40)])
        for _ in range(generator.randrange(3) if number else 0):
            place = generator.randrange(len(damaged))
            match generator.randrange(5):
                case 0:
                    damaged.insert(place, generator.choice([b"\n", b" \n", lines[0], b"{}\n", b"[]\n"]))
                case 1:
                    damaged[place] = damaged[place].rstrip(b"\n") + b" "
                case 2:
                    damaged[place] = damaged[place].replace(b",", b",\n", 1)
                case 3:
                    at = generator.randrange(len(damaged[place]))
                    damaged[place] = damaged[place][:at] + generator.randbytes(1) + damaged[place][at + 1 :]
                case _:
                    damaged[place] = damaged[place].replace(b'"position":', b'"position":-')
        content = b"".join(damaged).replace(b"\r", b"")
        one_by_one = outcome(HistoryReader(application).records(content.splitlines(keepends=True)))
        assert in_blocks(content, application, generator.choice([1, 2, 5, 100])) == one_by_one


def test_each_record_has_a_line_of_its_own() -> None:
    """Two on a line do not make up for one on two lines."""
    first, second = to_line(OPENED), to_line(Settling())
    content = first + second.rstrip(b"\n") + b" " + second + second.replace(b":", b":\n")
    records, wrong = in_blocks(first + content.removeprefix(first), None, 100)
    assert records == [OPENED]
    assert wrong.startswith("line 2: ")
    records, wrong = in_blocks(first + second, None, 1)
    assert (records, wrong) == ([OPENED, Settling()], "")


@pytest.mark.parametrize("longest", [99, 100, 101, 150])
def test_a_line_is_too_long_wherever_it_stands(longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a block of its own, among others, and in blocks that are longer themselves."""
    monkeypatch.setattr("refold.model.documents.history.LINE_MAX", 100 + len(to_line(OPENED)))
    short = to_line(Settling())
    long = short.rstrip(b"\n").ljust(longest + len(to_line(OPENED)) - 1) + b"\n"
    lines = [to_line(OPENED), *[short] * 9]
    for place in range(1, len(lines)):
        content = b"".join([*lines[:place], long, *lines[place:]])
        one_by_one = outcome(HistoryReader().records(content.splitlines(keepends=True)))
        assert one_by_one[1].startswith(f"line {place + 1}: the line is longer than") == (longest > 100)
        assert len(one_by_one[0]) == (place if longest > 100 else len(lines) + 1)
        for size in (1, 2, 5, 100):
            assert in_blocks(content, None, size) == one_by_one


def test_a_line_may_be_as_long_as_the_reference_says() -> None:
    """And not a byte longer."""
    page = (Path(__file__).parents[3] / "docs/reference/history-format.md").read_text()
    (mebibytes,) = re.findall(r"at most (\d+) MiB", page)
    line = to_line(Settling()).rstrip(b"\n").ljust((int(mebibytes) << 20) - 1) + b"\n"
    assert read(line) == [Settling()]
    with pytest.raises(MalformedHistory, match="longer than"):
        read(b" " + line)
