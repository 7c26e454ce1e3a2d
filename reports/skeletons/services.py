"""A test for a service that reads, decides and writes by itself. What only its owner knows is to be filled in."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Mapping

import attrs

from refold.reports.skeletons.code import Code, Function, Module, methods, needed, snake
from refold.reports.skeletons.databases import EventsTable, ProjectDatabase, database_of
from refold.reports.skeletons.library import VALUES, Verifiable
from refold.reports.skeletons.skeletons import skeleton

WRITING = {"post", "put", "patch", "delete"}
"""Names of decorators with which web frameworks mark what writes."""
TURNS = {"poll", "process_next", "process_one", "run_once", "step", "tick", "turn", "work"}
"""Names of methods that do a piece of background work."""
ADDRESSES = re.compile("path|dsn|ur[il]|file|conninfo|address|database")
"""Names of parameters that are the path or the address of a database."""
VIEW = '''
    def view(self, event, rows):
        """The rows that a worker writes for an event: key -> the values behind it."""
        raise NotImplementedError("fill in view(): what does the worker write?")
'''
"""What rules say of a worker's rows, without which it would be accused of what nobody has said."""
MOST_VALUES = 2
WIDTH = 88
"""How long a line may be, with what formatters have without a configuration."""


@attrs.frozen
class ServiceCall:
    """A method or a function that clients call: its parameters, and the model of the module in which a function takes them, if it does."""

    function: Function
    fields: list[ast.arg]
    model: str = ""
    injected: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the code of the project."""
        return self.function.name

    @property
    def command(self) -> str:
        """The class of the command: claim_name -> ClaimName."""
        return "".join(part[:1].upper() + part[1:] for part in self.name.split("_"))


def service_in(code: Code) -> Verifiable | None:
    """A class that writes when it is called, or functions that do."""
    database = database_of(code)
    if database is None:
        return None
    for module, cls in code.classes:
        calls = [ServiceCall(one, needed(one)) for one in methods(cls) if needed(one) and database.writes(module, one)]
        if calls:
            return test_of(code, database, module, calls, cls)
    for module in code.modules:
        functions = [node for node in module.tree.body if isinstance(node, Function)]
        routes = [node for node in functions if any(writing(one) for one in node.decorator_list)]
        plain = [node for node in functions if database.writes(module, node) and not connected(node)]
        calls = [call_of(module, node) for node in routes or plain]
        calls = [call for call in calls if call.fields]
        if calls:
            return test_of(code, database, module, calls, None)
    return None


def writing(decorator: ast.expr) -> bool:
    """Whether it is a decorator like ``@app.post("/claims")``."""
    return (
        isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.func.attr in WRITING
    )


def connected(function: Function) -> bool:
    """Whether it is given a connection, so that another function calls it."""
    return any(arg.arg in {"con", "conn", "connection", "cursor", "cur", "session", "db"} for arg in needed(function))


def call_of(module: Module, function: Function) -> ServiceCall:
    """A function with what a client gives it: the fields of a model, if it takes one, and nothing that a framework injects."""
    injected = tuple(arg.arg for arg, default in defaults(function) if "Depends" in ast.dump(default))
    injected += tuple(arg.arg for arg in needed(function) if arg.annotation and "Depends" in ast.dump(arg.annotation))
    given = [arg for arg in needed(function) if arg.arg not in injected]
    models = {cls.name: cls for cls in module.classes}
    if len(given) == 1 and (model := models.get(module.meaning(given[0].annotation))) is not None:
        fields = [
            ast.arg(node.target.id, node.annotation)
            for node in model.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is None
        ]
        return ServiceCall(function, fields, model.name, injected)
    return ServiceCall(function, given, "", injected)


def defaults(function: Function) -> Iterator[tuple[ast.arg, ast.expr]]:
    """The parameters with a default."""
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args]
    yield from zip(given[len(given) - len(arguments.defaults) :], arguments.defaults, strict=True)
    yield from (
        (arg, default) for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default
    )


def test_of(
    code: Code, database: ProjectDatabase, module: Module, calls: list[ServiceCall], cls: ast.ClassDef | None
) -> Verifiable:
    """The test, and what is to be filled in."""
    table = database.table(module, [call.function for call in calls])
    create, creating = database.create(module)
    make, making = made(database, module, calls, cls)
    workers = list(workers_in(database, code)) if cls is not None else []
    helpers = [helper for helper in (creating, making) if helper]
    missing = ["decide()", "evolve()"]
    missing += ["view()"] * bool(workers)
    missing += ["create()"] * ("NotImplementedError" in creating)
    missing += [f"{make}()"] * ("NotImplementedError" in making)
    if table is None:
        missing.append("the table of events")
        table = EventsTable("events", "Happened", [field.arg for field in calls[0].fields], "events")
    name = snake(cls.name) if cls is not None else module.name.rpartition(".")[2]
    subject = cls.name if cls is not None else ", ".join(f"{call.name}()" for call in calls[:3])
    types = {name: said for name, said in database.columns(table.name) if said in VALUES}
    modules = used(code, "\n".join([create, *helpers, *workers, *refusals(module, calls), f"{make}."]))
    text = skeleton(
        "service",
        subject=subject,
        modules="\n" * bool(modules) + "".join(f"import {one}\n" for one in modules),
        drivers="".join(f"import {one}\n" for one in ("pathlib", "sqlite3") if f"{one}." in creating + making),
        servers="".join(f"import {one}\n" for one in ("psycopg", "psycopg2") if f"{one}.connect(" in making),
        commands="\n\n\n".join(data_class(call.command, fields_of(call, types)) for call in calls),
        event=data_class(table.event, {name: types.get(name, "object") for name in table.fields}),
        Event=table.event,
        Name="".join(part.capitalize() for part in name.split("_")) + "Rules",
        menu="\n".join(line for call in calls for line in menu(call, types)),
        key=key_of(calls, table),
        view=VIEW if workers else "",
        helpers="".join(f"\n\n{helper}\n" for helper in helpers),
        system=f"{database.kind}_system",
        names="Service, Worker" if workers else "Service",
        arguments="\n".join(arguments(create, make, refusals(module, calls), table, workers)),
        page="verify-your-own-service.md" if database.kind == "sqlite" else "service-on-postgresql.md",
    )
    kind = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[database.kind]
    note = f"fill in {', '.join(missing[:-1])} and {missing[-1]} in {{file}}; until then the test fails and says what is missing"
    return Verifiable(name, module, f"{subject} in {{where}}, a service on {kind}", text, [note], database.kind)


def used(code: Code, said: str) -> list[str]:
    """The modules that a text names; `app.main` is not `app`."""
    found = []
    for name in sorted((one.name for one in code.modules), key=len, reverse=True):
        word = rf"(?<![\w.]){re.escape(name)}"
        found += [name] * bool(re.search(rf"{word}\.", said))
        said = re.sub(rf"{word}\b", "", said)
    return sorted(found)


def fields_of(call: ServiceCall, types: Mapping[str, str]) -> dict[str, str]:
    """The fields of a command with their types, by what the function says, or the column of the same name."""
    said = {field.arg: ast.unparse(field.annotation) if field.annotation else "" for field in call.fields}
    return {name: kind if kind in VALUES else types.get(name, "object") for name, kind in said.items()}


def data_class(name: str, fields: Mapping[str, str]) -> str:
    """A class of commands or events."""
    lines = [f"    {field}: {kind}" for field, kind in fields.items()]
    return "\n".join(["@dataclass(frozen=True)", f"class {name}:", *lines])


def not_yet(text: str, indent: str) -> str:
    """A statement that says what is to be filled in."""
    line = f'{indent}raise NotImplementedError("{text}")'
    return line if len(line) <= WIDTH else f'{indent}raise NotImplementedError(\n{indent}    "{text}"\n{indent})'


def menu(call: ServiceCall, types: Mapping[str, str]) -> Iterator[str]:
    """Lines with commands of one class."""
    values = [VALUES.get(kind, VALUES["str"]) for kind in fields_of(call, types).values()]
    for given in itertools.islice(itertools.product(*values), 2 * MOST_VALUES):
        yield f"            {call.command}({', '.join(given)}),"


def key_of(calls: list[ServiceCall], table: EventsTable) -> str:
    """The method that says what all commands and events are about; none where that is not to be seen: it is the first field then."""
    common = [field.arg for field in calls[0].fields if field.arg in table.fields]
    common = [name for name in common if all(name in {field.arg for field in call.fields} for call in calls)]
    if not common:
        return ""
    said = "What a command or an event is about: each has a state of its own."
    return f'    def key(self, message):\n        """{said}"""\n        return message.{common[0]}\n\n'


def refusals(module: Module, calls: list[ServiceCall]) -> list[str]:
    """The errors by which functions say no: those that they raise themselves."""
    found = []
    own = {cls.name for cls in module.classes}
    for node in (node for call in calls for node in ast.walk(call.function)):
        match node:
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) | ast.Raise(exc=ast.Name(id=name)):
                if name in own or name in module.imports:
                    found.append(f"{module.name}.{name}")
    return list(dict.fromkeys(found))


def made(
    database: ProjectDatabase, module: Module, calls: list[ServiceCall], cls: ast.ClassDef | None
) -> tuple[str, str]:
    """What makes the object that a client calls, and a class or function of the test if there is none in the project."""
    if cls is None:
        return "Calls", calling(database, module, calls)
    start = next((node for node in cls.body if isinstance(node, Function) and node.name == "__init__"), None)
    given = needed(start) if start is not None else []
    if len(given) == 1 and start is not None and takes_address(start):
        return f"{module.name}.{cls.name}", ""
    name = f"new_{snake(cls.name)}"
    connect = {"sqlite3": "sqlite3.connect", "psycopg": "psycopg.connect", "psycopg2": "psycopg2.connect"}
    driver = next((driver for driver in connect if database.code.imported(driver)), None)
    head = f'def {name}(path):\n    """What a client calls, made anew each time its process starts."""\n'
    if len(given) == 1 and driver is not None and is_connection(given[0]):
        return name, f"{head}    return {module.name}.{cls.name}({connect[driver]}(path))"
    if not given and (addresses := database.addresses()):
        lines = "".join(f"    {line}\n" for line in addresses)
        return name, f"{head}{lines}    return {module.name}.{cls.name}()"
    return name, head + not_yet(f"fill in how to make a {cls.name} on the database at path", "    ")


def takes_address(start: Function) -> bool:
    """Whether it is given the path or the address of a database, by its name or its type, or because it connects with it."""
    (given,) = needed(start)
    said = ast.unparse(given.annotation) if given.annotation is not None else ""
    connects_with = any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("connect", "create_engine"))
        and any(isinstance(arg, ast.Name) and arg.id == given.arg for arg in node.args)
        for node in ast.walk(start)
    )
    return connects_with or ADDRESSES.search(given.arg) is not None or said in {"str", "Path", "pathlib.Path"}


def is_connection(arg: ast.arg) -> bool:
    """Whether a parameter is a connection, by its name or its type."""
    said = ast.unparse(arg.annotation) if arg.annotation is not None else ""
    return (arg.arg in {"con", "conn", "connection", "db"} and said != "str") or said.endswith("Connection")


def calling(database: ProjectDatabase, module: Module, calls: list[ServiceCall]) -> str:
    """A class that calls the functions of a module."""
    lines = ["class Calls:", '    """What a client calls, made anew each time its process starts."""', ""]
    lines += ["    def __init__(self, path):"]
    addresses = database.addresses()
    injected = list(dict.fromkeys(name for call in calls for name in call.injected))
    unknown = [] if addresses else [f"how {module.name} gets to the database at path"]
    if injected:
        unknown.append(" and ".join(f"what self.{name} is" for name in injected))
    lines += [f"        {line}" for line in addresses]
    lines += [not_yet(f"fill in {text}", " " * 8) for text in unknown]
    for call in calls:
        names = [field.arg for field in call.fields]
        wait, start = ("await ", "async def") if isinstance(call.function, ast.AsyncFunctionDef) else ("", "def")
        lines += ["", f"    {start} {call.name}(self, {', '.join(names)}):"]
        given = list(names)
        if call.model:
            given = [f"{module.name}.{call.model}({', '.join(f'{name}={name}' for name in names)})"]
        given += [f"{name}=self.{name}" for name in call.injected]
        lines.append(f"        return {wait}{module.name}.{call.name}({', '.join(given)})")
    return "\n".join(lines)


def workers_in(database: ProjectDatabase, code: Code) -> Iterator[str]:
    """Workers of the system: the classes with a method that does a piece of background work on tables of rows and of one position."""
    tables = code.tables
    for module, cls in code.classes:
        for one in methods(cls):
            if one.name in TURNS and not needed(one):
                written = dict.fromkeys(name for _, name in database.writes(module, one) if name in tables)
                positions = [name for name in written if len(tables[name]) == 1]
                rows = [name for name in written if len(tables[name]) > 1]
                if len(positions) == len(rows) == 1:
                    yield (
                        f'"{snake(cls.name)}": Worker(\n            {module.name}.{cls.name},\n            poll="{one.name}",\n'
                        f'            rows="{rows[0]}",\n            checkpoint="{positions[0]}",\n        ),'
                    )


def arguments(create: str, make: str, refusals: list[str], table: EventsTable, workers: list[str]) -> Iterator[str]:
    """The arguments of `sqlite_system` or `postgres_system`."""
    yield f"    {create},"
    yield f"    Service({make}, refusals=[{', '.join(refusals)}]),"
    yield f'    events={{{table.event}: "{table.query}"}},'
    if workers:
        yield "\n".join(["    consumers={", *(f"        {worker}" for worker in workers), "    },"])
