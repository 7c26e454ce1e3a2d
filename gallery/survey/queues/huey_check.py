"""`huey` with SQLite: a task is deleted from its table when a consumer takes it, and executed after that.

Documented: a task that is interrupted by a shutdown is not put back by itself; a signal handler may do so. That is at-most-once: no task
is executed twice, and a task that its consumer had taken when it was killed is lost.
"""

from huey import SqliteHuey
from jobs import Accepted, done

from refold.systems.user import Relay, Service, sqlite_system

NEEDS = ["huey"]
RUNS = {"System": "jobs.py:Jobs", "AtLeastOnce": "jobs.py:Jobs"}
DOCUMENTED = {
    "AtLeastOnce": "at-most-once. This run asks for more than huey promises, to show what a killed consumer loses"
}
LOG = """
create table known as select 'brew' as job union select 'wash' union select 'dry';
create table log (position integer primary key autoincrement, job text);
create trigger accepted after insert on task begin
    insert into log (job) select job from known where instr(new.data, cast(job as blob));
end;
"""


def opened(path, send=None, create_tables=False):
    queue = SqliteHuey(filename=path, results=False, create_tables=create_tables)

    @queue.task(name="do")
    def do(job):
        send(job)

    return queue, do


def create(path):
    queue, _ = opened(path, create_tables=True)
    queue.storage.conn.executescript(LOG)
    queue.storage.close()


class Producer:
    def __init__(self, path):
        self.path, self.do = path, None

    def put(self, job):
        self.do = self.do or opened(self.path)[1]
        self.do(job)


class Consumer:
    def __init__(self, path, done):
        self.path, self.done, self.queue = path, done, None

    def poll(self):
        """What a worker of huey's own consumer does in its loop."""
        self.queue = self.queue or opened(self.path, self.done.send)[0]
        task = self.queue.dequeue()
        if task is None:
            return False
        self.queue.execute(task)
        return True


def system(*promises):
    return sqlite_system(
        create,
        Service(Producer),
        events={Accepted: "log"},
        sinks={"done": done(*promises)},
        relays={name: Relay(Consumer, sends="done") for name in ("worker", "helper")},
    )


System = system("at-most-once")
AtLeastOnce = system()
