"""What `refold init` and `refold new` write into a project of the user's."""
