"""The port, the reference system and real systems behind the port."""
