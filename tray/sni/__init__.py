"""The tray icon on Linux: StatusNotifierItem and dbusmenu spoken on the session bus, without GTK or a display."""
