"""A user's own code behind the port: his log, his consumers, his rows, his errors."""
