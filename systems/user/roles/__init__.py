"""The roles that a user's system may have, and what adapters of every user would otherwise write again."""
