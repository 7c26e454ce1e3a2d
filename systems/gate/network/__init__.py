"""A loopback proxy in front of servers, and what must be known of their protocols."""
