"""What tells refold about each software of the gallery: one file for its bad and its good releases, which knows of no bug."""
