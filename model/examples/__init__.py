"""Three small applications that come with refold."""
