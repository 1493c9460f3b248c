"""What to type into each client: the one source of the command `connect`, the manual's pages and the menu's copies."""
