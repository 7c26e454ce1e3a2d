"""The database that a project writes to: which one it is, how its tables are made, and which of them holds events."""

from __future__ import annotations

import ast
import re

import attrs

from refold.reports.skeletons.code import Code, Function, Module, needed, strings, writes

DRIVERS = {"postgres": {"psycopg", "psycopg2", "asyncpg"}, "sqlite": {"sqlite3", "aiosqlite"}}
EVENTS = re.compile(r"event|journal|ledger|log$", re.IGNORECASE)
TIME = re.compile(r"_at$|^at$|^(time|timestamp|created|updated|recorded)$", re.IGNORECASE)
ADDRESS = re.compile(r"\.(db|sqlite3?)$|^sqlite:|^postgres(ql)?[+:]")
TYPES = {
    "int": re.compile(r"\bint|serial"),
    "float": re.compile("real|double|float"),
    "str": re.compile("text|char|string"),
}
MAKES = re.compile(r"create\s+table", re.IGNORECASE)


@attrs.frozen
class EventsTable:
    """A table of events: the class of its events, their fields, and the table or query that shows them."""

    name: str
    event: str
    fields: list[str]
    query: str


@attrs.frozen
class ProjectDatabase:
    """`kind` is ``sqlite`` or ``postgres``. `models` are tables that SQLAlchemy maps: the class of each, and its columns."""

    code: Code
    kind: str
    models: dict[str, tuple[str, list[tuple[str, str]]]]

    def writes(self, module: Module, function: Function, seen: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
        """What a function does to tables, itself or through other functions of the project that it calls by name."""
        found = writes(function)
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in self.models:
                    found.append(("insert", self.models[name][0]))
                case (
                    ast.Call(func=ast.Name(id=name))
                    | ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name))
                ):
                    for other in self.named(name) if name not in seen else ():
                        found += self.writes(module, other, seen | {name, function.name})
        return found

    def named(self, name: str) -> list[Function]:
        """The functions of the project with a name."""
        return [
            node
            for module in self.code.modules
            for node in ast.walk(module.tree)
            if isinstance(node, Function) and node.name == name
        ]

    def table(self, module: Module, functions: list[Function]) -> EventsTable | None:
        """The table into which these write, and in which nothing is changed or deleted."""
        tables = self.code.tables | dict(self.models.values())
        done = [write for each in self.code.modules for write in writes(each.tree)]
        changed = {name for verb, name in done if verb != "insert"}
        written = [name for one in functions for verb, name in self.writes(module, one) if verb == "insert"]
        chosen = [name for name in written if name in tables and name not in changed]
        chosen.sort(key=lambda name: EVENTS.search(name) is None)
        if not chosen:
            return None
        columns = tables[chosen[0]]
        position = next((name for name, _ in columns if name == "position"), None)
        counted = next(
            (name for name, said in columns if re.search(r"serial|identity|integer primary key|primary_key", said)),
            None,
        )
        place = position or counted or ("rowid" if self.kind == "sqlite" else None)
        fields = [
            name
            for name, said in columns
            if name not in {place, "version", "stream"} and not TIME.search(name) and "default" not in said
        ]
        if place is None or {"type", "data"} <= set(fields) or {"type", "payload"} <= set(fields):
            return None
        query = chosen[0]
        if position is None:
            query = f"select {place} as position, {', '.join(fields)} from {chosen[0]}"
        return EventsTable(chosen[0], event_name(chosen[0]), fields, query)

    def create(self, module: Module) -> tuple[str, str]:
        """What makes the tables: an expression of the test, and a function of the test that it needs."""
        for one in [module, *self.code.modules]:
            for node in one.tree.body:
                if (
                    isinstance(node, Function)
                    and len(needed(node)) == 1
                    and self.makes_tables(one, node)
                    and not given_connection(node)
                ):
                    return f"{one.name}.{node.name}", ""
        for one in [module, *self.code.modules]:
            for node in one.tree.body:
                match node:
                    case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if MAKES.search(
                        text
                    ):
                        return f"{one.name}.{name}", ""
        for one in [module, *self.code.modules]:
            for node in one.tree.body:
                addresses = self.addresses()
                if (
                    isinstance(node, ast.FunctionDef)
                    and not needed(node)
                    and self.makes_tables(one, node)
                    and addresses
                ):
                    lines = [f"    {line}" for line in [*addresses, f"{one.name}.{node.name}()"]]
                    return "create", "\n".join(
                        ["def create(path):", '    """The tables, in an empty database."""', *lines]
                    )
        schemas = [path for path, text in self.code.sql.items() if MAKES.search(text)]
        if len(schemas) == 1:
            return "SCHEMA", f'SCHEMA = (pathlib.Path(__file__).parent / "{schemas[0]}").read_text()'
        where = "path" if self.kind == "sqlite" else "address"
        missing = f"fill in how the tables are made in the empty database at this {where}"
        return "create", f'def create({where}):\n    raise NotImplementedError(\n        "{missing}"\n    )'

    def columns(self, table: str) -> list[tuple[str, str]]:
        """The columns of a table, and what Python calls their types; empty for the others."""
        tables = self.code.tables | dict(self.models.values())
        return [
            (name, next((kind for kind, said in TYPES.items() if said.search(about)), ""))
            for name, about in tables.get(table, [])
        ]

    def makes_tables(self, module: Module, function: Function) -> bool:
        """Whether it has CREATE TABLE in it, or uses a constant that has."""
        constants = {
            node.targets[0].id
            for node in module.tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and any(MAKES.search(text) for text in strings(node))
        }
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        return bool(constants & used) or any(MAKES.search(text) for text in strings(function))

    def addresses(self) -> list[str]:
        """Statements that put the address of the database where the code keeps it; none if it connects when it is imported, or keeps it
        nowhere."""
        if any(connects(node) for module in self.code.modules for node in module.tree.body):
            return []
        found = []
        for module in self.code.modules:
            for node in module.tree.body:
                match node:
                    case ast.Assign(targets=[ast.Name(id=name)], value=value) if any(
                        ADDRESS.search(text) for text in strings(value)
                    ):
                        found.append((module, name))
        return [
            f"{module.name}.{name} = path"
            for module in self.code.modules
            for name in dict.fromkeys(name for _, name in found)
            if any(module is one and name == other for one, other in found) or name in module.imports
        ]


