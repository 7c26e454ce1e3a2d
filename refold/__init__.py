"""refold: property-based verification of event-sourced systems."""
