"""Tools with which Claude uses the desktop: their schemas, their arguments, and the session that a person starts.

Nothing here touches a screen. The tray does, through `Desktop`.
"""
