"""What was stored before: plans that are run again, histories that are judged, the files that they are in."""
