"""The menu for a user's own code: places at which it stops, the rehearsal that finds them, and the words about them."""
