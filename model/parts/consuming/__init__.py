"""Ways to consume the log beside those of the core: batches, groups, filters, workers, rebuilds."""
