"""The settings: read, changed from the menu and from the page, and made effective."""
