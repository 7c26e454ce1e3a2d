"""`django-outbox-pattern`: a Django model, and a message in the same transaction; a publisher sends messages and marks them as sent.

Promised: with the decorator, a message is published if and only if the change is committed, and at least once: sending is tried again.
"""

import json

import django
from django.conf import settings
from django.db import connection, connections
from jobs import Accepted, done
from stomp.exception import NotConnectedException

from refold.systems.user import Relay, Service, sqlite_system

NEEDS = ["django-outbox-pattern"]
RUNS = {"System": "jobs.py:Jobs"}
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(INSTALLED_APPS=["django_outbox_pattern"], DATABASES={"default": DATABASE}, USE_TZ=True)
django.setup()

from django.db import models  # noqa: E402
from django_outbox_pattern.choices import StatusChoice  # noqa: E402
from django_outbox_pattern.decorators import Config, publish  # noqa: E402
from django_outbox_pattern.models import Published  # noqa: E402
from django_outbox_pattern.producers import Producer  # noqa: E402


@publish([Config(destination="/topic/jobs")])
class Order(models.Model):
    job = models.CharField(max_length=20)

    class Meta:
        app_label = "django_outbox_pattern"


def create(path):
    connections.databases["default"]["NAME"] = path
    connection.close()
    with connection.schema_editor() as editor:
        editor.create_model(Published)
        editor.create_model(Order)
    connection.close()


class Shop:
    def __init__(self, path): ...

    def put(self, job):
        Order(job=job).save()


class Broker:  # in the place of a STOMP connection
    def __init__(self, done):
        self.done = done
        self.is_connected = self.connect = self.disconnect = self.set_listener = lambda *_, **__: True

    def send(self, body, destination, headers):
        try:
            self.done.send(json.loads(body)["job"])
        except ConnectionError as error:
            raise NotConnectedException from error


class Publisher:
    def __init__(self, path, done):
        self.producer = Producer(Broker(done), "", "")

    def poll(self):
        """One round of the loop of the command `publish`."""
        due = Published.objects.filter(status=StatusChoice.SCHEDULE).exists()
        self.producer.publish_message_from_database()
        return due


events = {Accepted: "select id as position, job from django_outbox_pattern_order"}
System = sqlite_system(
    create, Service(Shop), events=events, sinks={"done": done()}, relays={"publisher": Relay(Publisher, sends="done")}
)
