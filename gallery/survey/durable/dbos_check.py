"""`dbos`: workflows that are stored step by step in SQLite, and recovered when their process starts again. Clients put orders in a queue.

Promised by its documentation: a workflow that has begun runs to its end, whatever interrupts it; a step is tried at least once, and not
again once it has completed; a workflow has the result that it would have had undisturbed; no two workflows have the same id.
"""

import json
import time

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, error
from orders import KEPT, STEPS, File, begin_run, do, logged

from refold.systems.gate import ModuleState

NEEDS = ["dbos"]
RUNS = {"System": "orders.py:Orders", "Forgets": "orders.py:Orders"}
CONTROLS = {"Forgets": "nothing of a step is stored, because the workflow calls it as a plain function"}
JSON = DBOSPortableJSONSerializer()
PLAIN = {"name": "orders", "application_version": "1", "log_level": "CRITICAL", "serializer": JSON}
FIXED = {"workflow_name": "prepare", "queue_name": "orders", "workflow_id_reuse_policy": "reject"}
DONE = "select workflow_uuid, workflow_output.output from workflow_status join workflow_output using (workflow_uuid) where status = ?"
LOG = "select rowid, workflow_uuid from workflow_status where rowid > ? order by rowid limit ?"


stored = DBOS.step()(do)


@DBOS.workflow()
def prepare(number, forgets):
    done = []
    for step in STEPS:
        done.append(do(step, number) if step == forgets else stored(step, number))
        KEPT.add((number, step))
    return done


AT_FIRST = ModuleState("dbos")


class Worker:
    def __init__(self, place):
        self.place, self.projection = place, "views"

    def start(self):
        AT_FIRST.restore()
        DBOS(config={**PLAIN, "system_database_url": self.place.url})
        DBOS.launch()

    def caught_up(self, position, seconds):
        while seconds > -50 and len(self.rows()) < len(self.place.read(0, 100)):
            seconds -= time.sleep(1) or 1

    def rows(self):
        return {number: json.loads(output) for number, output in self.place.do(DONE, "SUCCESS")}


class System(File):
    refusals, forgets = (error.DBOSWorkflowIDInUseError,), ""

    def __init__(self):
        super().__init__()
        self.sinks, self.url = begin_run(), f"sqlite:///{self.path}"
        DBOS.migrate(self.url)
        self.client().register_queue("orders")
        self.consumers = {"worker": lambda: Worker(self)}

    def client(self):
        return DBOSClient(system_database_url=self.url, serializer=JSON)

    def service(self, client):
        put = self.client().enqueue
        return lambda order: put({**FIXED, "workflow_id": order.number}, order.number, self.forgets)

    def read(self, *page):
        return logged(self.do(LOG, *page))


class Forgets(System):
    forgets = "weigh"