def database_of(code: Code) -> ProjectDatabase | None:
    """Which one it is, by the drivers that are imported; for SQLAlchemy alone by the addresses in the code."""
    kind = next((kind for kind, names in DRIVERS.items() if code.imported(*names)), None)
    if kind is None and code.imported("sqlalchemy", "sqlmodel"):
        addresses = [text for module in code.modules for text in strings(module.tree) if ADDRESS.search(text)]
        kind = "postgres" if any(text.startswith("postgres") for text in addresses) else "sqlite"
    return None if kind is None else ProjectDatabase(code, kind, mapped(code))


def mapped(code: Code) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """The classes with a ``__tablename__``: their tables and columns."""
    found = {}
    for _, cls in code.classes:
        values: dict[str, ast.expr] = {}
        for node in cls.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    values[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    values[name] = value
                case ast.AnnAssign(target=ast.Name(id=name)):
                    values[name] = ast.Constant(value="")
        match values.pop("__tablename__", None):
            case ast.Constant(value=str(table)):
                columns = [
                    (name, ast.unparse(value).lower()) for name, value in values.items() if not name.startswith("_")
                ]
                found[cls.name] = (table, columns)
    return found


def connects(node: ast.stmt) -> bool:
    """Whether a statement at the top of a module opens a database."""
    return isinstance(node, ast.Assign) and any(
        isinstance(part, ast.Call)
        and ast.unparse(part.func).rpartition(".")[2] in {"connect", "create_engine", "create_async_engine"}
        for part in ast.walk(node.value)
    )


def given_connection(function: Function) -> bool:
    """Whether it is given a connection, and not the address of a database."""
    return any(
        arg.arg in {"con", "conn", "connection", "cursor", "cur", "session", "engine"} for arg in needed(function)
    )


def event_name(table: str) -> str:
    """What an event in a table is called: bookings -> BookingStored."""
    words = [
        part.capitalize() for part in table.lower().split("_") if part not in {"events", "event", "log", "journal"}
    ]
    name = "".join(words)
    if name.endswith("s") and not name.endswith("ss"):
        name = name[:-1]
    return f"{name}Stored" if name else "Happened"
