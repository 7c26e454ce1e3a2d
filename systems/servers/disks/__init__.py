"""Disks under the data directories of servers, whose power can be cut. Nothing here imports anything but the standard library."""
