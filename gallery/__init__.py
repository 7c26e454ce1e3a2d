"""Known-bad and fixed releases, and the environments in which each is verified."""
