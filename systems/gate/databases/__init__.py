"""Where a statement of the user's code is stopped: connections whose statements, commits and rollbacks are crossings of the gate."""
