"""The desktop: an icon in the system tray that supervises the server."""
