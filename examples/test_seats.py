from msgspec import Struct

from refold import Application, Refusal, machine


class Book(Struct, frozen=True):  # a command; a dataclass will do as well
    show: str
    seats: int  # negative: give back


class Booked(Book, frozen=True): ...  # an event


class Seats(Application):
    events = (Booked,)

    def commands(self):
        return [Book(show, seats) for show in ("hamlet", "lear") for seats in (2, -2)]

    def decide(self, command, sold):
        if not 0 <= (sold or 0) + command.seats <= 3:
            raise Refusal(f"{sold or 0} of 3 seats are sold", "overbooked")
        return [Booked(command.show, command.seats)]

    def evolve(self, sold, event):
        return (sold or 0) + event.seats


OnTheModel, OnSqlite = (machine(Seats(), system).TestCase for system in ("reference", "sqlite"))
