"""The settings: read, changed from the menu and from the dashboard, and made effective."""
