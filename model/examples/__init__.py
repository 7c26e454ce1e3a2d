"""Four small applications that come with refold."""
