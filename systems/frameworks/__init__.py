"""Applications written with a framework: refold calls their own methods, and a full replay by the same framework is the oracle."""
