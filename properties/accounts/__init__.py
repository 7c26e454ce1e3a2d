"""Histories that are judged by keeping accounts, without a search: queues, sets, lists, and the partitions of a Kafka."""
